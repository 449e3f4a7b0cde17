// Chromium, its pages, and what every page is held to: nothing from other hosts, nothing wrong on the console.

import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import { chromium } from 'playwright-core'

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

const PICTURES = process.env.E2E_PICTURES ?? fileURLToPath(new URL('../out/', import.meta.url))

/** What each page asked for and complained of, from its first request on. */
const seen = new WeakMap()

/** Chromium; close it at the end of the story. `args` are added to its flags. */
export function launch({ args = [] } = {}) {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    args: [...FLAGS, ...args],
  })
}

/**
 * A page of a person of her own (own cookies and storage). `base` is the server's address, or the cutter's.
 * `options` are Playwright's for a context: `locale`, `viewport`, `colorScheme`, `permissions`, ….
 */
export async function newPage(browser, base, options = {}) {
  const context = await browser.newContext({
    baseURL: base,
    locale: 'ja-JP',
    timezoneId: 'Asia/Tokyo',
    viewport: { width: 1366, height: 768 },
    ...options,
  })
  const record = { host: new URL(base).host, requests: [], complaints: [] }
  context.on('request', (request) => record.requests.push(request.url()))
  context.on('page', (page) => {
    seen.set(page, record)
    page.on('websocket', (socket) => record.requests.push(socket.url()))
    page.on('pageerror', (error) => record.complaints.push(`error: ${error.message}`))
    page.on('console', (message) => {
      if (message.type() === 'error') record.complaints.push(`console: ${message.text()}`)
    })
  })
  return context.newPage()
}

function recordOf(page) {
  const record = seen.get(page)
  if (!record) throw new Error('this page was not opened by newPage(), so nobody watched it')
  return record
}

/** Fails when anything was asked of another host than the story's own, since the page was opened. */
export function assertNoForeignRequests(page) {
  const { host, requests } = recordOf(page)
  if (requests.length === 0) throw new Error('the page asked for nothing at all: it was not loaded')
  const foreign = requests.filter((url) => {
    const { protocol, host: asked } = new URL(url)
    return !['data:', 'blob:', 'about:'].includes(protocol) && asked !== host
  })
  if (foreign.length > 0) throw new Error(`requests to other hosts than ${host}:\n  ${foreign.join('\n  ')}`)
}

/**
 * Fails when a script of the page threw, or the console holds an error (a blocked inline style is one).
 * `except`: patterns of complaints that the story provokes on purpose, such as a lost connection.
 */
export function assertQuietConsole(page, { except = [] } = {}) {
  const bad = recordOf(page).complaints.filter((text) => !except.some((pattern) => pattern.test(text)))
  if (bad.length > 0) throw new Error(`the page complained:\n  ${bad.join('\n  ')}`)
}

/** A picture at tests/e2e/out/NAME.png, or in the folder that E2E_PICTURES names. Returns its path. */
export async function screenshot(page, name, options = {}) {
  mkdirSync(PICTURES, { recursive: true })
  const path = `${PICTURES.replace(/\/$/, '')}/${name}.png`
  await page.screenshot({ path, animations: 'disabled', ...options })
  return path
}
