/** What the state of the voice line means for the person: how it is called, what to do, how loud it is. */
import type { LineState } from '@/media/line'

/** `off` is a line that nobody has opened. */
export type LineNow = LineState | 'off'

/** `good` carries sound, `soon` will by itself, `bad` needs a look. */
export type LineHealth = 'good' | 'soon' | 'bad' | 'off'

const HEALTH: Record<LineNow, LineHealth> = {
  connected: 'good',
  asking: 'soon',
  connecting: 'soon',
  interrupted: 'bad',
  insecure: 'bad',
  denied: 'bad',
  no_microphone: 'bad',
  no_network: 'bad',
  failed: 'bad',
  closed: 'off',
  off: 'off',
}

export const lineHealth = (state: LineNow): LineHealth => HEALTH[state]

/** Troubles and waits that have a sentence on what to do (`phone.line_help.*`). */
export type LineHelp = 'asking' | 'connecting' | 'interrupted' | 'insecure' | 'denied' | 'no_microphone' | 'no_network' | 'failed'

const HELP: readonly LineHelp[] = [
  'asking',
  'connecting',
  'interrupted',
  'insecure',
  'denied',
  'no_microphone',
  'no_network',
  'failed',
]

export const lineHelp = (state: LineNow): LineHelp | undefined => HELP.find((help) => help === state)

/** Trying again helps: the page cannot make itself secure. */
export const mayRetry = (state: LineNow): boolean => lineHealth(state) === 'bad' && state !== 'insecure'

/**
 * What is shown after the line's next step: a trouble stays while the line tries by itself, so that its help does not
 * come and go with every try.
 */
export function shownState(before: LineNow, now: LineState): LineNow {
  return now === 'connecting' && lineHealth(before) === 'bad' ? before : now
}

/** Quieter than this is silence, decibels below full scale. */
const FLOOR_DB = 60

/** A root mean square of 0 to 1 as a share of the meter, 0 to 1: loudness is felt by ratios. */
export function levelShare(rms: number): number {
  if (rms <= 0) return 0
  return Math.min(1, Math.max(0, 1 + (20 * Math.log10(rms)) / FLOOR_DB))
}

export type Loudness = 'silent' | 'quiet' | 'good' | 'loud'

/** The meter in a word: speech at a headset lies around −30 dB. */
export function loudness(rms: number): Loudness {
  const share = levelShare(rms)
  if (share < 0.25) return 'silent'
  if (share < 0.45) return 'quiet'
  return share < 0.92 ? 'good' : 'loud'
}
