/**
 * The agent's live connection. Speaks `/ws/agent`: says hello with the last sequence seen, resumes, sends
 * commands and settles their promises, and comes back by itself with growing, jittered pauses.
 */
import { parseFrame } from './frames'
import type { ByeReason, ClientCommand, ProblemBody, ServerEvent } from './types'

/** First pause before coming back, milliseconds; doubles up to `BACKOFF_MAX_MS`. */
const BACKOFF_MS = 500
const BACKOFF_MAX_MS = 15_000
/** Silence after which a ping is sent, milliseconds. */
const PING_MS = 20_000
/** Silence after which the connection is taken for dead, milliseconds. */
const DEAD_MS = 45_000
/** A command without an answer for this long is refused with `timeout`, milliseconds. */
const COMMAND_MS = 15_000
/** Commands kept for the next connection; more are refused with `offline`. */
const QUEUE_MAX = 100

export type Link = 'connecting' | 'online' | 'offline' | 'ended'

/** Why a command was not carried out. `offline`, `timeout` and `lost` are ours, the rest the server's. */
export class Refused extends Error {
  readonly code: string
  readonly params: Record<string, string>
  constructor(problem: Pick<ProblemBody, 'code' | 'message' | 'params'>) {
    super(problem.message)
    this.code = problem.code
    this.params = problem.params ?? {}
  }
}

/** The part of a WebSocket that is used; a test gives its own. */
export interface Wire {
  readyState: number
  onopen: (() => void) | null
  onmessage: ((event: { data: unknown }) => void) | null
  onclose: (() => void) | null
  send(text: string): void
  close(): void
}

export interface SocketParts {
  connect: () => Wire
  chance: () => number
  now: () => number
  later: (run: () => void, ms: number) => unknown
  cancel: (handle: unknown) => void
}

export interface SocketEvents {
  link(link: Link): void
  frame(frame: ServerEvent): void
  /** The server closed on purpose. After `replaced` and `signed_out` the socket stays closed. */
  bye(reason: ByeReason): void
  /** A frame came that this page cannot read: the server is newer than the page. */
  unreadable(detail: string): void
}

interface Waiting {
  text: string
  sent: boolean
  /** May be said again on a new connection: the server knows a repeat by its `client_id`. */
  repeatable: boolean
  timer: unknown
  resolve: () => void
  reject: (error: Refused) => void
}

export function browserParts(): SocketParts {
  return {
    connect: () => {
      const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:'
      const socket = new WebSocket(`${scheme}//${location.host}/ws/agent`)
      const wire: Wire = {
        get readyState() {
          return socket.readyState
        },
        onopen: null,
        onmessage: null,
        onclose: null,
        send: (text) => socket.send(text),
        close: () => socket.close(),
      }
      socket.onopen = () => wire.onopen?.()
      socket.onmessage = (event) => wire.onmessage?.({ data: event.data })
      socket.onclose = () => wire.onclose?.()
      return wire
    },
    chance: Math.random,
    now: Date.now,
    later: (run, ms) => setTimeout(run, ms),
    cancel: (handle) => {
      if (typeof handle === 'number') clearTimeout(handle)
    },
  }
}

export class AgentSocket {
  private wire: Wire | undefined
  private link: Link = 'offline'
  private attempt = 0
  private counter = 0
  private lastSeq: number | undefined
  private heardAt = 0
  private retry: unknown
  private beat: unknown
  private stopped = true
  private readonly waiting = new Map<string, Waiting>()

  constructor(
    private readonly parts: SocketParts,
    private readonly events: SocketEvents,
  ) {}

  start(): void {
    if (!this.stopped) return
    this.stopped = false
    this.open()
  }

  stop(): void {
    this.stopped = true
    this.parts.cancel(this.retry)
    this.parts.cancel(this.beat)
    this.drop()
    for (const cmd of [...this.waiting.keys()]) this.settle(cmd, new Refused({ code: 'offline', message: '' }))
    this.setLink('ended')
  }

  /** Tries at once instead of waiting out the pause (the browser says it is online again, the tab is shown). */
  nudge(): void {
    if (this.stopped || this.wire) return
    this.parts.cancel(this.retry)
    this.open()
  }

  /** Resolves when the server has carried the command out; rejects with `Refused`. */
  command(command: ClientCommand): Promise<void> {
    const repeatable = command.type === 'send'
    if (this.link !== 'online' && !repeatable) {
      return Promise.reject(new Refused({ code: 'offline', message: '' }))
    }
    if (this.waiting.size >= QUEUE_MAX) return Promise.reject(new Refused({ code: 'offline', message: '' }))
    this.counter += 1
    const cmd = `c${this.counter}`
    return new Promise((resolve, reject) => {
      const entry: Waiting = {
        text: JSON.stringify({ ...command, cmd }),
        sent: false,
        repeatable,
        timer: undefined,
        resolve,
        reject,
      }
      this.waiting.set(cmd, entry)
      if (this.link === 'online') this.say(cmd, entry)
    })
  }

  /** Sends and forgets: for what is worthless when late (typing). */
  whisper(command: ClientCommand): void {
    if (this.link !== 'online') return
    this.counter += 1
    this.wire?.send(JSON.stringify({ ...command, cmd: `c${this.counter}` }))
  }

  private say(cmd: string, entry: Waiting): void {
    entry.sent = true
    if (!entry.repeatable) {
      entry.timer = this.parts.later(
        () => this.settle(cmd, new Refused({ code: 'timeout', message: '' })),
        COMMAND_MS,
      )
    }
    this.wire?.send(entry.text)
  }

  private settle(cmd: string, error?: Refused): void {
    const entry = this.waiting.get(cmd)
    if (!entry) return
    this.waiting.delete(cmd)
    this.parts.cancel(entry.timer)
    if (error) entry.reject(error)
    else entry.resolve()
  }

  private setLink(link: Link): void {
    if (this.link === link) return
    this.link = link
    this.events.link(link)
  }

  private open(): void {
    this.setLink('connecting')
    const wire = this.parts.connect()
    this.wire = wire
    this.heardAt = this.parts.now()
    wire.onopen = () => {
      this.counter += 1
      const hello: Record<string, unknown> = { type: 'hello', cmd: `c${this.counter}` }
      if (this.lastSeq !== undefined) hello.since_seq = this.lastSeq
      wire.send(JSON.stringify(hello))
    }
    wire.onmessage = ({ data }) => {
      if (this.wire === wire && typeof data === 'string') this.hear(data)
    }
    wire.onclose = () => {
      if (this.wire === wire) this.lost()
    }
    this.parts.cancel(this.beat)
    this.beat = this.parts.later(() => this.pulse(), PING_MS)
  }

  private pulse(): void {
    if (!this.wire) return
    if (this.parts.now() - this.heardAt > DEAD_MS) {
      this.lost()
      return
    }
    if (this.link === 'online') {
      this.counter += 1
      this.wire.send(JSON.stringify({ type: 'ping', cmd: `c${this.counter}` }))
    }
    this.beat = this.parts.later(() => this.pulse(), PING_MS)
  }

  private drop(): void {
    const wire = this.wire
    this.wire = undefined
    if (!wire) return
    wire.onopen = null
    wire.onmessage = null
    wire.onclose = null
    wire.close()
  }

  private lost(): void {
    this.drop()
    this.parts.cancel(this.beat)
    for (const [cmd, entry] of [...this.waiting]) {
      if (entry.repeatable) entry.sent = false
      else if (entry.sent) this.settle(cmd, new Refused({ code: 'lost', message: '' }))
    }
    if (this.stopped) return
    this.setLink('offline')
    const ceiling = Math.min(BACKOFF_MAX_MS, BACKOFF_MS * 2 ** this.attempt)
    this.attempt += 1
    this.retry = this.parts.later(() => this.open(), ceiling / 2 + this.parts.chance() * (ceiling / 2))
  }

  private hear(raw: string): void {
    this.heardAt = this.parts.now()
    let frame: ServerEvent
    try {
      frame = parseFrame(raw)
    } catch (error) {
      this.events.unreadable(error instanceof Error ? error.message : 'frame')
      return
    }
    switch (frame.type) {
      case 'welcome':
        this.lastSeq = frame.board.seq
        this.events.frame(frame)
        this.ready()
        return
      case 'resumed':
        this.events.frame(frame)
        this.ready()
        return
      case 'event':
        this.step(frame.seq, frame)
        return
      case 'done':
        this.settle(frame.cmd)
        return
      case 'refused':
        this.settle(frame.cmd, new Refused(frame.problem))
        return
      case 'bye':
        this.bye(frame.reason)
        return
      case 'pong':
        return
      default:
        this.events.frame(frame)
    }
  }

  private ready(): void {
    this.attempt = 0
    this.setLink('online')
    for (const [cmd, entry] of this.waiting) if (!entry.sent) this.say(cmd, entry)
  }

  /** Events come without gaps; a gap means that something was missed, so the connection starts over. */
  private step(seq: number, frame: ServerEvent): void {
    const last = this.lastSeq ?? 0
    if (seq <= last) return
    if (seq !== last + 1) {
      this.lost()
      return
    }
    this.lastSeq = seq
    this.events.frame(frame)
  }

  private bye(reason: ByeReason): void {
    if (reason === 'replaced' || reason === 'signed_out') this.stop()
    this.events.bye(reason)
  }
}
