// Waiting for what must happen, never for an amount of time.

import { createServer } from 'node:net'

const LOOK_EVERY_MS = 25

/**
 * Looks until `check` gives something truthy and returns it. An error thrown by `check` counts as "not yet";
 * the last one is told when the limit is reached. `what` completes the sentence "waited for …".
 */
export async function eventually(check, what, limitMs = 15_000) {
  const end = performance.now() + limitMs
  let last
  for (;;) {
    try {
      const value = await check()
      if (value) return value
      last = undefined
    } catch (error) {
      last = error
    }
    if (performance.now() > end) {
      throw new Error(`waited ${limitMs} ms for ${what}`, { cause: last })
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
  }
}

/** A TCP port of 127.0.0.1 that nothing listens on now. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address()
      probe.close(() => resolve(port))
    })
  })
}
