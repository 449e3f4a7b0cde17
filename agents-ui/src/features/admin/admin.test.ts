import { describe, expect, it } from 'vitest'
import { differences } from './differences'
import { copied, dayFault, officeHours, readTime, sorted, stretches, timeText, withSpan } from './hours'
import { moved } from './topicOrder'
import { monthDays } from './year'

describe('hours', () => {
  it('read and write times of the day', () => {
    expect([readTime('9:05'), readTime('0905'), readTime('24:00'), readTime('１７：３０')]).toEqual([545, 545, 1440, 1050])
    for (const bad of ['', '25:00', '9:60', '24:01', 'noon']) expect(readTime(bad), bad).toBeUndefined()
    expect([timeText(545), timeText(1440), timeText(0)]).toEqual(['09:05', '24:00', '00:00'])
  })

  it('refuse what the server refuses', () => {
    expect(dayFault([{ from_min: 540, to_min: 720 }, { from_min: 720, to_min: 1020 }])).toBeUndefined()
    expect(dayFault([{ from_min: 540, to_min: 800 }, { from_min: 720, to_min: 1020 }])).toBe('overlap')
    expect(dayFault([{ from_min: 720, to_min: 720 }])).toBe('bad_span')
    expect(dayFault([{ from_min: 0, to_min: 1441 }])).toBe('bad_span')
    expect(dayFault(Array.from({ length: 7 }, (_, i) => ({ from_min: i, to_min: i + 1 })))).toBe('too_many')
    expect(sorted([{ from_min: 800, to_min: 900 }, { from_min: 1, to_min: 2 }])[0]?.from_min).toBe(1)
  })

  it('add a span after the last one, within the day', () => {
    expect(withSpan([])).toEqual([{ from_min: 540, to_min: 1020 }])
    expect(withSpan([{ from_min: 540, to_min: 720 }])[1]).toEqual({ from_min: 780, to_min: 900 })
    expect(dayFault(withSpan([{ from_min: 0, to_min: 1380 }]))).toBeUndefined()
  })

  it('copy a day without sharing it, and tell a week in few lines', () => {
    const { weekly, closed_on_holidays } = officeHours()
    const copy = copied(weekly, 0, [5])
    expect(copy[5]).toEqual(weekly[0])
    expect(copy[5]?.[0]).not.toBe(weekly[0]?.[0])
    expect(copy[6]).toEqual([])
    expect(stretches({ weekly, closed_on_holidays }).map((s) => [s.from, s.to])).toEqual([[0, 4]])
  })
})

describe('differences', () => {
  it('name each field that both have otherwise', () => {
    const mine = { id: 'x', version: 1, name: 'A', settings: { routing: { offer_ttl: 5, max_wait: null } }, list: ['a'] }
    const theirs = { ...mine, version: 2, name: 'B', settings: { routing: { offer_ttl: 9, max_wait: null } }, other: 1 }
    expect(differences(mine, theirs)).toEqual([
      { path: 'name', mine: 'A', theirs: 'B' },
      { path: 'settings.routing.offer_ttl', mine: '5', theirs: '9' },
    ])
    expect(differences(mine, { ...mine, version: 7 })).toEqual([])
  })
})

describe('the order of topics', () => {
  const topic = (id: string, position: number) => ({ id, position })
  it('swaps neighbours and repairs equal places', () => {
    const list = [topic('a', 0), topic('b', 0), topic('c', 5)]
    expect(moved(list, 'b', -1)).toEqual([{ id: 'a', position: 1 }, { id: 'c', position: 2 }])
    expect(moved([topic('a', 0), topic('b', 1)], 'a', 1)).toEqual([{ id: 'b', position: 0 }, { id: 'a', position: 1 }])
    expect(moved(list, 'a', -1)).toEqual([])
  })
})

describe('a month', () => {
  it('begins on its weekday, Monday first', () => {
    expect(monthDays(2026, 11)).toMatchObject({ before: 6, days: { length: 30 } })
    expect(monthDays(2028, 2).days).toHaveLength(29)
    expect(monthDays(2026, 5).days[5]).toBe('2026-05-06')
  })
})
