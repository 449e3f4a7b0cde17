import { describe, expect, it } from 'vitest'
import { BARS, bars, seekBy } from './waveform'

describe('the picture of a sound', () => {
  it('keeps the loudest moment of each stretch', () => {
    const peaks = Array.from({ length: 2000 }, (_, i) => (i === 1999 ? 255 : 0))
    const shown = bars(peaks)
    expect(shown).toHaveLength(BARS)
    expect(shown.at(-1)).toBe(1)
    expect(Math.max(...shown.slice(0, -1))).toBeLessThan(0.1)
  })
  it('has no more bars than there are steps', () => {
    expect(bars([])).toEqual([])
    expect(bars([255, 64])).toEqual([1, Math.sqrt(64 / 255)])
  })
})

describe('seeking by key', () => {
  it('stays inside', () => {
    expect(seekBy('ArrowLeft', 3, 60)).toBe(0)
    expect(seekBy('PageUp', 50, 60)).toBe(60)
    expect([seekBy('Home', 9, 60), seekBy('End', 9, 60), seekBy('ArrowRight', 9, 60)]).toEqual([0, 60, 14])
    expect(seekBy('a', 9, 60)).toBeUndefined()
  })
})
