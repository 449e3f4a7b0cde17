// The tools of the stories, judged: each must work, and each must be able to fail.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chmod, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'

import {
  assertNoForeignRequests,
  assertQuietConsole,
  axe,
  eventually,
  launch,
  newPage,
  screenshot,
  startCutter,
  startServer,
  totp,
} from './index.mjs'

/** A small server that gives `pages[path]` and counts what it was asked. */
async function pagesServer(pages) {
  const server = createServer((request, response) => {
    const page = pages[request.url]
    response.writeHead(page === undefined ? 404 : 200, { 'content-type': 'text/html; charset=utf-8' })
    response.end(page ?? '')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { url: `http://127.0.0.1:${server.address().port}`, stop: () => server.close() }
}

/** Until the socket is closed, for whatever reason. */
const closing = (socket) => new Promise((resolve) => socket.once('close', resolve))

const html = (body) =>
  `<!doctype html><html lang="en"><head><title>A page</title><link rel="icon" href="data:,"></head><body>
   <main><h1>A page</h1>${body}</main></body></html>`

describe('totp', () => {
  // RFC 6238, appendix B: the secret is "12345678901234567890"; the last six of its eight digits.
  const secret = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ'
  for (const [seconds, code] of [
    [59, '287082'],
    [1_111_111_109, '081804'],
    [1_234_567_890, '005924'],
    [20_000_000_000, '353130'],
  ]) {
    test(`at ${seconds} s`, () => assert.equal(totp(secret, seconds * 1000), code))
  }
  test('refuses what is not base32', () => assert.throws(() => totp('01189'), /base32/))
})

describe('cutter', () => {
  let server
  let cutter
  before(async () => {
    server = await pagesServer({ '/': html('') })
    cutter = await startCutter(server.url)
  })
  after(async () => {
    await cutter.stop()
    server.stop()
  })

  const dial = async () => {
    const socket = connect(Number(new URL(cutter.url).port), '127.0.0.1')
    socket.on('error', () => {})
    await once(socket, 'connect')
    return socket
  }

  test('passes bytes, cuts what is open, refuses what is new, and heals on the same port', async () => {
    const address = cutter.url
    assert.equal((await fetch(cutter.url)).status, 200)
    const socket = await dial()
    await eventually(() => cutter.open > 0, 'the relay to hold the connection')
    const closed = closing(socket)
    await cutter.cut()
    await closed
    assert.equal(cutter.open, 0)
    await assert.rejects(fetch(cutter.url))
    await cutter.heal()
    assert.equal(cutter.url, address)
    assert.equal((await fetch(cutter.url)).status, 200)
  })

  test('is cut for a time', async () => {
    const away = cutter.cutFor(200)
    await eventually(() => fetch(cutter.url).then(() => false, () => true), 'a refused connection')
    await away
    assert.equal((await fetch(cutter.url)).status, 200)
  })

  test('can go silent: the connection stays open and no byte passes', async () => {
    const socket = await dial()
    await cutter.cut({ silently: true })
    socket.write('GET / HTTP/1.0\r\n\r\n')
    await assert.rejects(fetch(cutter.url, { signal: AbortSignal.timeout(300) }), { name: 'TimeoutError' })
    assert.equal(socket.bytesRead, 0)
    assert.equal(socket.destroyed, false)
    const closed = closing(socket)
    await cutter.heal()
    await closed
    assert.equal((await fetch(cutter.url)).status, 200)
  })
})

describe('browser', () => {
  let browser
  let own
  let other
  before(async () => {
    other = await pagesServer({ '/': html('') })
    own = await pagesServer({
      '/': html('<p>Good.</p>'),
      '/foreign': html(`<img alt="" src="${other.url}/pixel">`),
      '/unreadable': html('<p style="color:#ccc;background:#fff">Too pale.</p>'),
      '/broken': html('<script>throw new Error("as planned")</script>'),
    })
    browser = await launch()
  })
  after(async () => {
    await browser?.close()
    own?.stop()
    other?.stop()
  })

  test('a good page passes every check and can be pictured', async () => {
    const page = await newPage(browser, own.url)
    await page.goto('/')
    await axe(page)
    assertNoForeignRequests(page)
    assertQuietConsole(page)
    assert.ok((await stat(await screenshot(page, 'harness'))).size > 0)
  })

  test('a request to another host is found', async () => {
    const page = await newPage(browser, own.url)
    await page.goto('/foreign')
    assert.throws(() => assertNoForeignRequests(page), /other hosts/)
  })

  test('a page that was never loaded is no proof', async () => {
    const page = await newPage(browser, own.url)
    assert.throws(() => assertNoForeignRequests(page), /nothing at all/)
  })

  test('a breach of WCAG is found', async () => {
    const page = await newPage(browser, own.url)
    await page.goto('/unreadable')
    await assert.rejects(axe(page), /color-contrast/)
  })

  test('an error of a script is found', async () => {
    const page = await newPage(browser, own.url)
    await page.goto('/broken')
    assert.throws(() => assertQuietConsole(page), /as planned/)
    assertQuietConsole(page, { except: [/as planned/] })
  })
})

describe('server', () => {
  // Stands in for the real one: the same commands, the same settings.
  const STAND_IN = `#!/usr/bin/env node
    const command = process.argv[2]
    if (command === 'migrate') process.exit(0)
    if (command === 'demo') { console.log('accounts'); process.exit(0) }
    if (process.env.MADOGUCHI_STAND_IN__FAILS) { console.error('no luck'); process.exit(3) }
    const [host, port] = process.env.MADOGUCHI_HTTP__LISTEN.split(':')
    require('node:http').createServer((q, r) => r.end(String(process.pid))).listen(Number(port), host)
    process.on('SIGTERM', () => process.exit(0))`
  const real = process.env.MADOGUCHI_BIN
  let folder
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'madoguchi-harness-'))
    process.env.MADOGUCHI_BIN = join(folder, 'stand-in')
    await writeFile(process.env.MADOGUCHI_BIN, STAND_IN)
    await chmod(process.env.MADOGUCHI_BIN, 0o755)
  })
  after(async () => {
    if (real === undefined) delete process.env.MADOGUCHI_BIN
    else process.env.MADOGUCHI_BIN = real
    await rm(folder, { recursive: true })
  })

  test('starts, is killed, starts again at the same address, and stops', async () => {
    const server = await startServer({ prepare: [['demo']] })
    assert.deepEqual(server.prepared, ['accounts\n'])
    const ask = async () => (await fetch(server.url, { headers: { connection: 'close' } })).text()
    const first = await ask()
    await server.kill()
    await assert.rejects(fetch(server.url))
    await server.start()
    assert.notEqual(await ask(), first)
    await server.stop()
    await assert.rejects(fetch(server.url))
    await assert.rejects(stat(server.dataDir), { code: 'ENOENT' })
  })

  test('says why when the server ends instead of starting', async () => {
    await assert.rejects(startServer({ env: { MADOGUCHI_STAND_IN__FAILS: '1' } }), /code 3.*no luck/s)
  })
})
