/** Opening hours of a week as a form edits them: spans in minutes, times as `HH:MM`. */
import type { Hours, Span } from '@/api'

export const DAY_MIN = 1440
/** Opening spans in one day; the server refuses more. */
export const SPANS_MAX = 6

/** `09:05`; midnight at the end of the day is `24:00`. */
export function timeText(minutes: number): string {
  return `${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`
}

/** Minutes of `9:05`, `0905` or `24:00`, whatever the width of the digits; nothing when it is no time. */
export function readTime(text: string): number | undefined {
  const found = /^(\d{1,2}):?(\d{2})$/.exec(text.normalize('NFKC').trim())
  if (!found) return undefined
  const minutes = Number(found[1]) * 60 + Number(found[2])
  return Number(found[2]) < 60 && minutes <= DAY_MIN ? minutes : undefined
}

export type DayFault = 'bad_span' | 'overlap' | 'too_many'

/** What is wrong with the spans of one day, as the server would say. */
export function dayFault(spans: readonly Span[]): DayFault | undefined {
  if (spans.length > SPANS_MAX) return 'too_many'
  if (spans.some((s) => s.from_min < 0 || s.to_min > DAY_MIN || s.from_min >= s.to_min)) return 'bad_span'
  return spans.some((s, i) => i > 0 && s.from_min < (spans[i - 1]?.to_min ?? 0)) ? 'overlap' : undefined
}

/** In the order of the day. Spans that are not whole yet keep their order. */
export function sorted(spans: readonly Span[]): Span[] {
  return [...spans].sort((a, b) => a.from_min - b.from_min)
}

/** One more span: office hours on an empty day, else an hour after the last one. */
export function withSpan(spans: readonly Span[]): Span[] {
  const last = spans.at(-1)
  if (!last) return [{ from_min: 9 * 60, to_min: 17 * 60 }]
  const from = Math.min(last.to_min + 60, DAY_MIN - 60)
  return [...spans, { from_min: from, to_min: Math.min(from + 120, DAY_MIN) }]
}

/** The hours of one day on others as well. */
export function copied(weekly: readonly Span[][], from: number, to: readonly number[]): Span[][] {
  const source = weekly[from] ?? []
  return weekly.map((spans, day) => (to.includes(day) ? source.map((s) => ({ ...s })) : spans))
}

/** Days that follow each other with the same hours, for one line of reading: `[[0, 4, spans], …]`. */
export function stretches(hours: Hours): { from: number; to: number; spans: Span[] }[] {
  const out: { from: number; to: number; spans: Span[] }[] = []
  hours.weekly.forEach((spans, day) => {
    const last = out.at(-1)
    if (last && JSON.stringify(last.spans) === JSON.stringify(spans)) last.to = day
    else out.push({ from: day, to: day, spans })
  })
  return out.filter((s) => s.spans.length > 0)
}

export function officeHours(): Hours {
  const day = (): Span[] => [{ from_min: 9 * 60, to_min: 17 * 60 }]
  return { weekly: [day(), day(), day(), day(), day(), [], []], closed_on_holidays: true }
}
