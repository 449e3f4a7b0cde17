import { describe, expect, it } from 'vitest'
import { differences } from './differences'
import { copied, dayFault, officeHours, readTime, sorted, stretches, timeText, withSpan } from './hours'
import { joinPrompt, menuFaults, newChoice, newMenu, readLines, shifted, splitPrompt, without } from './phoneMenus'
import { faultText } from './useSaving'
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

describe('the menus of a phone desk', () => {
  const then = { say: ['menu_more'], choices: [{ key: '1', language: 'ne' }] }
  const menus = [
    { say: ['menu_language@ja', 'menu_language@en'], choices: [{ key: '1', language: 'ja' }, { key: '9', then }] },
    { say: ['menu_topic'], choices: [{ key: '0' }] },
  ]

  it('are right when a caller can walk them', () => {
    expect(menuFaults(menus).size).toBe(0)
    expect(menuFaults([]).size).toBe(0)
  })

  it('name what is wrong by its place, as the server does', () => {
    const wrong = [
      { say: [], choices: [{ key: '1' }, { key: '1', then: { say: ['menu_more'], choices: [{ key: 'A' }] } }] },
      { say: ['menu_topic'], choices: [] },
    ]
    expect([...menuFaults(wrong)]).toEqual([
      ['menus.0.say', 'required'],
      ['menus.0.choices.1.key', 'taken'],
      ['menus.0.choices.1.then.choices.0.key', 'invalid'],
      ['menus.1.choices', 'required'],
    ])
    for (const code of menuFaults(wrong).values()) expect(faultText(code)).toBeTruthy()
  })

  it('may not be too many, nor too deep', () => {
    const one = () => ({ say: ['menu_topic'], choices: [{ key: '1' }] })
    expect(menuFaults([one(), one(), one(), one(), one()]).get('menus')).toBe('too_many')
    let deep: ReturnType<typeof one> & { choices: { key: string; then?: unknown }[] } = one()
    for (let i = 0; i < 4; i += 1) deep = { say: ['menu_topic'], choices: [{ key: '1', then: deep }] }
    const at = `menus.0${'.choices.0.then'.repeat(4)}`
    expect([...menuFaults([deep] as Parameters<typeof menuFaults>[0])]).toEqual([[at, 'too_deep']])
  })

  it('grow by the first free key, and change places at their ends only inwards', () => {
    expect(newMenu().choices[0]?.key).toBe('1')
    expect(newChoice([{ key: '1' }, { key: '3' }]).key).toBe('2')
    expect(shifted(['a', 'b', 'c'], 1, -1)).toEqual(['b', 'a', 'c'])
    expect(shifted(['a', 'b'], 1, 1)).toEqual(['a', 'b'])
    expect(shifted(['a', 'b'], 0, -1)).toEqual(['a', 'b'])
    expect(without(['a', 'b'], 0)).toEqual(['b'])
  })

  it('say a recording by its name and language', () => {
    expect(splitPrompt('menu_more@zh-Hans')).toEqual({ name: 'menu_more', language: 'zh-Hans' })
    expect(splitPrompt('greeting')).toEqual({ name: 'greeting', language: '' })
    expect([joinPrompt('greeting', ''), joinPrompt('greeting', 'en')]).toEqual(['greeting', 'greeting@en'])
    expect(readLines(' 0312345678\n\n+81398765432 ')).toEqual(['0312345678', '+81398765432'])
  })
})
