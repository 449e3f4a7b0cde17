/** Figures of the board: pure functions of what the log says, for one desk or for all. */
import type { Board, BoardContact, Channel, Quarter, Totals } from '@/api'
import { placeInDay } from '@/state/board'

/** Quarters of an hour that count as "now": the present one and the three before it. */
export const NOW_QUARTERS = 4
/** The chart shows at least these hours (08:00 to 18:00), in quarters from midnight. */
export const CHART_FROM = 32
export const CHART_TO = 72

export interface Sums {
  arrived: number
  answered: number
  answered_in_target: number
  abandoned: number
  diverted: number
}

export interface Today {
  quarters: readonly Quarter[]
  totals: Totals
  /** The present quarter, 0 from midnight. */
  quarter: number
}

const NO_TOTALS: Totals = {
  arrived: 0,
  answered: 0,
  answered_in_target: 0,
  abandoned: 0,
  diverted: 0,
  closed: 0,
  wait_ms_sum: 0,
  handle_ms_sum: 0,
}

/** What the board counted today. A board that has heard nothing since yesterday counts nothing. */
export function todayOf(board: Pick<Board, 'day' | 'zone' | 'quarters' | 'totals'>, now: number): Today {
  const { day, quarter } = placeInDay(board.zone, now)
  if (board.day !== day) return { quarters: [], totals: NO_TOTALS, quarter }
  return { quarters: board.quarters, totals: board.totals, quarter }
}

/** Adds up quarters of a desk (all when empty), from `from` to `to`, both included. */
export function sumOf(quarters: readonly Quarter[], desk = '', from = 0, to = 95): Sums {
  const sums: Sums = { arrived: 0, answered: 0, answered_in_target: 0, abandoned: 0, diverted: 0 }
  for (const q of quarters) {
    if ((desk && q.desk !== desk) || q.quarter < from || q.quarter > to) continue
    sums.arrived += q.arrived
    sums.answered += q.answered
    sums.answered_in_target += q.answered_in_target
    sums.abandoned += q.abandoned
    sums.diverted += q.diverted
  }
  return sums
}

/** Answered in target among those that were answered or gave up, 0 to 1; nothing when there were none. */
export function serviceLevel(sums: Sums): number | undefined {
  const decided = sums.answered + sums.abandoned
  return decided === 0 ? undefined : sums.answered_in_target / decided
}

/** `sum / count`, or nothing when there is nothing to divide by. */
export function mean(sum: number, count: number): number | undefined {
  return count === 0 ? undefined : sum / count
}

export interface WaitingGroup {
  key: string
  desk: string
  channel: Channel
  language: string
  count: number
  /** Empty where contacts are not for the reader. */
  contacts: BoardContact[]
  /** When the one that waits longest arrived. */
  oldest: number
}

/** Those who wait by desk, channel and language; the group with the longest wait first. */
export function waitingGroups(waiting: readonly BoardContact[]): WaitingGroup[] {
  const groups = new Map<string, WaitingGroup>()
  for (const contact of waiting) {
    const { desk, channel, language } = contact
    const key = `${desk} ${channel} ${language}`
    const group = groups.get(key) ?? { key, desk, channel, language, count: 0, contacts: [], oldest: contact.arrived_at }
    group.contacts.push(contact)
    group.count += 1
    group.oldest = Math.min(group.oldest, contact.arrived_at)
    groups.set(key, group)
  }
  return [...groups.values()].sort((a, b) => a.oldest - b.oldest || (a.key < b.key ? -1 : 1))
}

export interface DayLine {
  quarter: number
  sums: Sums
}

/** The day by quarters of an hour, without gaps: what the chart draws and the table lists. */
export function dayLines(quarters: readonly Quarter[], desk: string, present: number): DayLine[] {
  const used = quarters.filter((q) => !desk || q.desk === desk).map((q) => q.quarter)
  const from = Math.min(CHART_FROM, ...used)
  const to = Math.min(95, Math.max(CHART_TO - 1, present, ...used))
  return Array.from({ length: to - from + 1 }, (_, i) => {
    const quarter = from + i
    return { quarter, sums: sumOf(quarters, desk, quarter, quarter) }
  })
}

/** `09:15` for a quarter from midnight. */
export function quarterTime(quarter: number): string {
  return `${String(Math.floor(quarter / 4)).padStart(2, '0')}:${String((quarter % 4) * 15).padStart(2, '0')}`
}
