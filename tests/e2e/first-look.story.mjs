// A newcomer's first look: the public pages answer in the language asked for, the console asks who is there.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'

import { assertNoForeignRequests, launch, newPage, startServer } from './harness/index.mjs'

let server
let browser
before(async () => {
  server = await startServer({ prepare: [['demo']] })
  browser = await launch()
})
after(async () => {
  await browser?.close()
  await server?.stop()
})

test('the chat page speaks the language asked for and loads nothing from other hosts', async () => {
  const page = await newPage(browser, server.url)
  for (const lang of ['ja', 'vi', 'my']) {
    const answer = await page.goto(`/chat?lang=${lang}`)
    assert.equal(answer.status(), 200)
    assert.equal(await page.locator('html').getAttribute('lang'), lang)
  }
  assertNoForeignRequests(page)
})

test('the console asks for a sign-in', async () => {
  const page = await newPage(browser, server.url)
  await page.goto('/desk')
  await page.locator('input[type=password]').waitFor()
  assertNoForeignRequests(page)
})
