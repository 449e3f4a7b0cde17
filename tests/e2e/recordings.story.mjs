// What is said on the desk's phone is kept: a message to a desk that nobody attends, and a call on both channels. The
// tones tell whose voice lies where.

import assert from 'node:assert/strict'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'

import {
  axe,
  call,
  chooseByKey,
  decode,
  eventually,
  freePort,
  newPage,
  people,
  plainVoice,
  screenshot,
  speaking,
  startServer,
  strength,
} from './harness/index.mjs'

const DESKTOP = { viewport: { width: 1366, height: 768 }, locale: 'ja-JP', permissions: ['microphone'] }
/** What each side says, Hz; far from the beep before a message, which has 1000. */
const AGENT_HZ = 700
const CALLER_HZ = 440
const BEEP_HZ = 1000
/** The header of a recording, bytes. */
const HEADER = 58

let server
let browser
/** Signed in once: a code of the second factor is taken once. */
let administrator
let staff
let sip

before(async () => {
  sip = `127.0.0.1:${await freePort()}`
  server = await startServer({
    prepare: [['demo']],
    env: {
      MADOGUCHI_PHONE__LISTEN: sip,
      MADOGUCHI_PHONE__CARRIER: `127.0.0.1:${await freePort()}`,
      MADOGUCHI_PHONE__RTP_PORTS: '22400-22599',
      MADOGUCHI_PHONE__BROWSER_PORTS: '22600-22699',
    },
  })
  staff = await people(server)
  browser = await speaking(AGENT_HZ)
  administrator = await signIn('admin')
})
after(async () => {
  await browser?.close()
  await server?.stop()
})

async function signIn(login) {
  const page = await newPage(browser, server.url, DESKTOP)
  await page.addInitScript(plainVoice)
  await staff.signIn(page, login)
  return page
}

/** A call of the page's session to the server; `undefined` for an empty answer. */
const ask = (page, path, method = 'GET', body) =>
  page.evaluate(
    async ([path, method, body]) => {
      const { csrf } = await (await fetch('/api/v1/session')).json()
      const headers = { 'content-type': 'application/json', 'x-csrf-token': csrf }
      const answer = await fetch(`/api/v1${path}`, { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) })
      const text = await answer.text()
      if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`)
      return text ? JSON.parse(text) : undefined
    },
    [path, method, body],
  )

/** Both channels of a recording. */
async function sides(page, id) {
  const answer = await page.request.get(`${server.url}/api/v1/phone/recordings/${id}/audio`)
  assert.equal(answer.status(), 200)
  const sound = (await answer.body()).subarray(HEADER)
  const side = (at) => Array.from({ length: Math.floor(sound.length / 2) }, (_, n) => decode(sound[2 * n + at]))
  return { left: side(0), right: side(1) }
}

/** Where a tone is heard: for each half second, whether it is. */
const heard = (samples, hz) =>
  Array.from({ length: Math.floor(samples.length / 4000) }, (_, n) => strength(samples.slice(n * 4000, (n + 1) * 4000), hz) > 0.02)

async function latest(page) {
  const { items } = await ask(page, '/tickets')
  return items[0]
}

const recordingsOf = async (page, ticket) => (await ask(page, `/phone/recordings?ticket=${ticket}`)).items

/** The file of the newest recording has its first chunk, three seconds, on disk; `known` are older ones. */
async function chunkOnDisk(known = []) {
  const folder = join(server.dataDir, 'vault/recordings')
  let found
  await eventually(
    async () => {
      const names = await readdir(folder).catch(() => [])
      found = names.find((name) => !known.includes(name))
      return found && (await stat(join(folder, found))).size > 48_000
    },
    'the first chunk of a recording',
    60_000,
  )
  return found
}

const done = (page, ticket, what) =>
  eventually(async () => {
    const items = await recordingsOf(page, ticket)
    return items.length === 1 && items[0].state === 'done'
  }, what)

async function available(page) {
  await page.getByRole('button', { name: '受付可にする' }).first().click()
}

const known = []

/** Today and tomorrow at the desk, which is in Japan: a story may run over midnight. */
const days = () =>
  [0, 1].map((more) => new Intl.DateTimeFormat('en-CA', { timeZone: 'Asia/Tokyo' }).format(Date.now() + more * 86_400_000))

async function close(number) {
  const { items } = await ask(administrator, '/admin/phone')
  const { desk } = items.find((item) => item.numbers.includes(number))
  for (const day of days()) await ask(administrator, '/admin/days', 'PUT', { day, desk, kind: 'closed', name: '', version: 0 })
}

test('a caller of a desk that is closed leaves a message, which is heard in its ticket', async () => {
  await close('0300000002')
  const phone = await call({ sip, number: '0300000002', hz: CALLER_HZ })
  await phone.hears(BEEP_HZ, 90_000)
  known.push(await chunkOnDisk())
  phone.sound.press('#')
  assert.equal(await phone.ended, 0, await phone.errors())
  await phone.close()

  const agent = await signIn('sato')
  const ticket = await latest(agent)
  assert.ok(ticket.reply_waiting)
  await done(agent, ticket.id, 'the message')
  const [message] = await recordingsOf(agent, ticket.id)
  assert.equal(message.kind, 'message')
  assert.ok(message.ms >= 3000 && message.ms < 10_000, `${message.ms} ms`)
  const { left, right } = await sides(agent, message.id)
  assert.equal(left.length, message.ms * 8)
  assert.ok(heard(left, CALLER_HZ).slice(1, 5).every(Boolean), 'her voice is on the left')
  assert.ok(right.every((sample) => Math.abs(sample) < 10), 'nobody is on the right')

  await agent.goto(`/desk/tickets/${ticket.id}`)
  const tape = agent.getByRole('article', { name: /^伝言/ })
  await tape.getByRole('button', { name: '再生' }).click()
  await agent.waitForFunction(() => document.querySelector('audio').currentTime > 0.3)
  await screenshot(agent, 'recording-ja')
  await axe(agent)
  await tape.getByRole('button', { name: '一時停止' }).click()
  const seek = tape.getByRole('slider')
  await seek.press('Home')
  assert.equal(await seek.getAttribute('aria-valuenow'), '0')
  await seek.press('PageUp')
  await seek.press('ArrowLeft')
  await tape.getByRole('button', { name: '1.5倍' }).click()
  assert.equal(await agent.evaluate(() => document.querySelector('audio').playbackRate), 1.5)
  await agent.context().close()

  const { items } = await ask(administrator, '/admin/audit?action=recording.hear')
  // One hearing by the story, one by the page, however often it is sought.
  assert.equal(items.length, 2)
})

test('a call is recorded on both sides, over a pause and a hold', async () => {
  const { items } = await ask(administrator, '/admin/phone')
  for (const desk of items) await ask(administrator, `/admin/phone/${desk.desk}`, 'PUT', { ...desk, recording: true })

  const agent = await signIn('sato')
  await available(agent)
  const phone = await call({ sip, number: '0300000001', hz: CALLER_HZ })
  await chooseByKey(phone)
  await agent.getByRole('button', { name: '応じる' }).click({ timeout: 60_000 })
  await phone.hears(AGENT_HZ)
  known.push(await chunkOnDisk(known))
  await agent.getByText('録音中', { exact: true }).waitFor()
  await agent.getByRole('button', { name: '録音を止める' }).click()
  await agent.getByText('録音を止めています').waitFor()
  await agent.getByRole('button', { name: '録音を再開' }).click()
  await agent.getByText('録音中', { exact: true }).waitFor()
  await agent.getByRole('button', { name: '保留', exact: true }).click()
  await agent.getByRole('button', { name: '保留解除' }).click()
  phone.sound.listen()
  await phone.hears(AGENT_HZ)
  await agent.getByRole('button', { name: '終話' }).click()
  assert.equal(await phone.ended, 0, await phone.errors())
  await phone.close()

  const ticket = await latest(agent)
  await done(agent, ticket.id, 'the recorded call')
  const [recording] = await recordingsOf(agent, ticket.id)
  assert.equal(recording.kind, 'call')
  assert.equal(recording.pauses.length, 1)
  const { left, right } = await sides(agent, recording.id)
  assert.ok(heard(left, CALLER_HZ).slice(1, 5).every(Boolean) && !heard(left, AGENT_HZ).some(Boolean))
  assert.ok(heard(right, AGENT_HZ).slice(1, 5).every(Boolean) && !heard(right, CALLER_HZ).some(Boolean))
  await agent.getByRole('article', { name: /^通話の録音/ }).getByRole('button', { name: '再生' }).waitFor()
  await agent.getByRole('button', { name: /後処理を終/ }).first().click()
  await agent.context().close()
})

test('a call that is killed with the program is kept but for its last moments', async () => {
  const agent = await signIn('nguyen')
  await available(agent)
  const phone = await call({ sip, number: '0300000001', hz: CALLER_HZ })
  await chooseByKey(phone)
  await agent.getByRole('button', { name: '応じる' }).click({ timeout: 60_000 })
  const id = await chunkOnDisk(known)
  await server.kill()
  await phone.close()
  await server.start()
  const ticket = await latest(agent)
  await done(agent, ticket.id, 'the cut call')
  const [recording] = await recordingsOf(agent, ticket.id)
  assert.equal(recording.id, id)
  assert.ok(recording.ms >= 3000 && recording.peaks.length > 100)
  const { left } = await sides(agent, id)
  assert.ok(heard(left, CALLER_HZ).slice(1, 5).every(Boolean))
  await agent.context().close()
})
