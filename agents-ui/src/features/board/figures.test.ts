import { describe, expect, it } from 'vitest'
import type { BoardContact, Quarter } from '@/api'
import { emptyBoard } from '@/state/board'
import { dayLines, mean, quarterTime, serviceLevel, sumOf, todayOf, waitingGroups } from './figures'

const quarter = (at: number, desk: string, more: Partial<Quarter>): Quarter => ({
  quarter: at,
  desk,
  channel: 'chat',
  arrived: 0,
  answered: 0,
  answered_in_target: 0,
  abandoned: 0,
  diverted: 0,
  ...more,
})
const quarters = [
  quarter(36, 'a', { arrived: 3, answered: 2, answered_in_target: 1, abandoned: 1 }),
  quarter(37, 'a', { arrived: 1, answered: 1, answered_in_target: 1 }),
  quarter(37, 'b', { arrived: 2, abandoned: 2 }),
]
const contact = (id: string, more: Partial<BoardContact>): BoardContact => ({
  id,
  desk: 'a',
  channel: 'chat',
  state: 'waiting',
  language: 'vi',
  inquirer: 'worker',
  priority: 0,
  arrived_at: 0,
  unread: 0,
  boosted: false,
  answered: false,
  ...more,
})

describe('figures', () => {
  it('adds up a desk or all, within a stretch of the day', () => {
    expect(sumOf(quarters).arrived).toBe(6)
    expect(sumOf(quarters, 'b')).toMatchObject({ arrived: 2, abandoned: 2, answered: 0 })
    expect(sumOf(quarters, '', 37, 95).arrived).toBe(3)
  })

  it('divides by those who were answered or gave up, and by nothing else', () => {
    expect(serviceLevel(sumOf(quarters))).toBeCloseTo(2 / 6)
    expect(serviceLevel(sumOf(quarters, 'none'))).toBeUndefined()
    expect(mean(90, 3)).toBe(30)
    expect(mean(0, 0)).toBeUndefined()
  })

  it('counts nothing from yesterday', () => {
    const at = Date.UTC(2026, 3, 1, 1, 20)
    const board = { ...emptyBoard(), day: '2026-03-31', quarters }
    expect(todayOf(board, at)).toMatchObject({ quarters: [], quarter: 41, totals: { arrived: 0 } })
    expect(todayOf({ ...board, day: '2026-04-01' }, at).quarters).toBe(quarters)
  })

  it('groups those who wait, the longest wait first', () => {
    const groups = waitingGroups([
      contact('1', { arrived_at: 50 }),
      contact('2', { arrived_at: 10, language: 'en' }),
      contact('3', { arrived_at: 20 }),
    ])
    expect(groups.map((g) => [g.language, g.contacts.length, g.oldest])).toEqual([
      ['en', 1, 10],
      ['vi', 2, 20],
    ])
  })

  it('leaves no gap in the day', () => {
    const lines = dayLines(quarters, '', 40)
    expect(lines[0]?.quarter).toBe(32)
    expect(lines).toHaveLength(40)
    expect(lines.find((l) => l.quarter === 37)?.sums.arrived).toBe(3)
    expect(dayLines([quarter(3, 'a', { arrived: 1 })], '', 94).map((l) => l.quarter).at(-1)).toBe(94)
    expect(quarterTime(37)).toBe('09:15')
  })
})
