/** The phone: shapes and calls of `/phone` and `/admin/phone`. Numbers are digits with a leading `+`, or national. */
import { api } from './client'

/** Why a caller's number is not shown, as the carrier says it. */
export type Withheld = 'private' | 'payphone' | 'unavailable' | 'interaction'
/** `web` is a call from a browser. */
export type CallDirection = 'in' | 'out' | 'web'
/** Where the caller is. `music` is the time in which nobody of ours is with her. */
export type CallerState = 'menu' | 'waiting' | 'ringing' | 'talking' | 'held' | 'music' | 'gone' | 'unreached'
export type PartyKind = 'agent' | 'number' | 'supervisor'
export type PartyState = 'ringing' | 'talking' | 'held' | 'listening' | 'whispering' | 'gone'
export type Recording = 'off' | 'on' | 'paused' | 'failed'
export type SuperviseMode = 'listen' | 'whisper' | 'barge' | 'stop'

/** Who takes part in a call beside the caller. */
export interface CallParty {
  id: string
  kind: PartyKind
  account?: string | null
  number?: string | null
  state: PartyState
}

/** A promise to call back, and how far it has come. */
export interface Callback {
  asked_at: number
  tries: number
  state: 'waiting' | 'dialling' | 'unreached'
}

/** An earlier ticket of the same number. */
export interface CallTicket {
  ticket: string
  /** The ticket's number. */
  number: string
  at: number
  summary: string
}

export interface Call {
  contact: string
  direction: CallDirection
  number?: string | null
  withheld?: Withheld | null
  caller: CallerState
  parties: CallParty[]
  /** The party of a consultation that the caller does not hear. */
  private_with?: string | null
  recording: Recording
  callback?: Callback | null
  earlier: CallTicket[]
}

export type CallAct =
  | { type: 'consult'; to: { type: 'agent'; agent: string } | { type: 'number'; number: string } }
  | { type: 'cancel_consult' }
  | { type: 'merge' }
  | { type: 'complete' }
  | { type: 'forward'; number: string }
  | { type: 'drop'; party: string }
  | { type: 'keys'; keys: string }
  | { type: 'record'; on: boolean }
  | { type: 'redial' }
  | { type: 'supervise'; mode: SuperviseMode }

export interface PhoneStatus {
  enabled: boolean
  line: 'up' | 'down'
  desks: { desk: string; number?: string | null; can_dial: boolean }[]
}

export interface Dial {
  desk: string
  number: string
  ticket: string | null
}

/** A menu that a caller hears. `say` names prompts; one that ends in `@TAG` is said in that language. */
export interface PhoneMenu {
  say: string[]
  choices: PhoneChoice[]
}

export interface PhoneChoice {
  /** `0` to `9`, `*` or `#`. */
  key: string
  language?: string | null
  topic?: string | null
  /** A menu that follows this choice alone. */
  then?: PhoneMenu | null
}

export interface PhoneDesk {
  desk: string
  numbers: string[]
  /** The number that the called person sees. */
  shown?: string | null
  through?: string | null
  language: string
  greeting: string[]
  recording: boolean
  menus: PhoneMenu[]
  announce_s: number
  callback: boolean
  callback_tries: number
  callback_pause_s: number
  voicemail: boolean
  version: number
}

/** A sentence of the phone in one language. `own` when the desk has replaced it. */
export interface PhonePrompt {
  name: string
  language: string
  text: string
  seconds: number
  voice: string
  own: boolean
}

/** `failed` broke off; what there is of it can be heard. `running` is still being made. */
export type RecordingStage = 'running' | 'done' | 'failed' | 'deleted'
export type DeletionReason = 'asked' | 'mistake' | 'unneeded'

/** What was said in a call, or the message of a caller whom nobody answered. */
export interface PhoneRecording {
  id: string
  contact: string
  kind: 'call' | 'message'
  state: RecordingStage
  started_at: number
  ms: number
  /** Its loudest moment in each of equal steps, 0 to 255. */
  peaks: number[]
  /** Where it was paused, in milliseconds of its sound. */
  pauses: number[]
  delete_at: number
  deleted_at?: number | null
}

/** Brings the offer of this console's voice line to the server. */
export const postLine = async (offer: string, signal?: AbortSignal): Promise<string> =>
  (await api.post<{ answer: string }>('/phone/line', { offer }, signal)).answer
export const phoneStatus = () => api.get<PhoneStatus>('/phone/status')
export const readCall = (contact: string) => api.get<Call>(`/phone/calls/${contact}`)
export const actOnCall = (contact: string, act: CallAct) => api.post<unknown>(`/phone/calls/${contact}/act`, act)
export const dialOut = (dial: Dial) => api.post<{ contact: string }>('/phone/dial', dial)

interface Items<T> {
  items: T[]
}
export const listRecordings = async (of: { contact: string } | { ticket: string }) =>
  (await api.get<Items<PhoneRecording>>('/phone/recordings', of)).items
/** The sound itself; the trail notes who asked for it. */
export const hearRecording = (id: string, signal?: AbortSignal) => api.file(`/phone/recordings/${id}/audio`, signal)
export const deleteRecording = (id: string, reason: DeletionReason) => api.delete<unknown>(`/phone/recordings/${id}`, {}, { reason })
export const listPhoneDesks = async () => (await api.get<Items<PhoneDesk>>('/admin/phone')).items
export const putPhoneDesk = (desk: PhoneDesk) => api.put<PhoneDesk>(`/admin/phone/${desk.desk}`, desk)
export const listPrompts = async (desk: string) => (await api.get<Items<PhonePrompt>>('/admin/phone/prompts', { desk })).items

const promptPath = (desk: string, prompt: Pick<PhonePrompt, 'name' | 'language'>) =>
  `/admin/phone/prompts/${desk}/${encodeURIComponent(prompt.name)}/${encodeURIComponent(prompt.language)}`
export const uploadPrompt = (desk: string, prompt: Pick<PhonePrompt, 'name' | 'language'>, wav: Blob) =>
  // Some systems name WAV otherwise or not at all.
  api.upload<unknown>(promptPath(desk, prompt), new Blob([wav], { type: 'audio/wav' }))
export const takeBackPrompt = (desk: string, prompt: Pick<PhonePrompt, 'name' | 'language'>) =>
  api.delete<unknown>(promptPath(desk, prompt))
/** Where the sound of a prompt is heard. */
export const promptSound = (desk: string, prompt: Pick<PhonePrompt, 'name' | 'language'>) =>
  `/api/v1${promptPath(desk, prompt)}`
