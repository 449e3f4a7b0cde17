/** What an agent is shown of a call, and what can be done with it now. Pure functions of what the server sent. */
import type { BoardContact, Call, CallParty } from '@/api'

/** A call as it is known, and since when it is in this state. */
export interface KnownCall {
  call: Call
  mood: CallMood
  since: number
}

/** The state line: one word for what goes on (`phone.mood.*`). */
export type CallMood =
  | 'menu'
  | 'waiting'
  | 'offered'
  | 'dialling'
  | 'callback'
  | 'unreached'
  | 'talking'
  | 'conference'
  | 'asking'
  | 'consulting'
  | 'held'
  | 'music'
  | 'gone'
  | 'ended'

const present = (party: CallParty) => party.state !== 'gone'
/** Parties that the caller hears or waits for; a supervisor who only listens is none. */
const talks = (party: CallParty) => party.state === 'talking' || party.state === 'held'

/** Who takes part beside the caller and me, supervisors and those who left not counted. */
export function others(call: Call, me: string): CallParty[] {
  return call.parties.filter((p) => present(p) && p.kind !== 'supervisor' && !(p.kind === 'agent' && p.account === me))
}

/** Supervisors in the call; an agent is told. */
export const supervisors = (call: Call): CallParty[] => call.parties.filter((p) => present(p) && p.kind === 'supervisor')

/** The party that is consulted without the caller. */
export function consulted(call: Call): CallParty | undefined {
  return call.private_with ? call.parties.find((p) => p.id === call.private_with && present(p)) : undefined
}

export function callMood(call: Call, state: BoardContact['state'] | undefined): CallMood {
  if (state === 'wrap_up' || state === 'closed') return call.caller === 'unreached' ? 'unreached' : 'ended'
  if (call.caller === 'gone') return 'gone'
  const asked = consulted(call)
  if (asked) return asked.state === 'ringing' ? 'asking' : 'consulting'
  switch (call.caller) {
    case 'menu':
      return 'menu'
    case 'waiting':
      return state === 'offered' ? 'offered' : 'waiting'
    case 'ringing':
      return call.callback ? 'callback' : 'dialling'
    case 'unreached':
      return 'unreached'
    case 'held':
      return 'held'
    case 'music':
      return state === 'held' ? 'held' : 'music'
    case 'talking':
      if (state === 'held') return 'held'
      return call.parties.filter((p) => p.kind !== 'supervisor' && talks(p)).length > 1 ? 'conference' : 'talking'
  }
}

/** The call after an answer of the server; its time goes on while the state is the same. */
export function adopt(before: KnownCall | undefined, call: Call, contact: BoardContact | undefined, now: number): KnownCall {
  const mood = callMood(call, contact?.state)
  if (before?.mood === mood) return { call, mood, since: before.since }
  // Read for the first time in the middle of a talk: it began when it was accepted.
  const began = !before && (mood === 'talking' || mood === 'conference') ? contact?.accepted_at : undefined
  return { call, mood, since: began ?? now }
}

export interface CallCan {
  mute: boolean
  hold: boolean
  unhold: boolean
  keys: boolean
  transfer: boolean
  merge: boolean
  complete: boolean
  cancel: boolean
  drop: CallParty[]
  record: boolean
  redial: boolean
  end: boolean
}

const NOTHING: CallCan = {
  mute: false,
  hold: false,
  unhold: false,
  keys: false,
  transfer: false,
  merge: false,
  complete: false,
  cancel: false,
  drop: [],
  record: false,
  redial: false,
  end: false,
}

/** What my controls do in this state. A contact that is not being handled has none. */
export function callCan(known: KnownCall | undefined, state: BoardContact['state'], me: string): CallCan {
  const mine = state === 'active' || state === 'held'
  if (!mine) return NOTHING
  // Before the call is read, and when it cannot be, hanging up must still be possible.
  if (!known) return { ...NOTHING, mute: true, end: true }
  const { call, mood } = known
  const alive = mood !== 'gone' && mood !== 'unreached' && mood !== 'ended'
  const asked = consulted(call)
  const answered = asked?.state === 'talking'
  const speaking = mood === 'talking' || mood === 'conference'
  const reached = speaking || mood === 'held' || mood === 'music'
  return {
    mute: alive,
    hold: speaking,
    unhold: mood === 'held',
    keys: speaking || mood === 'consulting',
    transfer: reached,
    merge: answered,
    complete: answered || mood === 'conference',
    cancel: asked !== undefined,
    drop: others(call, me).filter((p) => p.id !== asked?.id),
    record: alive && (call.recording === 'on' || call.recording === 'paused'),
    redial: mood === 'unreached',
    end: true,
  }
}
