// A telephone network of one: sipp speaks SIP, and beside it a small socket speaks and hears the sound, so that a
// story can say which tone is heard by whom, and press keys.

import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { eventually, freePort } from './wait.mjs'

const RATE = 8000
const FRAME = 160
const EVENT_PT = 101
/** Sound kept for listening back: two seconds. */
const HEARD = RATE * 2

/** G.711 μ-law (ITU-T G.711). */
function encode(sample) {
  const sign = sample < 0 ? 0x80 : 0
  const value = Math.min(Math.abs(sample), 32635) + 132
  let exponent = 7
  for (let mask = 0x4000; exponent > 0 && !(value & mask); mask >>= 1) exponent -= 1
  return ~(sign | (exponent << 4) | ((value >> (exponent + 3)) & 0x0f)) & 0xff
}

export function decode(byte) {
  const turned = ~byte & 0xff
  const value = (((turned & 0x0f) << 3) + 132) << ((turned >> 4) & 7)
  return turned & 0x80 ? 132 - value : value - 132
}

/** How strong one frequency is among samples, 0 to 1 of full scale (Goertzel). */
export function strength(samples, hz) {
  const k = 2 * Math.cos((2 * Math.PI * hz) / RATE)
  let [a, b] = [0, 0]
  for (const sample of samples) [a, b] = [k * a - b + sample / 32768, a]
  return (2 * Math.sqrt(Math.max(0, a * a + b * b - k * a * b))) / samples.length
}

/** The sound of one side: says a tone of `hz` from the first packet that comes, hears, presses keys. */
class Sound {
  #socket = createSocket('udp4')
  #to
  #seq = 1
  #ts = 0
  #timer
  #keys = []
  heard = []
  packets = 0

  constructor(hz) {
    this.hz = hz
    this.#socket.on('message', (packet, from) => {
      if (packet.length < 12 || (packet[1] & 0x7f) !== 0) return
      this.#to ??= from
      this.packets += 1
      for (const byte of packet.subarray(12)) this.heard.push(decode(byte))
      if (this.heard.length > HEARD) this.heard.splice(0, this.heard.length - HEARD)
    })
  }

  async open() {
    await new Promise((resolve) => this.#socket.bind(0, '127.0.0.1', resolve))
    // Paced by the clock: timers drift, and a call's sound must not.
    const begun = performance.now()
    let sent = 0
    this.#timer = setInterval(() => {
      for (const due = (performance.now() - begun) / 20; sent < due; sent += 1) this.#tick()
    }, 10)
    return this.#socket.address().port
  }

  #tick() {
    const key = this.#keys[0]
    if (!this.#to) return
    if (key) {
      key.sent += 1
      const end = key.sent > 5
      const payload = Buffer.from([key.code, (end ? 0x80 : 0) | 10, 0, 0])
      payload.writeUInt16BE(Math.min(key.sent, 6) * FRAME, 2)
      key.at ??= this.#ts
      this.#send(EVENT_PT, payload, key.at, key.sent === 1)
      this.#ts += FRAME
      if (key.sent === 8) this.#keys.shift()
      return
    }
    const sound = Buffer.alloc(FRAME)
    for (let n = 0; n < FRAME; n += 1) {
      sound[n] = encode(Math.round(10_000 * Math.sin((2 * Math.PI * this.hz * (this.#ts + n)) / RATE)))
    }
    this.#send(0, sound, this.#ts, false)
    this.#ts += FRAME
  }

  #send(pt, payload, ts, marker) {
    const head = Buffer.alloc(12)
    head.writeUInt8(0x80, 0)
    head.writeUInt8(pt | (marker ? 0x80 : 0), 1)
    head.writeUInt16BE(this.#seq & 0xffff, 2)
    head.writeUInt32BE(ts >>> 0, 4)
    head.writeUInt32BE(0x1234_0000 + this.hz, 8)
    this.#seq += 1
    this.#socket.send(Buffer.concat([head, payload]), this.#to.port, this.#to.address)
  }

  /** Presses a key (RFC 4733). */
  press(key) {
    this.#keys.push({ code: '0123456789*#'.indexOf(key), sent: 0 })
  }

  /** Whether a tone is heard now; what was heard before is forgotten by `listen()`. */
  hears(hz) {
    return this.heard.length >= RATE / 2 && strength(this.heard.slice(-RATE / 2), hz) > 0.02
  }

  listen() {
    this.heard.length = 0
  }

  close() {
    clearInterval(this.#timer)
    this.#socket.close()
  }
}

/** Chooses the first language and the first topic, as far as the desk's line. */
export async function chooseByKey(phone) {
  await eventually(() => phone.sound.packets > 20, 'the greeting')
  phone.sound.press('1')
  phone.sound.press('1')
}

const HEADERS = `Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch];rport
      From: <sip:[from]@[local_ip]:[local_port]>;tag=[pid]f[call_number]
      To: <sip:[service]@[remote_ip]:[remote_port]>[peer_tag_param]
      Call-ID: [call_id]
      Max-Forwards: 70`

const message = (text, attributes = '') => `<send ${attributes}><![CDATA[\n      ${text}\n\n    ]]></send>`

const sdp = (media) => `Content-Type: application/sdp
      Content-Length: [len]

      v=0
      o=sipp 1 1 IN IP4 [local_ip]
      s=-
      c=IN IP4 [local_ip]
      t=0 0
      m=audio ${media} RTP/AVP 0 ${EVENT_PT}
      a=rtpmap:0 PCMU/8000
      a=rtpmap:${EVENT_PT} telephone-event/8000
      a=sendrecv`

const OK = message(`SIP/2.0 200 OK
      [last_Via:]
      [last_From:]
      [last_To:]
      [last_Call-ID:]
      [last_CSeq:]
      Contact: <sip:[local_ip]:[local_port];transport=[transport]>
      Content-Length: 0`)

const BYE = message(
  `BYE [next_url] SIP/2.0
      ${HEADERS}
      CSeq: 2 BYE
      Content-Length: 0`,
  'retrans="500"',
)

/**
 * A call to `number` at `sip` (`host:port`). `from` is the caller's number; `hz` her voice; with `hangUpMs` she hangs
 * up that long after the answer, else she waits for the desk to.
 *
 * The answer: `sound` (says, hears, presses), `ended` (resolves with sipp's exit code), `close()`.
 */
export async function call({ sip, number, from = '0312349999', hz = 1000, hangUpMs }) {
  const sound = new Sound(hz)
  const media = await sound.open()
  const invite = message(
    `INVITE sip:[service]@[remote_ip]:[remote_port] SIP/2.0
      ${HEADERS}
      CSeq: 1 INVITE
      Contact: <sip:[from]@[local_ip]:[local_port];transport=[transport]>
      Allow: INVITE, ACK, BYE, CANCEL, UPDATE
      ${sdp(media)}`,
    'retrans="500"',
  )
  const ack = message(`ACK [next_url] SIP/2.0\n      ${HEADERS}\n      CSeq: 1 ACK\n      Content-Length: 0`)
  const end = hangUpMs
    ? `<pause milliseconds="${hangUpMs}"/>${BYE}<recv response="200"/>`
    : `<recv request="BYE" timeout="120000"/>${OK}`
  const scenario = `${invite}<recv response="100" optional="true"/><recv response="180" optional="true"/>
    <recv response="200" rrs="true"/>${ack}${end}`
  return run({ sound, scenario, sip, keys: ['-key', 'from', from, '-s', number] })
}

/**
 * Somebody who can be called: answers the next call after ringing, or refuses it with `refuse`. The answer as of
 * [`call`], with `port`.
 */
export async function answerer({ hz = 500, refuse, port, hangUpMs }) {
  const sound = new Sound(hz)
  const media = await sound.open()
  const reply = (line, more) =>
    message(`SIP/2.0 ${line}
      [last_Via:]
      [last_From:]
      [last_To:];tag=[pid]a[call_number]
      [last_Call-ID:]
      [last_CSeq:]
      Contact: <sip:[local_ip]:[local_port];transport=[transport]>
      ${more}`)
  const bye = message(
    `BYE [next_url] SIP/2.0
      Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch];rport
      [last_From:]
      [last_To:]
      [last_Call-ID:]
      CSeq: 2 BYE
      Max-Forwards: 70
      Content-Length: 0`,
    'retrans="500"',
  )
  const end = hangUpMs
    ? `<pause milliseconds="${hangUpMs}"/>${bye}<recv response="200"/>`
    : `<recv request="BYE" timeout="120000"/>${OK}`
  const scenario = refuse
    ? `<recv request="INVITE"/>${reply('180 Ringing', 'Content-Length: 0')}${reply(refuse, 'Content-Length: 0')}<recv request="ACK"/>`
    : `<recv request="INVITE" rrs="true"/>${reply('180 Ringing', 'Content-Length: 0')}${reply('200 OK', sdp(media))}
       <recv request="ACK"/>${end}`
  return run({ sound, scenario, port, keys: [] })
}

async function run({ sound, scenario, sip, port, keys }) {
  const dir = await mkdtemp(join(tmpdir(), 'madoguchi-sipp-'))
  const file = join(dir, 'scenario.xml')
  await writeFile(file, `<?xml version="1.0" encoding="UTF-8"?><scenario name="story">${scenario}</scenario>`)
  const local = port ?? (await freePort())
  const args = ['-sf', file, '-i', '127.0.0.1', '-p', `${local}`, '-m', '1', '-nostdin', '-trace_err', '-error_file', join(dir, 'errors')]
  const child = spawn('sipp', [...args, ...keys, ...(sip ? [sip] : [])], { stdio: 'ignore', cwd: dir })
  const ended = new Promise((resolve) => child.once('exit', (code) => resolve(code)))
  return {
    sound,
    ended,
    port: local,
    hears: (hz, limitMs) => eventually(() => sound.hears(hz), `a tone of ${hz} Hz at the telephone`, limitMs),
    errors: () => readFile(join(dir, 'errors'), 'utf8').catch(() => ''),
    async close() {
      child.kill('SIGKILL')
      await ended
      sound.close()
      await rm(dir, { recursive: true, force: true })
    },
  }
}
