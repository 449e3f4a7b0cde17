/** One ticking clock for the whole page, corrected to the server's: everything that ages reads it. */
import { onScopeDispose, readonly, ref } from 'vue'

const TICK_MS = 1000

const now = ref(Date.now())
let offset = 0
let users = 0
let timer: ReturnType<typeof setInterval> | undefined

/** Called with the server's time at each welcome. */
export function syncClock(serverTime: number): void {
  offset = serverTime - Date.now()
  now.value = Date.now() + offset
}

/** The server's time now, milliseconds; not reactive. */
export function serverNow(): number {
  return Date.now() + offset
}

/** A reactive time that moves once a second while anybody looks. */
export function useNow() {
  users += 1
  timer ??= setInterval(() => {
    now.value = serverNow()
  }, TICK_MS)
  onScopeDispose(() => {
    users -= 1
    if (users === 0) {
      clearInterval(timer)
      timer = undefined
    }
  })
  return readonly(now)
}
