/**
 * This console's standing voice line: opened when the person answers the phone and the server has one, kept for
 * the whole shift, closed at sign-out. Calls come and go on it. A supervisor's listening opens it as well.
 */
import { computed, effectScope, ref, shallowRef, watch, type EffectScope } from 'vue'
import { ApiError } from '@/api'
import { isRecord } from '@/api/check'
import { phoneStatus, postLine, type PhoneStatus } from '@/api/phone'
import { openLine, type Levels, type Line } from '@/media/line'
import { mayRetry, shownState, type LineNow } from './lineView'
import { onFrame, useLive } from './live'
import { prefs } from './prefs'

/** Pause before the phone's state is asked for again after a failure, milliseconds. */
const AGAIN_MS = 5000
const SILENCE: Levels = { mine: 0, theirs: 0 }

/** How a line is wanted: to speak (my own calls, whispering, joining) or only to hear. */
type Wish = 'speak' | 'hear' | 'none'

const status = shallowRef<PhoneStatus>()
const state = ref<LineNow>('off')
const levels = shallowRef<Levels>(SILENCE)
const muted = ref(false)
/** What supervising needs of the line. */
const supervising = ref<Wish>('none')

let line: Line | undefined
/** Counts the lines: an old one says no more. */
let turn = 0
let opened: { wish: Wish; microphone: string } | undefined
let scope: EffectScope | undefined
let again: ReturnType<typeof setTimeout> | undefined
let audio: HTMLAudioElement | undefined

const { directory, link, myContacts, myId } = useLive()

/** Calls at once that an account takes, out of the directory's words for it. */
export function phoneCapacity(capacity: unknown): number {
  return isRecord(capacity) && typeof capacity.phone === 'number' ? capacity.phone : 0
}

const enabled = computed(() => status.value?.enabled === true)
/** I answer the phone: a line stands for me. */
const answers = computed(() => {
  const me = directory.value?.agents.find((a) => a.id === myId.value)
  return enabled.value && me !== undefined && phoneCapacity(me.capacity) > 0
})
const wish = computed<Wish>(() => {
  // A console that another one has replaced gives the line away, too.
  if (!enabled.value || link.value === 'ended') return 'none'
  return answers.value ? 'speak' : supervising.value
})
const inCall = computed(() => myContacts.value.some((c) => c.channel === 'phone' && (c.state === 'active' || c.state === 'held')))
const dialDesks = computed(() => (answers.value ? (status.value?.desks ?? []).filter((d) => d.can_dial) : []))

async function exchange(offer: string, signal: AbortSignal): Promise<string> {
  try {
    return await postLine(offer, signal)
  } catch (error) {
    if (error instanceof ApiError && error.status === 0) throw new TypeError(error.code)
    if (error instanceof ApiError && error.code === 'phone_off') void askStatus()
    throw error
  }
}

/** The loudspeaker of the person's choice, where the browser lets us choose. */
function aim(): void {
  if (audio && 'setSinkId' in audio) void audio.setSinkId(prefs.speaker).catch(() => undefined)
}

function shut(): void {
  turn += 1
  line?.close()
  line = undefined
  opened = undefined
  state.value = 'off'
  levels.value = SILENCE
}

/** Makes the line what is wanted. One that can speak serves for hearing as well. */
function fit(): void {
  const want = wish.value
  if (want === 'none') {
    if (line) shut()
    return
  }
  const microphone = want === 'speak' ? prefs.microphone : ''
  const fits = opened && (opened.wish === want || (opened.wish === 'speak' && want === 'hear'))
  if (line && fits && (want === 'hear' || opened?.microphone === microphone)) return
  shut()
  audio ??= new Audio()
  aim()
  opened = { wish: want, microphone }
  const mine = turn
  line = openLine({
    exchange,
    audio,
    microphone: want === 'speak',
    muted: muted.value,
    ...(microphone ? { deviceId: microphone } : {}),
    onState: (now) => {
      if (turn === mine) state.value = shownState(state.value, now)
    },
    onLevels: (now) => {
      if (turn === mine) levels.value = now
    },
  })
  state.value = line.state
}

async function askStatus(): Promise<void> {
  clearTimeout(again)
  const asking = scope
  try {
    const answer = await phoneStatus()
    if (asking === scope) status.value = answer
  } catch (error) {
    if (asking !== scope) return
    // A server without a phone, or a role without one, has nothing to ask again for.
    if (error instanceof ApiError && error.status >= 400 && error.status < 500) status.value = undefined
    else again = setTimeout(() => void askStatus(), AGAIN_MS)
  }
}

/** Begins with the session; does nothing when it has begun. */
export function startLine(): void {
  if (scope) return
  scope = effectScope(true)
  scope.run(() => {
    watch(link, (now) => now === 'online' && void askStatus(), { immediate: true })
    watch([wish, () => prefs.microphone], fit, { immediate: true })
    watch(() => prefs.speaker, aim)
    // Nobody begins a call unheard because the one before ended muted.
    watch(inCall, (now) => now || setMuted(false))
  })
  stopHearing = onFrame((frame) => {
    if (frame.type === 'settings_changed') void askStatus()
  })
}
let stopHearing: () => void = () => undefined

export function stopLine(): void {
  clearTimeout(again)
  stopHearing()
  scope?.stop()
  scope = undefined
  shut()
  status.value = undefined
  muted.value = false
  supervising.value = 'none'
}

export function setMuted(on: boolean): void {
  muted.value = on
  line?.mute(on)
}

export function retryLine(): void {
  if (line && mayRetry(state.value)) state.value = 'connecting'
  line?.retry()
}

/** Opens the line for supervising, or lets it go; my own standing line stays. */
export function wantLine(want: Wish): void {
  supervising.value = want
  fit()
}

/** Resolves when sound can flow; rejects with the state that stands in the way. */
export function lineUp(): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = watch(
      state,
      (now) => {
        if (now === 'asking' || now === 'connecting' || now === 'interrupted') return
        queueMicrotask(() => stop())
        if (now === 'connected') resolve()
        else reject(new Error(now))
      },
      { immediate: true },
    )
  })
}

/** Whether the browser already lets us hear; `unknown` where it does not say. */
export async function microphonePermission(): Promise<PermissionState | 'unknown'> {
  try {
    return (await navigator.permissions.query({ name: 'microphone' })).state
  } catch {
    return 'unknown'
  }
}

export interface Devices {
  microphones: MediaDeviceInfo[]
  speakers: MediaDeviceInfo[]
}

/** The devices with their names; names are empty until the microphone was granted. */
export async function audioDevices(): Promise<Devices> {
  const all = (await navigator.mediaDevices?.enumerateDevices().catch(() => [])) ?? []
  const kind = (wanted: MediaDeviceKind) => all.filter((d) => d.kind === wanted && d.deviceId !== '' && d.deviceId !== 'default')
  const speakers = 'setSinkId' in HTMLMediaElement.prototype ? kind('audiooutput') : []
  return { microphones: kind('audioinput'), speakers }
}

const view = {
  enabled,
  answers,
  dialDesks,
  inCall,
  state: computed(() => state.value),
  levels: computed(() => levels.value),
  muted: computed(() => muted.value),
}

export function useLine() {
  return view
}
