import { describe, expect, it } from 'vitest'
import { countFilters, NO_FILTERS, PRESETS, presetOf, readFilters, writeFilters, type Filters } from './filters'

describe('filters', () => {
  it('survive the address', () => {
    const all: Filters = {
      q: '在留 更新',
      desk: 'dsk_1',
      status: 'open,waiting',
      owner: 'me',
      topic: '1-2',
      language: 'vi',
      inquirer: 'worker',
      result: 'none',
      urgency: 'high',
      overdue: true,
      reply_waiting: true,
      from: '2026-04-01',
      to: '2026-04-30',
      sort: 'due',
      order: 'desc',
    }
    const address = Object.fromEntries(new URLSearchParams(writeFilters(all)))
    expect(readFilters(address)).toEqual(all)
    expect(countFilters(all)).toBe(12)
  })

  it('leave nothing in the address of the whole list', () => {
    expect(writeFilters(NO_FILTERS)).toEqual({})
    expect(readFilters({})).toEqual(NO_FILTERS)
  })

  it('take no value that the server would refuse', () => {
    const read = readFilters({
      status: 'open,none,closed',
      inquirer: 'nobody',
      sort: ['due', 'x'],
      order: 'sideways',
      from: '1 April',
      overdue: 'yes',
      urgency: null,
    })
    expect(read).toEqual({ ...NO_FILTERS, status: 'open,closed', sort: 'due' })
  })

  it('know the lists of every day', () => {
    for (const preset of PRESETS) expect(presetOf({ ...NO_FILTERS, ...preset.filters })).toBe(preset.key)
    expect(presetOf({ ...NO_FILTERS, q: 'word' })).toBe('all')
    expect(presetOf({ ...NO_FILTERS, language: 'vi' })).toBeUndefined()
  })
})
