// A telephone at the desk: sipp calls as a carrier would, an agent answers in Chromium, and the tones tell who hears
// whom.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'

import {
  answerer,
  assertNoForeignRequests,
  axe,
  call,
  chooseByKey,
  eventually,
  freePort,
  newPage,
  people,
  plainVoice,
  screenshot,
  speaking,
  startServer,
} from './harness/index.mjs'

const DESKTOP = { viewport: { width: 1366, height: 768 }, locale: 'ja-JP', permissions: ['microphone'] }
/** What each side says, Hz. */
const AGENT_HZ = 700
const CALLER_HZ = 1000
const OTHER_HZ = 1500
const SUPERVISOR_HZ = 400

let server
let browser
let office
let staff
let sip
let carrier

before(async () => {
  sip = `127.0.0.1:${await freePort()}`
  carrier = await freePort()
  server = await startServer({
    prepare: [['demo']],
    env: {
      MADOGUCHI_PHONE__LISTEN: sip,
      MADOGUCHI_PHONE__CARRIER: `127.0.0.1:${carrier}`,
      MADOGUCHI_PHONE__SILENCE_SECS: '5',
      MADOGUCHI_PHONE__RTP_PORTS: '22000-22199',
      MADOGUCHI_PHONE__BROWSER_PORTS: '22200-22299',
    },
  })
  staff = await people(server)
  browser = await speaking(AGENT_HZ)
  office = await speaking(SUPERVISOR_HZ)
})
after(async () => {
  await browser?.close()
  await office?.close()
  await server?.stop()
})

/** Keeps what the page receives, so that the story can listen to it. */
function overhear() {
  const Native = window.RTCPeerConnection
  window.RTCPeerConnection = class extends Native {
    constructor(...args) {
      super(...args)
      window.overheard = this
    }
  }
}

async function signIn(login, from = browser) {
  const page = await newPage(from, server.url, DESKTOP)
  await page.addInitScript(overhear)
  await page.addInitScript(plainVoice)
  await staff.signIn(page, login)
  return page
}

/** Leaves the desk: nobody is available any more. */
async function signOut(page) {
  await page.getByRole('button', { name: 'サインアウト' }).click()
  await page.locator('input[name=username]').waitFor()
  await page.context().close()
}

const connected = (page) =>
  page.waitForFunction(() => window.overheard?.connectionState === 'connected', undefined, { timeout: 20_000 })

/** How strong a tone is in what the page receives, dB. */
const level = (page, hz) =>
  page.evaluate(async (wanted) => {
    const track = window.overheard.getReceivers()[0].track
    if (window.earOf !== track) {
      window.earOf = track
      const context = new AudioContext()
      await context.resume()
      window.ear = context.createAnalyser()
      window.ear.fftSize = 8192
      window.ear.smoothingTimeConstant = 0
      context.createMediaStreamSource(new MediaStream([track])).connect(window.ear)
    }
    const bins = new Float32Array(window.ear.frequencyBinCount)
    window.ear.getFloatFrequencyData(bins)
    return Math.max(...bins.slice(Math.round((wanted * 8192) / window.ear.context.sampleRate) - 2).slice(0, 5))
  }, hz)

const hears = (page, hz, limit) => eventually(async () => (await level(page, hz)) > -50, `a tone of ${hz} Hz in the browser`, limit)
const hearsNot = (page, hz) => eventually(async () => (await level(page, hz)) < -70, `no tone of ${hz} Hz in the browser`)
/** The tone is away from the telephone for half a second. */
async function silentAt(phone, hz) {
  phone.sound.listen()
  await eventually(() => phone.sound.heard.length >= 4000 && !phone.sound.hears(hz), `no tone of ${hz} Hz at the telephone`)
}

async function available(page) {
  page.setDefaultTimeout(15_000)
  const button = page.getByRole('button', { name: '受付可にする' }).first()
  // Who signs in again within the grace time is available still.
  await eventually(async () => {
    if (await button.count()) await button.click()
    return page.evaluate(async () => {
      const me = await (await fetch('/api/v1/session')).json()
      const { agents } = await (await fetch('/api/v1/board')).json()
      const mine = (Array.isArray(agents) ? agents : Object.values(agents)).find((agent) => agent.id === me.me.id)
      return mine?.state === 'available'
    })
  }, 'the agent to be available')
  await connected(page)
}

/** A call that the agent has answered: both hear each other. */
async function talking(agent, options = {}) {
  const phone = await call({ sip, number: '0300000001', hz: CALLER_HZ, ...options })
  await chooseByKey(phone)
  const accept = agent.getByRole('button', { name: '応じる' })
  await accept.waitFor({ timeout: 60_000 })
  await accept.click()
  await hears(agent, CALLER_HZ)
  await phone.hears(AGENT_HZ)
  return phone
}

async function hangUp(agent, phone) {
  await agent.getByRole('button', { name: '終話' }).click()
  assert.equal(await phone.ended, 0, await phone.errors())
  await phone.close()
  await agent.getByRole('button', { name: '後処理を終える' }).click()
}

/** Tickets of a number, the latest first, as the console reads them. */
const tickets = (page, number) =>
  page.evaluate(async (wanted) => {
    const answer = await fetch(`/api/v1/tickets?q=${wanted}`)
    return (await answer.json()).items ?? []
  }, number)

test('a caller is asked by key, waits, talks, is held, and the call ends as a ticket', async () => {
  const agent = await signIn('sato')
  await available(agent)
  const phone = await talking(agent)
  await screenshot(agent, 'phone-ja')
  await axe(agent)
  assertNoForeignRequests(agent)

  await agent.getByRole('button', { name: '保留', exact: true }).click()
  await hearsNot(agent, CALLER_HZ)
  await silentAt(phone, AGENT_HZ)
  await agent.getByRole('button', { name: '保留解除' }).click()
  await hears(agent, CALLER_HZ)
  await phone.hears(AGENT_HZ)
  await hangUp(agent, phone)
  await signOut(agent)
})

test('the call outlives the page: after a reload both hear each other again', async (t) => {
  const agent = await signIn('sato')
  await available(agent)
  const phone = await talking(agent, { from: '0312340002' })
  phone.sound.listen()
  const begun = performance.now()
  await agent.reload()
  await connected(agent)
  await phone.hears(AGENT_HZ)
  t.diagnostic(`the caller heard the agent again ${Math.round(performance.now() - begun)} ms after the reload began`)
  await hears(agent, CALLER_HZ)
  await hangUp(agent, phone)
  await signOut(agent)
})

test('a second opinion from outside: consulted, together, and handed over', async () => {
  const agent = await signIn('sato')
  await available(agent)
  const phone = await talking(agent, { from: '0312340003' })
  const other = await answerer({ port: carrier, hz: OTHER_HZ })
  await agent.getByRole('button', { name: /転送・相談/ }).click()
  await agent.getByLabel(/先に相談する/).check()
  await agent.getByLabel('外線の番号へ').check()
  await agent.getByLabel('電話番号').fill('0398765432')
  await agent.getByRole('button', { name: '呼び出す' }).click()
  await hears(agent, OTHER_HZ)
  await other.hears(AGENT_HZ)
  await hearsNot(agent, CALLER_HZ)
  await silentAt(phone, AGENT_HZ)
  await silentAt(other, CALLER_HZ)
  await screenshot(agent, 'phone-consult-ja')

  await agent.getByRole('button', { name: /三者通話/ }).click()
  await hears(agent, CALLER_HZ)
  await hears(agent, OTHER_HZ)
  await phone.hears(OTHER_HZ)
  await phone.hears(AGENT_HZ)
  await other.hears(CALLER_HZ)
  await other.hears(AGENT_HZ)

  await agent.getByRole('button', { name: /転送を完了/ }).click()
  await agent.getByRole('button', { name: '後処理を終える' }).waitFor()
  await silentAt(phone, AGENT_HZ)
  await phone.hears(OTHER_HZ)
  await other.hears(CALLER_HZ)
  await hearsNot(agent, CALLER_HZ)
  // Her telephone is gone without a word: the missing sound ends the call for the other, too.
  await phone.close()
  assert.equal(await other.ended, 0, await other.errors())
  await other.close()
  await agent.getByRole('button', { name: '後処理を終える' }).click()
  await signOut(agent)
})

test('a supervisor listens, whispers and joins', async () => {
  const agent = await signIn('sato')
  await available(agent)
  const phone = await talking(agent, { from: '0312340004' })
  const supervisor = await signIn('supervisor', office)
  await connected(supervisor)
  await supervisor.goto('/desk/board')
  await connected(supervisor)
  await supervisor.locator('.talk').first().click()
  await supervisor.getByRole('button', { name: '聞く' }).first().click()
  await hears(supervisor, CALLER_HZ)
  await hears(supervisor, AGENT_HZ)
  await silentAt(phone, SUPERVISOR_HZ)
  await hearsNot(agent, SUPERVISOR_HZ)
  await screenshot(supervisor, 'supervise-ja')
  await axe(supervisor)
  await supervisor.getByRole('button', { name: '助言' }).first().click()
  await hears(agent, SUPERVISOR_HZ)
  await silentAt(phone, SUPERVISOR_HZ)
  await supervisor.getByRole('button', { name: '加わる' }).first().click()
  await phone.hears(SUPERVISOR_HZ)
  await supervisor.getByRole('button', { name: 'やめる' }).first().click()
  await hearsNot(agent, SUPERVISOR_HZ)
  await hears(agent, CALLER_HZ)
  await hangUp(agent, phone)
  await signOut(agent)
  await supervisor.context().close()
})

test('who waits may be called back in her turn', async () => {
  const agent = await signIn('nguyen')
  await agent.locator('nav').first().waitFor()
  await connected(agent)
  const phone = await call({ sip, number: '0300000001', hz: CALLER_HZ, from: '0312340005' })
  await chooseByKey(phone)
  await eventually(async () => (await tickets(agent, '0312340005')).length > 0, 'the caller in the line')
  phone.sound.press('1')
  assert.equal(await phone.ended, 0, await phone.errors())
  await phone.close()
  const called = await answerer({ port: carrier, hz: CALLER_HZ })
  await agent.getByRole('button', { name: '受付可にする' }).first().click()
  const accept = agent.getByRole('button', { name: '応じる' })
  await accept.waitFor({ timeout: 60_000 })
  await accept.click()
  await called.hears(AGENT_HZ, 30_000)
  await hears(agent, CALLER_HZ)
  await screenshot(agent, 'phone-callback-ja')
  await hangUp(agent, called)
  const [ticket] = await tickets(agent, '0312340005')
  assert.equal(ticket.reply_waiting, false, 'nobody waits for a call any more')
  await signOut(agent)
})

test('an agent calls out; a caller who gives up is to be called back', async () => {
  const agent = await signIn('sato')
  await available(agent)
  const called = await answerer({ port: carrier, hz: OTHER_HZ })
  await agent.getByRole('button', { name: '発信' }).click()
  await agent.getByLabel('かける番号').fill('03-1234-0006')
  await agent.getByRole('button', { name: '発信する' }).click()
  await hears(agent, OTHER_HZ)
  await called.hears(AGENT_HZ)
  const gone = await call({ sip, number: '0300000001', from: '0312340007', hangUpMs: 6000 })
  await chooseByKey(gone)
  assert.equal(await gone.ended, 0, await gone.errors())
  await gone.close()
  await eventually(async () => (await tickets(agent, '0312340007'))[0]?.reply_waiting, 'a ticket to call back')
  await hangUp(agent, called)
  await signOut(agent)
})

test('a killed server leaves a ticket to call back', async () => {
  const agent = await signIn('sato')
  await available(agent)
  const phone = await talking(agent, { from: '0312340008' })
  await server.kill()
  await phone.close()
  await server.start()
  await eventually(async () => (await tickets(agent, '0312340008'))[0]?.reply_waiting, 'a ticket to call back', 30_000)
  await signOut(agent)
})
