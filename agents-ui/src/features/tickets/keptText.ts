/** A text that stays in the browser until the server has it, under one id so that it cannot arrive twice. */
import { ref, watch, type Ref } from 'vue'

interface Kept {
  client_id: string
  body: string
}

function read(key: string): Kept {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(key) ?? 'null')
    if (typeof value === 'object' && value !== null && 'body' in value && 'client_id' in value) {
      return { body: String(value.body), client_id: String(value.client_id) }
    }
  } catch {
    // What cannot be read is started anew.
  }
  return { body: '', client_id: crypto.randomUUID() }
}

export function useKeptText(key: Readonly<Ref<string>>) {
  const kept = ref<Kept>(read(key.value))
  watch(key, (now) => (kept.value = read(now)))
  watch(
    kept,
    (now) => {
      try {
        if (now.body) localStorage.setItem(key.value, JSON.stringify(now))
        else localStorage.removeItem(key.value)
      } catch {
        // A full storage takes the second copy away, not the first.
      }
    },
    { deep: true },
  )
  /** The server has it: the next text is another one. */
  function done(): void {
    kept.value = { body: '', client_id: crypto.randomUUID() }
  }
  return { kept, done }
}
