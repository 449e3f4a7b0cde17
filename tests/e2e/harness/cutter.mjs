// A TCP relay before the server whose cable can be pulled: the browser talks to the relay's address.

import { once } from 'node:events'
import { connect, createServer } from 'node:net'

/**
 * Starts a relay to `target` (an http:// address).
 *
 * - `url`: what the browser opens instead of the server's own address.
 * - `open`: how many connections pass through it now.
 * - `cut()`: every connection is reset and new ones are refused, until `heal()`.
 * - `cut({ silently: true })`: as a lost radio link: connections stay open and no byte passes; whoever
 *   connects meanwhile gets no answer either. `heal()` resets them, as a network that forgot them would.
 * - `heal()`: connections pass again, on the same port.
 * - `cutFor(ms, how)`: cuts as `cut(how)` does, heals after that time, and is done then.
 * - `stop()`: the end of the relay.
 */
export async function startCutter(target) {
  const { hostname, port: targetPort } = new URL(target)
  const pairs = new Set()
  let silent = false
  let port = 0
  let listener = await listen()

  async function listen() {
    const server = createServer(relay)
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    port = server.address().port
    return server
  }

  function relay(near) {
    const far = silent ? undefined : connect(Number(targetPort), hostname)
    const pair = { near, far }
    pairs.add(pair)
    const end = () => {
      pairs.delete(pair)
      near.destroy()
      far?.destroy()
    }
    near.on('error', end).on('close', end)
    far?.on('error', end).on('close', end)
    if (far) {
      near.pipe(far)
      far.pipe(near)
    } else {
      near.pause()
    }
  }

  function resetAll() {
    for (const { near, far } of pairs) {
      near.resetAndDestroy()
      far?.resetAndDestroy()
    }
    pairs.clear()
  }

  async function closeListener() {
    const closing = listener
    listener = undefined
    if (!closing) return
    const closed = once(closing, 'close')
    closing.close()
    resetAll()
    await closed
  }

  async function cut({ silently = false } = {}) {
    if (!silently) return closeListener()
    silent = true
    for (const { near, far } of pairs) {
      near.unpipe()
      near.pause()
      far?.unpipe()
      far?.pause()
    }
  }

  async function heal() {
    if (silent) {
      silent = false
      resetAll()
    }
    listener ??= await listen()
  }

  return {
    get url() {
      return `http://127.0.0.1:${port}`
    },
    get open() {
      return pairs.size
    },
    cut,
    heal,
    async cutFor(ms, how) {
      await cut(how)
      await new Promise((resolve) => setTimeout(resolve, ms))
      await heal()
    },
    async stop() {
      await closeListener()
      resetAll()
    },
  }
}
