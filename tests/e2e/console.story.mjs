// A day at the desk: an agent takes a worker's chat from the console, fills the ticket and ends it; a supervisor
// watches the board; an administrator looks after the desk. Every page passes axe. The pictures of docs/ come from here.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'

import {
  assertNoForeignRequests,
  assertQuietConsole,
  axe,
  launch,
  newPage,
  people,
  screenshot,
  startServer,
} from './harness/index.mjs'

const DESKTOP = { viewport: { width: 1366, height: 768 }, locale: 'ja-JP' }
const PHONE = { viewport: { width: 390, height: 844 }, locale: 'vi-VN' }

/** The console's first question, who is signed in, is answered with 401. */
const NOBODY_YET = [/status of 401/]

let server
let browser
let staff

before(async () => {
  server = await startServer({ prepare: [['demo']] })
  staff = await people(server)
  browser = await launch()
})
after(async () => {
  await browser?.close()
  await server?.stop()
})

/** Signs a person in through the page, with the second factor where it is asked for. */
async function signIn(login, { picture } = {}) {
  const page = await newPage(browser, server.url, DESKTOP)
  await page.goto('/desk')
  await page.locator('input[name=username]').fill(login)
  await page.locator('input[autocomplete=current-password]').fill(staff.passwordOf(login))
  if (picture) await screenshot(page, picture)
  await axe(page)
  await page.getByRole('button', { name: 'サインイン' }).click()
  await staff.arrive(page, login)
  signedIn.set(login, await page.context().storageState())
  return page
}

/** What a browser keeps of each sign-in: a one-time code is good once, so later pages carry the session on. */
const signedIn = new Map()

/** A page of somebody whose session goes on in another browser window. */
async function again(login, options) {
  if (!signedIn.has(login)) await (await signIn(login)).context().close()
  return newPage(browser, server.url, { ...options, storageState: signedIn.get(login) })
}

async function askInVietnamese() {
  const page = await newPage(browser, server.url, PHONE)
  await page.goto('/chat?lang=vi')
  await page.locator('input[name=desk][value=workers]').check()
  await page.locator('input[name=inquirer][value=worker]').check()
  await page.locator('select[name=topic]').selectOption('7')
  await page.locator('input[name=consent]').check()
  await page.locator('#start').click()
  await page.locator('#standing').waitFor()
  return page
}

async function say(page, text) {
  await page.locator('#text').fill(text)
  await page.locator('.send').click()
  await page.locator('.message', { hasText: text }).waitFor()
}

test('an agent answers, fills the ticket and ends; the board and the list show it', async () => {
  const agent = await signIn('nguyen', { picture: 'signin-ja' })
  await agent.getByRole('button', { name: '受付可にする' }).first().click()
  const worker = await askInVietnamese()
  await say(worker, 'Tôi chưa nhận được lương làm thêm giờ tháng trước.')
  const accept = agent.getByRole('button', { name: '応じる' })
  await accept.waitFor()
  await screenshot(agent, 'offer-ja')
  await axe(agent)
  await accept.click()
  await agent.getByRole('log').getByText('Tôi chưa nhận được lương').waitFor()
  const box = agent.locator('.composer textarea')
  await box.fill('Xin chào, tôi là Mai. Bạn có bảng lương không?')
  await box.press('Control+Enter')
  await worker.locator('.message', { hasText: 'Bạn có bảng lương không?' }).waitFor()
  await say(worker, 'Vâng, tôi có ảnh chụp bảng lương.')
  await agent.getByRole('log').getByText('Vâng, tôi có ảnh').waitFor()
  await agent.getByLabel('要旨').fill('残業代が先月分支払われていない。給与明細の写真あり。')
  await agent.getByText(/保存済み/).first().waitFor()
  await screenshot(agent, 'console-ja')
  await axe(agent)

  const second = await askInVietnamese()
  const supervisor = await signIn('supervisor')
  await supervisor.goto('/desk/board')
  await supervisor.getByRole('heading', { level: 1 }).waitFor()
  await supervisor.getByText('グエン・ティ・マイ').first().waitFor()
  await screenshot(supervisor, 'board-ja')
  await axe(supervisor)
  await supervisor.goto('/desk/tickets')
  await supervisor.getByText('残業代が先月分').first().waitFor()
  await screenshot(supervisor, 'tickets-ja')
  await axe(supervisor)
  await second.context().close()

  for (const page of [agent, worker, supervisor]) {
    assertNoForeignRequests(page)
    assertQuietConsole(page, { except: NOBODY_YET })
    await page.context().close()
  }
})

test('the administrator has every page of the desk and sees no case', async () => {
  const page = await signIn('admin')
  for (const name of ['desks', 'days', 'topics', 'accounts', 'texts', 'settings', 'trail']) {
    await page.goto(`/desk/admin/${name}`)
    await page.getByRole('heading', { level: 1 }).waitFor()
    await page.waitForLoadState('networkidle')
    if (['desks', 'accounts'].includes(name)) await screenshot(page, `admin-${name}-ja`)
    await axe(page)
  }
  const refused = await page.evaluate(() => fetch('/api/v1/tickets').then((answer) => answer.status))
  assert.equal(refused, 403)
  assertNoForeignRequests(page)
})

/** What a person meets who enlarges everything, holds a phone, or works in the dark. */
const SHAPES = {
  phone: { viewport: { width: 320, height: 640 }, locale: 'ja-JP' },
  enlarged: { viewport: { width: 683, height: 384 }, locale: 'ja-JP', deviceScaleFactor: 2 },
  dark: { viewport: { width: 1366, height: 768 }, locale: 'ja-JP', colorScheme: 'dark' },
}

const PAGES = {
  nguyen: ['', 'tickets', 'me'],
  supervisor: ['board', 'tickets'],
  admin: ['admin/desks', 'admin/days', 'admin/topics', 'admin/accounts', 'admin/texts', 'admin/settings', 'admin/trail'],
}

/** Elements that reach over the page's edge, unless they lie in something that scrolls by itself. */
const overflowing = () => {
  const width = document.documentElement.clientWidth
  const scrolls = (element) =>
    element !== null &&
    element !== document.body &&
    (['auto', 'scroll', 'hidden', 'clip'].includes(getComputedStyle(element).overflowX) || scrolls(element.parentElement))
  return [...document.querySelectorAll('body *')]
    .filter((e) => e.getBoundingClientRect().right > width + 1 && e.getClientRects().length > 0 && !scrolls(e.parentElement))
    .slice(0, 5)
    .map((e) => `${e.tagName.toLowerCase()}.${e.className}`)
}

/** Judged on a window as high as the page: what a bar covers can be scrolled to, and is judged there. */
async function judgeWhole(page, viewport) {
  const height = await page.evaluate(() => document.documentElement.scrollHeight)
  await page.setViewportSize({ width: viewport.width, height: Math.max(height, viewport.height) })
  await axe(page)
  await page.setViewportSize(viewport)
}

for (const [shape, options] of Object.entries(SHAPES)) {
  test(`every staff page holds: ${shape}`, async () => {
    for (const [login, pages] of Object.entries(PAGES)) {
      const page = await again(login, options)
      for (const path of pages) {
        await page.goto(`/desk/${path}`)
        await page.getByRole('heading', { level: 1 }).first().waitFor()
        await page.waitForLoadState('networkidle')
        if (process.env.E2E_SHAPES) await screenshot(page, `shape-${shape}-${path.replace('/', '-') || 'console'}`)
        assert.deepEqual(await page.evaluate(overflowing), [], `${path} at ${shape}`)
        await judgeWhole(page, options.viewport)
      }
      await page.context().close()
    }
  })
}
