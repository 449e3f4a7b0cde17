/** The calls behind the phone contacts of this page: read when they become mine, and again when one changes. */
import { computed, shallowReactive, watch } from 'vue'
import { ApiError } from '@/api'
import type { BoardContact } from '@/api'
import { readCall } from '@/api/phone'
import { adopt, callMood, type KnownCall } from './callView'
import { serverNow } from './clock'
import { useConversations } from './conversations'
import { onFrame, useLive } from './live'
import { useSession } from './session'

/** Pause before a call is read again after a failure that may pass, milliseconds. */
const AGAIN_MS = 3000

const calls = shallowReactive(new Map<string, KnownCall>())
/** Calls that could not be read, with the reason. */
const failures = shallowReactive(new Map<string, unknown>())
/** How often each is looked at beyond my own contacts and offers. */
const watched = shallowReactive(new Map<string, number>())
const asking = new Map<string, { again: boolean }>()

const { board, myContacts } = useLive()
const { offers } = useConversations()
const { me } = useSession()

const contactOf = (id: string): BoardContact | undefined => board.value.contacts.find((c) => c.id === id)

const wanted = computed(() => {
  const mine = myContacts.value.filter((c) => c.channel === 'phone').map((c) => c.id)
  const offered = offers.value.map((o) => o.contact).filter((id) => contactOf(id)?.channel === 'phone')
  return [...new Set([...mine, ...offered, ...watched.keys()])].sort()
})

/** Reads a call again. A change during the reading makes one more. */
export async function readAgain(id: string): Promise<void> {
  const present = asking.get(id)
  if (present) {
    present.again = true
    return
  }
  const mine = { again: false }
  asking.set(id, mine)
  try {
    const call = await readCall(id)
    if (!wanted.value.includes(id)) return
    failures.delete(id)
    calls.set(id, adopt(calls.get(id), call, contactOf(id), serverNow()))
  } catch (error) {
    if (!wanted.value.includes(id)) return
    failures.set(id, error)
    // A refusal stays one; anything else is likely to pass.
    const refused = error instanceof ApiError && error.status >= 400 && error.status < 500
    if (!refused) setTimeout(() => wanted.value.includes(id) && void readAgain(id), AGAIN_MS)
  } finally {
    asking.delete(id)
    if (mine.again && wanted.value.includes(id)) void readAgain(id)
  }
}

onFrame((frame) => {
  if (frame.type === 'call_changed') {
    if (wanted.value.includes(frame.contact)) void readAgain(frame.contact)
  } else if (frame.type === 'welcome' || frame.type === 'resumed') {
    // What happened while the connection was away was told to nobody.
    for (const id of wanted.value) void readAgain(id)
  }
})

watch(
  () => wanted.value.join(' '),
  () => {
    const now = new Set(wanted.value)
    for (const id of [...calls.keys(), ...failures.keys()]) {
      if (now.has(id)) continue
      calls.delete(id)
      failures.delete(id)
    }
    for (const id of now) if (!calls.has(id)) void readAgain(id)
  },
  { immediate: true },
)

// The contact's own state (held, wrap-up) is part of what is shown; with another state there may be more to read.
watch(
  () => wanted.value.map((id) => `${id} ${contactOf(id)?.state ?? ''}`),
  (now, before) => {
    for (const line of now) {
      if (before.includes(line)) continue
      const id = line.split(' ')[0] ?? ''
      const known = calls.get(id)
      const contact = contactOf(id)
      if (known && callMood(known.call, contact?.state) !== known.mood) {
        calls.set(id, adopt(known, known.call, contact, serverNow()))
      }
      void readAgain(id)
    }
  },
)

watch(me, (person) => {
  if (person) return
  calls.clear()
  failures.clear()
  watched.clear()
})

/** Keeps a call current that is not mine; returns the way to let it go. */
export function watchCall(id: string): () => void {
  watched.set(id, (watched.get(id) ?? 0) + 1)
  return () => {
    const left = (watched.get(id) ?? 1) - 1
    if (left > 0) watched.set(id, left)
    else watched.delete(id)
  }
}

export function useCalls() {
  return { calls, failures }
}
