// A visitor's way through the public pages: choose a language, fill the form, talk, lose the network, reload, end;
// leave a message; do without script; use the widget on another site.

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { once } from 'node:events'
import { after, before, describe, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'

import {
  assertNoForeignRequests,
  assertQuietConsole,
  axe,
  eventually,
  freePort,
  launch,
  newPage,
  screenshot,
  startCutter,
  startServer,
} from './harness/index.mjs'

/** What a page may complain of while the story cuts its line. */
const CUT = [/WebSocket connection/, /Failed to load resource/, /ERR_/]

let server
let browser
let passwords
let widgetPort
const sites = []

before(async () => {
  widgetPort = await freePort()
  const env = { MADOGUCHI_HTTP__WIDGET_ORIGINS: `http://127.0.0.1:${widgetPort}` }
  server = await startServer({ prepare: [['demo']], env })
  passwords = new Map(
    [...server.prepared[0].matchAll(/^(\w+) +((?:\w{4}-){3}\w{4}) /gm)].map(([, login, password]) => [login, password]),
  )
  browser = await launch()
})
after(async () => {
  await browser?.close()
  for (const site of sites) {
    site.close()
    site.closeAllConnections()
  }
  await server?.stop()
})

/** An agent who accepts whatever is offered, and says what the story tells her to: a bare socket in a page. */
async function agent(login) {
  const page = await newPage(browser, server.url)
  await page.goto('/robots.txt')
  await page.evaluate(
    async ({ login, password }) => {
      const headers = { 'content-type': 'application/json' }
      const body = JSON.stringify({ login, password })
      const signed = await fetch('/api/v1/session', { method: 'POST', headers, body })
      if (!signed.ok) throw new Error(await signed.text())
      const seen = { contacts: [], messages: [], refused: [] }
      const socket = new WebSocket(`${location.origin.replace('http', 'ws')}/ws/agent`)
      let count = 0
      const send = (frame) => socket.send(JSON.stringify({ cmd: `c${(count += 1)}`, ...frame }))
      socket.onopen = () => send({ type: 'hello' })
      socket.onmessage = ({ data }) => {
        const event = JSON.parse(data)
        if (event.type === 'welcome') {
          seen.me = event.me.agent
          send({ type: 'set_state', state: 'available' })
        }
        if (event.type === 'offer_detail') send({ type: 'accept', offer: event.offer })
        if (event.type === 'event' && event.event.type === 'contact_accepted' && event.event.agent === seen.me) {
          seen.contacts.push(event.contact)
          send({ type: 'open', contact: event.contact })
        }
        if (event.type === 'message') {
          seen.messages.push(event.message)
          send({ type: 'read', contact: event.contact, up_to_seq: event.message.seq })
        }
        if (event.type === 'opened') seen.messages.push(...event.messages)
        if (event.type === 'refused') seen.refused.push(event)
      }
      globalThis.desk = { seen, send }
    },
    { login, password: passwords.get(login) },
  )
  const seen = () => page.evaluate(() => globalThis.desk.seen)
  return {
    seen,
    send: (frame) => page.evaluate((frame) => globalThis.desk.send(frame), frame),
    contact: () => eventually(async () => (await seen()).contacts.at(-1), 'an accepted contact'),
    heard: (body) =>
      eventually(async () => (await seen()).messages.filter((m) => m.body === body).length, `the agent to hear ${body}`),
    leave: () => page.context().close(),
  }
}

async function fill(page, { leave = false } = {}) {
  await page.locator('input[name=desk][value=workers]').check()
  await page.locator('input[name=inquirer][value=worker]').check()
  await page.locator('select[name=topic]').selectOption('7')
  await page.locator('input[name=consent]').check()
  await page.locator(leave ? '#leave-send' : '#start').click()
}

/** How long the network is gone: long enough for pings to fail and pauses to grow. */
const OUTAGE_MS = 60_000

const phone = { viewport: { width: 390, height: 844 } }

describe('chat', () => {
  test('a worker chooses her language, talks, loses the network, reloads, and ends', async () => {
    const nguyen = await agent('nguyen')
    await eventually(async () => (await nguyen.seen()).me, 'the agent to be welcomed')
    const cutter = await startCutter(server.url)
    const page = await newPage(browser, cutter.url, { ...phone, locale: 'vi-VN' })
    await page.goto('/')
    await axe(page)
    await page.getByRole('link', { name: 'Tiếng Việt' }).click()
    await page.waitForURL('**/?lang=vi')
    await page.goto('/chat?lang=vi')
    assert.equal(await page.getAttribute('html', 'lang'), 'vi')
    await axe(page)
    await fill(page)
    await page.locator('#standing.active').waitFor()
    const contact = await nguyen.contact()

    await page.locator('#text').fill('Tôi chưa nhận được lương làm thêm giờ.')
    await page.locator('.send').click()
    await nguyen.heard('Tôi chưa nhận được lương làm thêm giờ.')
    await page.locator('.message.mine .status.read').waitFor()
    await nguyen.send({ type: 'send', contact, client_id: 'a1', body: 'Xin chào. Tháng nào vậy?' })
    await page.locator('.message.agent').waitFor()
    await axe(page)
    await screenshot(page, 'chat-vi', { fullPage: true })

    await cutter.cut()
    await page.locator('.line-note.down').waitFor()
    await page.locator('#text').fill('Tháng chín.')
    await page.locator('.send').click()
    await nguyen.send({ type: 'send', contact, client_id: 'a2', body: 'Bạn còn đó không?' })
    await page.locator('.message.mine .status.waits').waitFor()
    await setTimeout(OUTAGE_MS)
    await cutter.heal()
    await page.getByText('Bạn còn đó không?').waitFor()
    await nguyen.heard('Tháng chín.')
    assert.equal(await page.locator('.message').count(), 4)

    await page.locator('#text').fill('chưa gửi')
    await page.reload()
    await page.getByText('Bạn còn đó không?').waitFor()
    assert.equal(await page.locator('.message').count(), 4)
    assert.equal(await page.locator('#text').inputValue(), 'chưa gửi')
    const twice = (await nguyen.seen()).messages.map((m) => m.seq)
    assert.equal(new Set(twice).size, new Set((await nguyen.seen()).messages.map((m) => m.client_id)).size)

    await page.locator('#end').click()
    await page.locator('#sure-yes').click()
    await page.locator('#standing.ended').waitFor()
    await page.locator('.rate button').first().click()
    await page.locator('#after .done').waitFor()
    await axe(page)
    await screenshot(page, 'chat-ended', { fullPage: true })
    const saved = page.waitForEvent('download')
    await page.locator('#save').click()
    assert.match((await saved).suggestedFilename(), /\.txt$/)
    assertNoForeignRequests(page)
    assertQuietConsole(page, { except: CUT })
    await page.context().close()
    await cutter.stop()
    await nguyen.leave()
  })

  test('where sockets are blocked the stream carries the conversation', async () => {
    const sato = await agent('sato')
    await eventually(async () => (await sato.seen()).me, 'the agent to be welcomed')
    const page = await newPage(browser, server.url, phone)
    await page.routeWebSocket('**/ws/visitor', (socket) => socket.close())
    await page.goto('/chat?lang=ja')
    await fill(page)
    await page.locator('#standing.active').waitFor()
    const contact = await sato.contact()
    await page.locator('#text').fill('残業代について教えてください。')
    await page.locator('.send').click()
    await sato.heard('残業代について教えてください。')
    await sato.send({ type: 'send', contact, client_id: 'b1', body: '承知しました。' })
    await page.getByText('承知しました。').waitFor()
    await sato.send({ type: 'end', contact })
    await page.locator('#standing.ended').waitFor()
    await page.context().close()
    await sato.leave()
  })
})

describe('a message left', () => {
  test('is answered on a private page, whose token no server sees', async () => {
    const page = await newPage(browser, server.url, phone)
    await page.goto('/chat?lang=en&leave=1')
    await page.locator('textarea[name=message]').fill('Where can I take the test?')
    await fill(page, { leave: true })
    await page.locator('#standing.left').waitFor()
    const link = await page.locator('.private').inputValue()
    assert.match(link, /\/chat\/thread\?lang=en#[\w-]{43}$/)
    await axe(page)
    await screenshot(page, 'chat-left', { fullPage: true })

    const later = await newPage(browser, server.url, phone)
    const asked = []
    later.on('request', (request) => asked.push(request.url()))
    await later.goto(link)
    await later.getByText('Where can I take the test?').waitFor()
    await axe(later)
    await later.locator('#text').fill('I live in Osaka.')
    await later.locator('.send').click()
    await later.locator('.message.mine .status.sent, .message.mine .status.delivered').last().waitFor()
    const token = link.split('#')[1]
    assert.ok(asked.length > 0 && asked.every((url) => !url.split('#')[0].includes(token)))
    await page.context().close()
    await later.context().close()
  })

  test('works without script', async () => {
    const page = await newPage(browser, server.url, { ...phone, javaScriptEnabled: false })
    await page.goto('/chat?lang=en')
    assert.match(await page.content(), /<noscript><p class="note">The chat needs JavaScript/)
    await page.locator('textarea[name=message]').fill('No script here.')
    await fill(page, { leave: true })
    await page.locator('.done').waitFor()
    assert.match(await page.locator('.link a').getAttribute('href'), /^\/chat\/thread\?lang=en#[\w-]{43}$/)
    await page.context().close()
  })
})

describe('pages', () => {
  test('every page in Japanese and Burmese passes, at 320 px too', async () => {
    const page = await newPage(browser, server.url, { viewport: { width: 320, height: 640 } })
    for (const lang of ['ja', 'my', 'ja-x-easy']) {
      for (const path of ['/', '/chat', '/chat/frame', '/chat/thread', '/privacy']) {
        await page.goto(`${path}?lang=${lang}`)
        await axe(page)
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
        assert.ok(wide <= 0, `${path} in ${lang} is ${wide} px too wide`)
      }
    }
    assertNoForeignRequests(page)
    assertQuietConsole(page)
    await page.context().close()
  })

  test('the widget opens the chat on a site with a strict policy', async () => {
    const policy = `default-src 'none'; img-src data:; script-src ${server.url}; frame-src ${server.url}`
    const html = `<!doctype html><html lang="en"><title>A company</title><link rel="icon" href="data:,"><body>
      <main><h1>A company</h1></main><script src="${server.url}/widget.js" data-desk="workers" data-lang="vi" defer></script>`
    const site = createServer((request, response) => {
      response.writeHead(200, { 'content-type': 'text/html', 'content-security-policy': policy })
      response.end(html)
    })
    site.listen(widgetPort, '127.0.0.1')
    await once(site, 'listening')
    sites.push(site)
    const page = await newPage(browser, `http://127.0.0.1:${widgetPort}`)
    await page.goto('/')
    const button = page.locator('#madoguchi-widget button')
    await button.click()
    assert.equal(await button.getAttribute('aria-expanded'), 'true')
    const frame = page.frameLocator('#madoguchi-widget iframe')
    await frame.locator('html[lang=vi] #start').waitFor()
    assertQuietConsole(page, { except: [/favicon/] })
    await axe(page)
    await screenshot(page, 'widget')
    await page.context().close()
  })
})
