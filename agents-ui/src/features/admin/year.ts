/** The days of a month, as a calendar that begins on Monday shows them. */

export interface Month {
  /** Empty places before the first day. */
  before: number
  /** `YYYY-MM-DD`, in order. */
  days: string[]
}

export function monthDays(year: number, month: number): Month {
  const first = new Date(Date.UTC(year, month - 1, 1))
  const count = new Date(Date.UTC(year, month, 0)).getUTCDate()
  const days = Array.from({ length: count }, (_, i) => {
    return `${year}-${String(month).padStart(2, '0')}-${String(i + 1).padStart(2, '0')}`
  })
  return { before: (first.getUTCDay() + 6) % 7, days }
}
