/** Which tickets are listed: filters as they stand in the address, and back. Unknown values are left out. */
import type { Query } from '@/api/client'

export const STATUSES = ['open', 'waiting', 'closed'] as const
export const SORTS = ['created', 'updated', 'due'] as const

export interface Filters {
  q: string
  desk: string
  /** One or several of `STATUSES`, joined by commas. */
  status: string
  /** `me`, `none` or an account. */
  owner: string
  topic: string
  language: string
  inquirer: string
  result: string
  urgency: string
  overdue: boolean
  reply_waiting: boolean
  from: string
  to: string
  sort: (typeof SORTS)[number]
  /** Empty: the natural one of the order. */
  order: '' | 'asc' | 'desc'
}

export const NO_FILTERS: Readonly<Filters> = {
  q: '',
  desk: '',
  status: '',
  owner: '',
  topic: '',
  language: '',
  inquirer: '',
  result: '',
  urgency: '',
  overdue: false,
  reply_waiting: false,
  from: '',
  to: '',
  sort: 'created',
  order: '',
}

const WORDS: Partial<Record<keyof Filters, readonly string[]>> = {
  inquirer: ['company', 'support_organisation', 'worker', 'examinee', 'other'],
  result: ['none', 'completed', 'callback', 'escalated', 'referred', 'listened'],
  urgency: ['normal', 'high', 'emergency'],
}
const TEXTS = ['q', 'desk', 'owner', 'topic', 'language'] as const
const CHOICES = ['inquirer', 'result', 'urgency'] as const
const FLAGS = ['overdue', 'reply_waiting'] as const
const DAYS = ['from', 'to'] as const

/** What a router gives as a query. */
export type Address = Record<string, unknown>

function textOf(value: unknown): string {
  const one = Array.isArray(value) ? (value as unknown[])[0] : value
  return typeof one === 'string' ? one : ''
}

export function readFilters(address: Address): Filters {
  const filters: Filters = { ...NO_FILTERS }
  for (const name of TEXTS) filters[name] = textOf(address[name]).slice(0, 200)
  for (const name of CHOICES) {
    const word = textOf(address[name])
    if (WORDS[name]?.includes(word)) filters[name] = word
  }
  for (const name of FLAGS) filters[name] = textOf(address[name]) === 'true'
  for (const name of DAYS) {
    const day = textOf(address[name])
    if (/^\d{4}-\d{2}-\d{2}$/.test(day)) filters[name] = day
  }
  const wanted = new Set(textOf(address.status).split(','))
  filters.status = STATUSES.filter((s) => wanted.has(s)).join(',')
  filters.sort = SORTS.find((s) => s === textOf(address.sort)) ?? 'created'
  const order = textOf(address.order)
  if (order === 'asc' || order === 'desc') filters.order = order
  return filters
}

/** Only what differs from the whole list stands in the address. */
export function writeFilters(filters: Filters): Record<string, string> {
  const out: Record<string, string> = {}
  for (const [name, value] of Object.entries(filters)) {
    if (value === NO_FILTERS[name as keyof Filters]) continue
    out[name] = String(value)
  }
  return out
}

/** The question to the server: a flag that is off asks nothing. */
export function askFilters(filters: Filters): Query {
  return writeFilters(filters)
}

/** How many filters hold, the search and the order not counted. */
export function countFilters(filters: Filters): number {
  const { q: _q, sort: _sort, order: _order, ...rest } = writeFilters(filters)
  return Object.keys(rest).length
}

/** Lists that are asked for every day. */
export const PRESETS: readonly { key: 'all' | 'unfinished' | 'mine' | 'unowned' | 'reply' | 'overdue'; filters: Partial<Filters> }[] = [
  { key: 'all', filters: {} },
  { key: 'unfinished', filters: { status: 'open,waiting' } },
  { key: 'mine', filters: { status: 'open,waiting', owner: 'me' } },
  { key: 'unowned', filters: { status: 'open,waiting', owner: 'none' } },
  { key: 'reply', filters: { reply_waiting: true } },
  { key: 'overdue', filters: { overdue: true, sort: 'due' } },
]

/** The preset that the filters are, the search not counted. */
export function presetOf(filters: Filters): string | undefined {
  const present = JSON.stringify(writeFilters({ ...filters, q: '' }))
  return PRESETS.find((p) => JSON.stringify(writeFilters({ ...NO_FILTERS, ...p.filters })) === present)?.key
}
