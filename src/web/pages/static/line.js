// The line to the desk: a WebSocket, or server-sent events with requests where sockets are blocked. It comes back
// by itself, says what it saw last, and sends again, under the same id, whatever was not acknowledged.

import { ask, lang } from './base.js'

/** Pauses before the next try, in milliseconds; the last one repeats. */
const PAUSES_MS = [500, 1000, 2000, 4000, 8000, 15000]
/** A silent line is asked after this time … */
const PING_MS = 20000
/** … and given up when nothing comes for this long; a new line that is not welcomed, too. */
const ANSWER_MS = 10000
/** Sockets in a row that were never welcomed before the other way is tried. */
const BLOCKED = 2

const KINDS = 'welcome message ack refused state typing marks suggest_language done pong bye'.split(' ')
/** Refusals of the token itself: the conversation cannot be opened any more. */
const GONE = ['expired_link', 'not_found', 'token_needed', 'unauthorized']

export class Line {
  /**
   * `after()` gives the last sequence number the page has; `heard(event)` gets every event;
   * `changed(up)` tells whether the line stands; `gone(code)` that the conversation cannot be opened.
   */
  constructor({ token, after, heard, changed, gone }) {
    Object.assign(this, { token, after, heard, changed, gone })
    this.tries = 0
    this.blocked = 0
    this.closed = false
    this.up = false
    this.wake = () => this.hurry()
    window.addEventListener('online', this.wake)
    window.addEventListener('offline', () => this.drop())
    document.addEventListener('visibilitychange', () => document.hidden || this.hurry())
    this.open()
  }

  /** Ends for good. */
  close() {
    this.closed = true
    this.hangUp()
  }

  /** Sends a frame; `false` when the line is down. Over requests, the answer comes back as an event. */
  send(frame) {
    if (!this.up) return false
    if (this.socket) this.socket.send(JSON.stringify(frame))
    else this.request(frame)
    return true
  }

  open() {
    if (this.closed || this.socket || this.source || this.opening) return
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.drop(), ANSWER_MS)
    if (this.blocked >= BLOCKED || !('WebSocket' in window)) this.openStream()
    else this.openSocket()
  }

  openSocket() {
    const socket = new WebSocket(`${location.origin.replace(/^http/, 'ws')}/ws/visitor`)
    this.socket = socket
    socket.onopen = () => {
      const hello = { type: 'hello', token: this.token, language: lang }
      if (this.after() > 0) hello.after = this.after()
      socket.send(JSON.stringify(hello))
    }
    socket.onmessage = (message) => this.socket === socket && this.take(message.data)
    socket.onclose = () => this.socket === socket && this.drop()
  }

  async openStream() {
    this.opening = true
    try {
      const { key } = await ask('POST', '/ticket', { token: this.token })
      if (this.closed) return
      const source = new EventSource(`/api/v1/chat/stream?key=${encodeURIComponent(key)}&after=${this.after()}`)
      this.source = source
      const take = (message) => this.source === source && message.data && this.take(message.data)
      source.onmessage = take
      for (const kind of KINDS) source.addEventListener(kind, take)
      source.onerror = () => this.source === source && this.drop()
    } catch (problem) {
      if (GONE.includes(problem.code)) this.lose(problem.code)
      else this.drop()
    } finally {
      this.opening = false
    }
  }

  take(text) {
    const event = JSON.parse(text)
    this.listen()
    if (event.type === 'bye') {
      if (event.reason === 'refused' && GONE.includes(this.refusal || GONE[0])) this.lose(this.refusal || GONE[0])
      else this.drop()
      return
    }
    if (event.type === 'refused' && !this.up) {
      this.refusal = event.problem.code
      if (GONE.includes(event.problem.code)) this.lose(event.problem.code)
      return
    }
    if (event.type === 'welcome') {
      this.tries = 0
      this.blocked = 0
      this.up = true
      this.heard(event)
      this.changed(true)
    } else this.heard(event)
  }

  /** Something was heard: asks again after a silence, and gives up when nothing answers. */
  listen() {
    clearTimeout(this.timer)
    this.timer = setTimeout(() => {
      this.timer = setTimeout(() => this.drop(), ANSWER_MS)
      // A stream says by itself that it lives.
      if (this.socket && this.socket.readyState === 1) this.socket.send('{"type":"ping"}')
      else if (this.source) this.check()
    }, PING_MS)
  }

  async check() {
    try {
      await ask('GET', `/me?after=${this.after()}`, { token: this.token })
      this.listen()
    } catch (_) {
      this.drop()
    }
  }

  async request(frame) {
    const { type, ...body } = frame
    const path = { send: '/send', typing: '/typing', read: '/read', end: '/end', divert: '/divert' }[type] || `/${type}`
    try {
      const answer = await ask('POST', path, { body, token: this.token })
      if (type === 'send') {
        this.heard({ type: 'ack', ...answer })
        if (answer.suggest_language) this.heard({ type: 'suggest_language', language: answer.suggest_language })
      } else if (type !== 'typing' && type !== 'read') this.heard({ type: 'done', what: type })
    } catch (problem) {
      if (problem.code === 'offline') this.drop()
      else if (type !== 'typing' && type !== 'read') this.heard({ type: 'refused', client_id: body.client_id, problem })
    }
  }

  lose(code) {
    this.close()
    this.gone(code)
  }

  hangUp() {
    clearTimeout(this.timer)
    const { socket, source } = this
    this.socket = null
    this.source = null
    if (socket) socket.close()
    if (source) source.close()
  }

  /** The line is down: tries again after a pause. */
  drop() {
    if (this.closed) return
    const met = this.up
    const wasSocket = Boolean(this.socket)
    this.hangUp()
    this.up = false
    if (!met && navigator.onLine !== false) this.blocked = wasSocket ? this.blocked + 1 : 0
    if (met) this.changed(false)
    const pause = PAUSES_MS[Math.min(this.tries, PAUSES_MS.length - 1)]
    this.tries += 1
    clearTimeout(this.again)
    this.again = setTimeout(() => this.open(), pause * (0.75 + Math.random() / 2))
  }

  /** The network may be back, or the page is looked at again: tries or asks at once. */
  hurry() {
    if (this.closed) return
    if (!this.up) {
      clearTimeout(this.again)
      this.tries = 0
      this.open()
    } else if (this.socket) {
      clearTimeout(this.timer)
      this.timer = setTimeout(() => this.drop(), ANSWER_MS)
      this.socket.send('{"type":"ping"}')
    }
  }
}
