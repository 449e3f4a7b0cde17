/** A supervisor's ear in another's call: one at a time, on a line of its own, gone with the call. */
import { computed, ref, watch } from 'vue'
import type { SuperviseMode } from '@/api'
import { actOnCall } from '@/api/phone'
import { lineUp, useLine, wantLine } from './line'
import { useLive } from './live'
import { useSession } from './session'

export type Hearing = Exclude<SuperviseMode, 'stop'>

export interface Supervised {
  contact: string
  /** Whose call it is; kept for the words when it is over. */
  agent: string
  mode: Hearing
}

const present = ref<Supervised>()
const view = computed(() => present.value)
const { board } = useLive()
const { enabled } = useLine()
const { me } = useSession()
let ended: (was: Supervised) => void = () => undefined

/** Tells when a call that was heard has ended by itself. */
export function whenSupervisedEnds(tell: (was: Supervised) => void): void {
  ended = tell
}

/** A line that only hears brings no microphone: it is asked for when it is to be used. */
const needs = (mode: Hearing) => (mode === 'listen' ? 'hear' : 'speak')

/** Opens the line first, so that nothing of the call is missed; rejects with what stands in the way. */
export async function supervise(contact: string, agent: string, mode: Hearing): Promise<void> {
  const before = present.value
  if (before && before.contact !== contact) await stopSupervising()
  wantLine(needs(mode))
  try {
    await lineUp()
    await actOnCall(contact, { type: 'supervise', mode })
    present.value = { contact, agent, mode }
  } catch (error) {
    wantLine(present.value ? needs(present.value.mode) : 'none')
    throw error
  }
}

export async function stopSupervising(): Promise<void> {
  const was = present.value
  present.value = undefined
  try {
    if (was) await actOnCall(was.contact, { type: 'supervise', mode: 'stop' })
  } finally {
    wantLine('none')
  }
}

// The call is over, or went to somebody else: nothing is left to hear.
watch(
  () => {
    const now = present.value
    const contact = board.value.contacts.find((c) => c.id === now?.contact)
    return !now || (contact?.agent === now.agent && (contact.state === 'active' || contact.state === 'held'))
  },
  (goes) => {
    const was = present.value
    if (goes || !was) return
    present.value = undefined
    wantLine('none')
    ended(was)
  },
)
watch([me, enabled], ([person, on]) => {
  if (!person || !on) present.value = undefined
})

export function useSupervise() {
  return { supervised: view }
}
