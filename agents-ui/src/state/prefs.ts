/** What this person chose for this browser: colours, sound, notifications. Kept in localStorage. */
import { reactive, watch } from 'vue'

export interface Prefs {
  theme: 'system' | 'light' | 'dark'
  sound: boolean
  /** 0 to 1. */
  volume: number
  desktop: boolean
  /** The browser's id of the microphone; empty for its usual one. */
  microphone: string
  /** The same for the loudspeaker. */
  speaker: string
  /** The microphone was tried once in this browser. */
  microphoneTried: boolean
}

const STORED = 'mdg.prefs'
const defaults: Prefs = {
  theme: 'system',
  sound: true,
  volume: 0.5,
  desktop: false,
  microphone: '',
  speaker: '',
  microphoneTried: false,
}

function load(): Prefs {
  try {
    const raw: unknown = JSON.parse(localStorage.getItem(STORED) ?? '{}')
    if (typeof raw !== 'object' || raw === null) return { ...defaults }
    return { ...defaults, ...raw }
  } catch {
    return { ...defaults }
  }
}

export const prefs: Prefs = reactive(load())

const dark = matchMedia('(prefers-color-scheme: dark)')

function paint(): void {
  const theme = prefs.theme === 'system' ? (dark.matches ? 'dark' : 'light') : prefs.theme
  document.documentElement.dataset.theme = theme
}

/** Applies the theme and keeps the choices; called once at start. */
export function startPrefs(): void {
  paint()
  dark.addEventListener('change', paint)
  watch(prefs, () => {
    localStorage.setItem(STORED, JSON.stringify(prefs))
    paint()
  })
}
