// The conversation: what was said, what is on its way, how it stands. What a person typed is never lost: it stays
// in the session's storage until the desk has said that it is on disk.

import { $, freshId, lang, local, make, nameOf, say, sentence, session, show, t } from './base.js'
import { Line } from './line.js'

/** Characters of a message; the desk refuses longer ones. */
const MESSAGE_MAX = 4000
/** From here on the page counts down. */
const MESSAGE_NEAR = 3600
/** The sign of typing is sent at most this often, and shown this long, in milliseconds. */
const TYPING_MS = 3000
const TYPING_SHOWN_MS = 6000

const title = document.title

export class Room {
  /** `mine` is `{token, contact?}`; `key` names it in the storage; `left()` is called to begin anew. */
  constructor(mine, key, left) {
    Object.assign(this, { mine, key, left })
    this.messages = new Map()
    this.items = new Map()
    this.outbox = session.get(`out.${key}`) || []
    this.state = {}
    this.marks = { delivered_seq: 0, read_seq: 0 }
    this.last = 0
    this.told = { delivered: 0, read: 0 }
    this.unread = 0
    this.seen = !document.hidden
    this.wire()
    show($('ask'), false)
    show($('room'), true)
    $('room-title').focus({ preventScroll: true })
    say($('standing'), t('connecting'))
    for (const entry of this.outbox) this.draw(entry)
    $('text').value = session.get(`draft.${key}`) || ''
    this.grow()
    this.line = new Line({
      token: mine.token,
      after: () => this.last,
      heard: (event) => this.hear(event),
      changed: (up) => this.lineChanged(up),
      gone: (code) => this.gone(code),
    })
    this.lineChanged()
  }

  wire() {
    const text = $('text')
    $('write').onsubmit = (event) => {
      event.preventDefault()
      this.write()
    }
    text.oninput = () => {
      session.set(`draft.${this.key}`, text.value)
      this.grow()
      const now = Date.now()
      if (text.value && now - (this.typedAt || 0) > TYPING_MS && this.state.state === 'active') {
        this.typedAt = now
        this.line.send({ type: 'typing' })
      }
    }
    // Enter sends where there is a keyboard; on a phone it breaks the line.
    text.onkeydown = (event) => {
      const phone = window.matchMedia('(pointer: coarse)').matches
      if (event.key === 'Enter' && !event.shiftKey && !event.isComposing && event.keyCode !== 229 && !phone) {
        event.preventDefault()
        this.write()
      }
    }
    $('end').onclick = () => this.sure(t('end_confirm'), () => this.command({ type: 'end' }))
    $('divert').onclick = () => this.command({ type: 'divert' })
    $('save').onclick = () => this.save()
    const named = () => {
      $('sound').textContent = t(this.sound ? 'sound_off' : 'sound_on')
    }
    this.sound = local.get('sound') !== false
    named()
    $('sound').onclick = () => {
      this.sound = !this.sound
      local.set('sound', this.sound)
      named()
      if (this.sound) this.ring()
    }
    const looked = () => {
      this.seen = !document.hidden
      if (this.seen) this.read()
    }
    document.addEventListener('visibilitychange', looked)
    window.addEventListener('focus', looked)
    window.addEventListener('offline', () => this.lineChanged())
    window.addEventListener('online', () => this.lineChanged())
  }

  // ── what comes ────────────────────────────────────────────────────────────────────────────────────────

  hear(event) {
    const hearers = {
      welcome: () => this.welcome(event),
      message: () => this.add(event.message),
      ack: () => this.add(event.message),
      refused: () => this.refused(event),
      state: () => this.stand(event),
      typing: () => this.typing(),
      marks: () => this.mark(event),
      suggest_language: () => this.suggest(event.language),
      done: () => this.done(event.what),
    }
    if (hearers[event.type]) hearers[event.type]()
  }

  welcome(view) {
    this.view = view
    this.number = view.number
    $('room-title').textContent = lang.split('-')[0] === 'ja' ? view.desk.name_ja : view.desk.name_en
    for (const message of view.messages) this.add(message, true)
    this.mark(view)
    this.stand(view.standing)
    this.flush()
    if (view.language !== lang && !this.askedLanguage) {
      // The page was opened in another language: that is her choice now.
      this.askedLanguage = true
      this.line.send({ type: 'language', language: lang })
    }
    this.read()
  }

  add(message, quiet) {
    const { seq, client_id: id } = message
    if (id && message.sender === 'visitor') {
      this.outbox = this.outbox.filter((entry) => entry.id !== id)
      this.keep()
    }
    if (this.messages.has(seq)) return
    this.messages.set(seq, message)
    this.last = Math.max(this.last, seq)
    if (message.sender === 'agent') {
      say($('typing'), '')
      if (!quiet || !this.seen) this.news()
    }
    this.draw(message)
    this.read()
  }

  mark({ delivered_seq: delivered, read_seq: read }) {
    this.marks.delivered_seq = Math.max(this.marks.delivered_seq, delivered)
    this.marks.read_seq = Math.max(this.marks.read_seq, read)
    this.status()
  }

  typing() {
    say($('typing'), t('agent_typing'))
    clearTimeout(this.typingTimer)
    this.typingTimer = setTimeout(() => say($('typing'), ''), TYPING_SHOWN_MS)
  }

  refused({ client_id: id, problem }) {
    const entry = this.outbox.find((one) => one.id === id)
    if (!entry) {
      if (problem.code !== 'closed' && problem.code !== 'already_rated') this.warn(sentence(problem))
      return
    }
    this.warn(sentence(problem))
    const seconds = Number(problem.params && problem.params.seconds)
    if (seconds > 0) {
      setTimeout(() => {
        this.warn('')
        this.flush()
      }, seconds * 1000)
      return
    }
    if (problem.code === 'internal' || problem.code === 'busy') {
      entry.failed = true
      this.keep()
      this.draw(entry)
      return
    }
    // It will not be taken as it is: back to where it can be changed.
    this.forget(entry)
    const text = $('text')
    text.value = text.value ? `${entry.body}\n${text.value}` : entry.body
    session.set(`draft.${this.key}`, text.value)
    this.grow()
  }

  done(what) {
    if (what === 'rate') this.thanks()
  }

  // ── how it stands ─────────────────────────────────────────────────────────────────────────────────────

  stand(state) {
    const before = this.state.state
    this.state = state
    const { state: now } = state
    const waiting = now === 'waiting'
    const over = now === 'ended' || now === 'left'
    const words = {
      waiting: () => this.waitingWords(state),
      active: () => (state.agent_name ? t('agent_joined', { name: state.agent_name }) : ''),
      ended: () => this.endedWords(state),
      left: () => this.leftWords(state),
    }
    say($('standing'), words[now] ? words[now]() : '')
    $('standing').className = `standing ${now}`
    show($('divert'), waiting)
    show($('end'), !over)
    if (over) this.closeSure()
    const later = now === 'left' || Boolean(this.view && this.view.answered_later)
    show($('write'), !over || later)
    if (over) this.afterwards(now, later)
    else show($('after'), false)
    if (before === 'waiting' && now === 'active') this.news(true)
  }

  waitingWords({ position, expected_wait_ms: wait }) {
    if (position === 0) return t('waiting_soon')
    const parts = []
    if (position) parts.push(t('waiting_place', { place: position }))
    if (wait !== undefined) parts.push(wait < 30000 ? t('wait_none') : t('wait_about', { minutes: Math.ceil(wait / 60000) }))
    else parts.push(t('nobody_available'))
    parts.push(t('waiting_note'))
    return parts.join(' ')
  }

  endedWords({ ended_by: by }) {
    return t(by === 'visitor' ? 'ended_by_you' : by === 'agent' ? 'ended_by_agent' : 'ended_by_system')
  }

  leftWords({ reason }) {
    const why = { desk_closed: 'desk_closed', no_agent: 'nobody_available', max_wait: 'all_busy', queue_full: 'all_busy' }
    const received = this.number ? t('leave_received', { number: this.number }) : ''
    // Why the wait ended, unless she chose it herself; that it can be answered later stands below.
    const first = why[reason] ? t(why[reason]) : ''
    return [first, this.messages.size ? received : ''].filter(Boolean).join(' ')
  }

  afterwards(now, later) {
    const after = $('after')
    after.textContent = ''
    if (later) this.link(after)
    else if (this.view && this.view.satisfaction === undefined && !this.rated && this.state.outcome === 'handled') {
      this.question(after)
    }
    if (now === 'ended' && later && !this.rated && this.view.satisfaction === undefined) this.question(after)
    const again = make('button', 'plain', t('new_chat'))
    again.type = 'button'
    again.onclick = () => this.leave()
    after.appendChild(again)
    show(after, true)
  }

  link(after) {
    const address = `${location.origin}/chat/thread?lang=${lang}#${this.mine.token}`
    const field = make('input', 'private')
    field.readOnly = true
    field.value = address
    field.setAttribute('aria-label', t('private_link'))
    const copy = make('button', 'plain', t('copy_link'))
    copy.type = 'button'
    copy.onclick = async () => {
      try {
        await navigator.clipboard.writeText(address)
      } catch (_) {
        field.select()
        document.execCommand('copy')
      }
      copy.textContent = t('copied')
    }
    const answered = Array.from(this.messages.values()).some((message) => message.sender === 'agent')
    const note = answered ? t('answer_later') : `${t('no_reply_yet')} ${t('answer_later')}`
    after.appendChild(make('p', '', note))
    after.appendChild(make('p', 'hint', t('leave_keep_link')))
    after.appendChild(make('div', 'copy', '', field, copy))
  }

  question(after) {
    const box = make('fieldset', 'rate', '', make('legend', '', t('satisfaction_question')))
    for (let score = 5; score >= 1; score -= 1) {
      const button = make('button', 'plain', t(`satisfaction_${score}`))
      button.type = 'button'
      button.onclick = () => this.command({ type: 'rate', score })
      box.appendChild(button)
    }
    after.appendChild(box)
  }

  thanks() {
    this.rated = true
    const box = document.querySelector('.rate')
    if (!box) return
    const thanks = make('p', 'done', t('satisfaction_thanks'))
    thanks.setAttribute('role', 'status')
    box.replaceWith(thanks)
  }

  /** Begins anew: what is kept of this conversation is dropped. */
  leave() {
    this.line.close()
    session.drop(`out.${this.key}`)
    session.drop(`draft.${this.key}`)
    this.left()
  }

  gone(code) {
    say($('line'), '')
    say($('standing'), t(code === 'expired_link' ? 'error_expired_link' : 'error_not_found'))
    for (const id of ['write', 'divert', 'end', 'typing']) show($(id), false)
    this.afterwards('gone', false)
  }

  // ── what goes ─────────────────────────────────────────────────────────────────────────────────────────

  write() {
    const text = $('text')
    const body = text.value.trim()
    if (!body) return
    const length = Array.from(body).length
    if (length > MESSAGE_MAX) {
      this.warn(t('limit_message_too_long', { max: MESSAGE_MAX }))
      return
    }
    const entry = { id: freshId(), body, at: Date.now() }
    this.outbox.push(entry)
    this.keep()
    text.value = ''
    session.drop(`draft.${this.key}`)
    this.warn('')
    this.grow()
    this.draw(entry)
    this.post(entry)
    text.focus()
  }

  post(entry) {
    entry.failed = false
    this.line.send({ type: 'send', client_id: entry.id, body: entry.body })
  }

  /** Sends again what was not acknowledged, under the same ids. */
  flush() {
    for (const entry of this.outbox) this.post(entry)
    this.status()
  }

  command(frame) {
    if (!this.line.send(frame)) this.warn(t('offline'))
  }

  keep() {
    session.set(`out.${this.key}`, this.outbox)
  }

  forget(entry) {
    this.outbox = this.outbox.filter((one) => one !== entry)
    this.keep()
    const item = this.items.get(entry.id)
    if (item) item.remove()
    this.items.delete(entry.id)
  }

  read() {
    const seqs = Array.from(this.messages.values()).filter((one) => one.sender !== 'visitor')
    const last = seqs.reduce((most, one) => Math.max(most, one.seq), 0)
    if (!last || !this.line) return
    const kind = this.seen ? 'read' : 'delivered'
    if (this.told[kind] < last && this.line.send({ type: 'read', up_to_seq: last, kind })) this.told[kind] = last
    if (this.seen) {
      this.unread = 0
      document.title = title
    }
  }

  // ── what is seen ──────────────────────────────────────────────────────────────────────────────────────

  /** Draws a message, or one on its way; one that has arrived takes the place of its draft. */
  draw(message) {
    const own = !message.sender || message.sender === 'visitor'
    const key = own ? message.client_id || message.id : message.seq
    const old = this.items.get(key)
    const log = $('log')
    const box = $('log-box')
    const low = box.scrollHeight - box.scrollTop - box.clientHeight < 80
    const item = make('li', `message ${own ? 'mine' : message.sender}`)
    const body = make('div', 'body', message.body)
    if (message.language) body.lang = message.language
    body.dir = 'auto'
    const who = own ? t('you') : message.sender === 'agent' ? message.agent_name || t('desk_name') : t('desk_name')
    const at = new Date(message.at)
    const time = make('time', '', at.toLocaleTimeString(lang, { hour: '2-digit', minute: '2-digit' }))
    time.dateTime = at.toISOString()
    item.appendChild(make('p', 'who', '', make('span', '', who), time))
    item.appendChild(body)
    if (own) item.appendChild(make('p', 'status'))
    if (own && message.failed) this.retry(item, message)
    item.data = message
    if (old) old.replaceWith(item)
    else log.insertBefore(item, this.follower(message))
    this.items.set(key, item)
    this.status()
    if (low || own) box.scrollTop = box.scrollHeight
  }

  /** Messages stand in the order of their numbers; those on their way come last. */
  follower({ seq }) {
    if (!seq) return null
    return Array.from($('log').children).find((item) => !(item.data.seq < seq)) || null
  }

  retry(item, entry) {
    const button = make('button', 'plain small', t('retry'))
    button.type = 'button'
    button.onclick = () => {
      this.post(entry)
      this.draw(entry)
    }
    item.appendChild(button)
  }

  /** The last of the visitor's messages that reached a step says so; others need no words. */
  status() {
    let later
    const items = Array.from($('log').children).filter((item) => item.classList.contains('mine'))
    for (const item of items.reverse()) {
      const { seq, failed } = item.data
      const up = this.line && this.line.up
      const step = seq
        ? seq <= this.marks.read_seq ? 'read' : seq <= this.marks.delivered_seq ? 'delivered' : 'sent'
        : failed ? 'failed' : up ? 'sending' : 'waits'
      const text = step === 'waits' ? 'status_sending' : `status_${step}`
      const place = item.querySelector('.status')
      place.textContent = step === later && seq ? '' : t(text)
      place.className = `status ${step}`
      if (seq) later = step
    }
  }

  lineChanged(up) {
    const offline = navigator.onLine === false
    const now = this.line && this.line.up
    show($('line'), !now && (offline || this.wasUp))
    if (!now && (offline || this.wasUp)) say($('line'), t(offline ? 'offline' : 'reconnecting'))
    $('line').className = 'line-note down'
    if (up && this.wasUp && this.wasDown) {
      say($('line'), t('reconnected'))
      $('line').className = 'line-note up'
      clearTimeout(this.lineTimer)
      this.lineTimer = setTimeout(() => this.line.up && say($('line'), ''), 6000)
    }
    if (up) this.wasUp = true
    this.wasDown = !now
    this.status()
  }

  /** Something new: heard when wanted, and counted while nobody looks. */
  news(silent) {
    if (this.sound) this.ring()
    if (this.seen || silent) return
    this.unread += 1
    document.title = `(${this.unread}) ${t('new_messages', { n: this.unread })}`
  }

  ring() {
    const Audio = window.AudioContext || window.webkitAudioContext
    if (!Audio) return
    try {
      this.audio = this.audio || new Audio()
      const { audio } = this
      if (audio.state === 'suspended') audio.resume()
      const tone = audio.createOscillator()
      const gain = audio.createGain()
      tone.frequency.value = 660
      gain.gain.setValueAtTime(0.12, audio.currentTime)
      gain.gain.exponentialRampToValueAtTime(0.001, audio.currentTime + 0.5)
      tone.connect(gain)
      gain.connect(audio.destination)
      tone.start()
      tone.stop(audio.currentTime + 0.5)
    } catch (_) {
      // No sound: the message is there all the same.
    }
  }

  suggest(tag) {
    const box = $('suggest')
    box.textContent = ''
    const asked = make('p', '', t('language_notice', { language: nameOf(tag) }))
    const yes = make('button', 'main', t('language_switch'))
    const no = make('button', 'plain', t('language_keep'))
    yes.type = 'button'
    no.type = 'button'
    yes.onclick = () => {
      this.line.send({ type: 'language', language: tag })
      const address = new URL(location.href)
      address.searchParams.set('lang', tag)
      location.assign(address.href)
      // The private page keeps its address but for the language: a new fragment alone loads nothing.
    }
    no.onclick = () => show(box, false)
    box.appendChild(asked)
    box.appendChild(make('div', 'acts', '', yes, no))
    show(box, true)
  }

  sure(text, act) {
    $('sure-text').textContent = text
    const before = document.activeElement
    $('sure-yes').onclick = () => {
      this.closeSure()
      act()
    }
    $('sure-no').onclick = () => {
      this.closeSure()
      before.focus()
    }
    $('sure').onkeydown = (event) => event.key === 'Escape' && $('sure-no').click()
    show($('sure'), true)
    $('sure-no').focus()
  }

  closeSure() {
    show($('sure'), false)
  }

  warn(text) {
    say($('limit'), text)
  }

  /** The field grows with its text, and counts down when the end is near. */
  grow() {
    const text = $('text')
    text.rows = Math.min(6, Math.max(2, text.value.split('\n').length))
    const length = Array.from(text.value).length
    if (length > MESSAGE_MAX) this.warn(t('limit_message_too_long', { max: MESSAGE_MAX }))
    else this.warn(length > MESSAGE_NEAR ? t('chars_left', { n: MESSAGE_MAX - length }) : '')
  }

  save() {
    const heading = [$('room-title').textContent, this.number || ''].join(' ').trim()
    const lines = Array.from(this.messages.values())
      .sort((a, b) => a.seq - b.seq)
      .map((one) => {
        const who = one.sender === 'visitor' ? t('you') : one.agent_name || t('desk_name')
        return `${new Date(one.at).toLocaleString(lang)}  ${who}\r\n${one.body.replace(/\n/g, '\r\n')}\r\n`
      })
    const text = `\uFEFF${heading}\r\n\r\n${lines.join('\r\n')}`
    const link = make('a')
    link.href = URL.createObjectURL(new Blob([text], { type: 'text/plain;charset=utf-8' }))
    link.download = `${this.number || 'chat'}.txt`
    document.body.appendChild(link)
    link.click()
    link.remove()
    setTimeout(() => URL.revokeObjectURL(link.href), 60000)
  }
}
