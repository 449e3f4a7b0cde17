/** The picture of a sound: as many bars as there is room for, each as high as its loudest moment. */

/** Bars of one picture. */
export const BARS = 120
/** The lowest bar still shows that there is sound to seek in; of 1. */
const FLOOR = 0.04

/** Heights from 0 to 1, at most `count`. Loudness is felt, not counted: the square root lifts quiet voices. */
export function bars(peaks: readonly number[], count = BARS): number[] {
  const width = Math.min(count, peaks.length)
  return Array.from({ length: width }, (_, i) => {
    const from = Math.floor((i * peaks.length) / width)
    const to = Math.max(from + 1, Math.floor(((i + 1) * peaks.length) / width))
    const loudest = peaks.slice(from, to).reduce((most, peak) => Math.max(most, peak), 0)
    return Math.max(FLOOR, Math.sqrt(Math.min(loudest, 255) / 255))
  })
}

/** Seconds that a key moves by; `undefined` for keys that do not. */
export function seekBy(key: string, at: number, length: number): number | undefined {
  const steps: Record<string, number> = {
    ArrowLeft: at - 5,
    ArrowDown: at - 5,
    ArrowRight: at + 5,
    ArrowUp: at + 5,
    PageDown: at - 30,
    PageUp: at + 30,
    Home: 0,
    End: length,
  }
  const to = steps[key]
  return to === undefined ? undefined : Math.min(length, Math.max(0, to))
}
