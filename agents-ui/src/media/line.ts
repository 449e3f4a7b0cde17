// The browser's end of the voice line: microphone, one RTCPeerConnection, loudspeaker.
//
// The line puts itself together again when it breaks, until `close()`. What the person must do something about
// (`denied`, `no_microphone`, `insecure`) stands until `retry()`. The server is reachable itself and learns this
// side's address from its checks, so the offer leaves at once, without waiting for candidates.

export type Law = 'PCMU' | 'PCMA'

/** Why there is no line. The first three wait for the person; the others are tried again. */
export type LineTrouble = 'insecure' | 'denied' | 'no_microphone' | 'no_network' | 'failed'

export type LineState = 'asking' | 'connecting' | 'connected' | 'interrupted' | 'closed' | LineTrouble

/** 0 to 1, root mean square of the last moment. */
export interface Levels {
  mine: number
  theirs: number
}

export interface LineOptions {
  /**
   * Brings the offer to the server and its answer back. Throw a `TypeError` (as `fetch` does) when the server cannot
   * be reached: the line then says `no_network`, otherwise `failed`.
   */
  exchange(offer: string, signal: AbortSignal): Promise<string>
  onState(state: LineState): void
  onLevels?(levels: Levels): void
  /** Plays the other side; one is made when none is given. */
  audio?: HTMLAudioElement
  /** False to listen only: no microphone is asked for. */
  microphone?: boolean
  deviceId?: string
  law?: Law
  muted?: boolean
  iceServers?: RTCIceServer[]
  /** Waits before the first, second, … new try; the last one repeats. */
  backoffMs?: readonly number[]
}

export interface Line {
  readonly state: LineState
  readonly audio: HTMLAudioElement
  /** The connection of this moment, for statistics. */
  readonly connection: RTCPeerConnection | null
  mute(muted: boolean): void
  /** The law that this side speaks; the other side may speak either. False when the browser cannot. */
  setLaw(law: Law): Promise<boolean>
  /** 0-9, A-D, *, #; false when the line is down or was made without telephone events. */
  insertDTMF(tones: string, durationMs?: number, gapMs?: number): boolean
  /** Tries now instead of later, and again after a trouble that the person has mended. */
  retry(): void
  close(): void
}

const BACKOFF_MS: readonly number[] = [300, 1000, 2000, 4000, 8000]
/** A broken path may heal by itself for this long before a new one is made. */
const HEAL_MS = 4000
/** An offer that is not answered, or an answer that does not connect, in this time has failed. */
const CONNECT_MS = 15000
const LEVEL_EVERY_MS = 100

const VOICE: MediaTrackConstraints = {
  echoCancellation: true,
  noiseSuppression: true,
  autoGainControl: true,
  channelCount: 1,
}

class Trouble extends Error {
  constructor(readonly why: LineTrouble) {
    super(why)
  }
}

/** Opens the line. Never throws: whatever goes wrong is a state. */
export function openLine(options: LineOptions): Line {
  return new VoiceLine(options)
}

class VoiceLine implements Line {
  state: LineState = 'connecting'
  readonly audio: HTMLAudioElement
  connection: RTCPeerConnection | null = null
  #microphone: MediaStream | null = null
  #sender: RTCRtpSender | null = null
  #law: Law
  #muted: boolean
  #tries = 0
  #attempt = new AbortController()
  #timer: ReturnType<typeof setTimeout> | undefined
  #meter: Meter | null
  readonly #online = (): void => this.#tryAgain(0)

  constructor(private readonly options: LineOptions) {
    this.audio = options.audio ?? new Audio()
    this.audio.autoplay = true
    this.#law = options.law ?? 'PCMU'
    this.#muted = options.muted ?? false
    this.#meter = options.onLevels ? new Meter(options.onLevels.bind(options)) : null
    addEventListener('online', this.#online)
    void this.#begin()
  }

  mute(muted: boolean): void {
    this.#muted = muted
    for (const track of this.#microphone?.getAudioTracks() ?? []) track.enabled = !muted
  }

  async setLaw(law: Law): Promise<boolean> {
    this.#law = law
    const sender = this.#sender
    if (!sender) return true
    const parameters = sender.getParameters()
    const codec = parameters.codecs.find((one) => one.mimeType.toUpperCase() === `AUDIO/${law}`)
    const encoding = parameters.encodings[0] as (RTCRtpEncodingParameters & { codec?: RTCRtpCodec }) | undefined
    if (!codec || !encoding) return false
    encoding.codec = codec
    try {
      await sender.setParameters(parameters)
      return true
    } catch {
      return false
    }
  }

  insertDTMF(tones: string, durationMs = 120, gapMs = 80): boolean {
    const dtmf = this.#sender?.dtmf
    if (!dtmf?.canInsertDTMF) return false
    dtmf.insertDTMF(tones, durationMs, gapMs)
    return true
  }

  retry(): void {
    if (this.state !== 'connected') this.#tryAgain(0)
  }

  close(): void {
    if (this.state === 'closed') return
    removeEventListener('online', this.#online)
    this.#hangUp()
    this.#meter?.close()
    for (const track of this.#microphone?.getTracks() ?? []) track.stop()
    this.#microphone = null
    this.audio.srcObject = null
    this.#say('closed')
  }

  #say(state: LineState): void {
    if (this.state === state && state !== 'connecting') return
    this.state = state
    this.options.onState(state)
  }

  /** Ends the attempt or the connection of this moment, if there is one. */
  #hangUp(): void {
    clearTimeout(this.#timer)
    this.#attempt.abort()
    const { connection } = this
    // Forgotten first: Chromium tells its listeners within close().
    this.connection = null
    this.#sender = null
    connection?.close()
  }

  #tryAgain(afterMs: number): void {
    if (this.state === 'closed' || this.state === 'connected') return
    this.#hangUp()
    this.#timer = setTimeout(() => void this.#begin(), afterMs)
  }

  #broken(why: LineTrouble): void {
    if (this.state === 'closed') return
    this.#hangUp()
    this.#say(why)
    if (why === 'insecure' || why === 'denied' || why === 'no_microphone') return
    const waits = this.options.backoffMs ?? BACKOFF_MS
    const wait = waits[Math.min(this.#tries, waits.length - 1)] ?? 1000
    this.#tries += 1
    // Spread out, so that a restarted server is not met by everybody at once.
    this.#tryAgain(wait * (0.75 + Math.random() / 2))
  }

  async #begin(): Promise<void> {
    this.#attempt = new AbortController()
    const { signal } = this.#attempt
    try {
      const microphone = this.options.microphone === false ? null : await this.#listen()
      if (signal.aborted) return
      this.#say('connecting')
      await this.#connect(microphone, signal)
    } catch (error) {
      if (!signal.aborted) this.#broken(error instanceof Trouble ? error.why : 'failed')
    }
  }

  /** The microphone, kept from try to try unless it was unplugged. */
  async #listen(): Promise<MediaStream> {
    const kept = this.#microphone
    if (kept?.getAudioTracks().some((track) => track.readyState === 'live')) return kept
    // Absent outside of https and localhost (Media Capture and Streams §10).
    if (!globalThis.isSecureContext || !navigator.mediaDevices) throw new Trouble('insecure')
    this.#say('asking')
    const { deviceId } = this.options
    const audio = deviceId ? { ...VOICE, deviceId: { ideal: deviceId } } : VOICE
    const stream = await navigator.mediaDevices.getUserMedia({ audio, video: false }).catch((error: unknown) => {
      const name = error instanceof Error ? error.name : ''
      throw new Trouble(name === 'NotAllowedError' || name === 'SecurityError' ? 'denied' : 'no_microphone')
    })
    if (this.state === 'closed') {
      for (const track of stream.getTracks()) track.stop()
      throw new Trouble('failed')
    }
    this.#microphone = stream
    this.mute(this.#muted)
    for (const track of stream.getAudioTracks()) {
      track.addEventListener('ended', () => {
        if (this.#microphone === stream) this.#broken('no_microphone')
      })
    }
    this.#meter?.watch('mine', stream)
    return stream
  }

  async #connect(microphone: MediaStream | null, signal: AbortSignal): Promise<void> {
    const connection = new RTCPeerConnection({ iceServers: this.options.iceServers ?? [] })
    this.connection = connection
    this.#timer = setTimeout(() => this.#broken('failed'), CONNECT_MS)
    connection.addEventListener('track', ({ track, streams }) => this.#play(streams[0] ?? new MediaStream([track])))
    connection.addEventListener('connectionstatechange', () => this.#follow(connection))
    const track = microphone?.getAudioTracks()[0]
    this.#sender = track && microphone ? connection.addTrack(track, microphone) : null
    if (!this.#sender) connection.addTransceiver('audio', { direction: 'recvonly' })

    await connection.setLocalDescription()
    const offer = connection.localDescription?.sdp ?? ''
    const answer = await this.options.exchange(offer, signal).catch((error: unknown) => {
      throw new Trouble(error instanceof TypeError ? 'no_network' : 'failed')
    })
    if (signal.aborted) return
    await connection.setRemoteDescription({ type: 'answer', sdp: answer })
    // The server's good-bye (DTLS close_notify) shows here at once; the connection's own state takes seconds.
    const transport = connection.getReceivers()[0]?.transport
    transport?.addEventListener('statechange', () => {
      if (transport.state === 'closed' && connection === this.connection) this.#broken('failed')
    })
    if (this.#law !== 'PCMU') await this.setLaw(this.#law)
  }

  #play(stream: MediaStream): void {
    this.audio.srcObject = stream
    this.#meter?.watch('theirs', stream)
    // Refused before the first gesture on the page; the element plays once it is allowed to.
    this.audio.play().catch(() => undefined)
  }

  #follow(connection: RTCPeerConnection): void {
    if (connection !== this.connection) return
    switch (connection.connectionState) {
      case 'connected':
        clearTimeout(this.#timer)
        this.#tries = 0
        this.#say('connected')
        break
      case 'disconnected':
        this.#say('interrupted')
        clearTimeout(this.#timer)
        this.#timer = setTimeout(() => this.#broken('failed'), HEAL_MS)
        break
      case 'failed':
      case 'closed':
        this.#broken(navigator.onLine ? 'failed' : 'no_network')
        break
      default:
    }
  }
}

/** Measures both directions a few times a second. */
class Meter {
  readonly #context = new AudioContext()
  readonly #ears: Partial<Record<keyof Levels, { source: AudioNode; ear: AnalyserNode }>> = {}
  readonly #timer: ReturnType<typeof setInterval>
  readonly #samples = new Float32Array(1024)

  constructor(onLevels: (levels: Levels) => void) {
    this.#timer = setInterval(() => onLevels({ mine: this.#level('mine'), theirs: this.#level('theirs') }), LEVEL_EVERY_MS)
  }

  watch(side: keyof Levels, stream: MediaStream): void {
    this.#ears[side]?.source.disconnect()
    const source = this.#context.createMediaStreamSource(stream)
    const ear = this.#context.createAnalyser()
    ear.fftSize = this.#samples.length
    source.connect(ear)
    this.#ears[side] = { source, ear }
    // Suspended until a gesture on the page, unless the microphone was granted.
    void this.#context.resume().catch(() => undefined)
  }

  #level(side: keyof Levels): number {
    const ear = this.#ears[side]?.ear
    if (!ear || this.#context.state !== 'running') return 0
    ear.getFloatTimeDomainData(this.#samples)
    const energy = this.#samples.reduce((sum, sample) => sum + sample * sample, 0)
    return Math.min(1, Math.sqrt(energy / this.#samples.length))
  }

  close(): void {
    clearInterval(this.#timer)
    void this.#context.close().catch(() => undefined)
  }
}
