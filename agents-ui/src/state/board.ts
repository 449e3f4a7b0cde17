/**
 * The board: a pure function of the event log, the mirror of the server's own reducer. Both are tested on the
 * same fixtures. `applyEvent` never changes its argument; unchanged rows keep their identity.
 */
import type { Board, BoardAgent, BoardContact, Event, LoggedEvent, Quarter, Totals } from '@/api'

const QUARTER_MINUTES = 15
const CHANNELS = ['phone', 'meeting', 'chat'] as const

const ZERO: Totals = {
  arrived: 0,
  answered: 0,
  answered_in_target: 0,
  abandoned: 0,
  diverted: 0,
  closed: 0,
  wait_ms_sum: 0,
  handle_ms_sum: 0,
}

/** A pool in which nothing has happened yet. */
export function emptyBoard(zone = 'Asia/Tokyo', serviceLevelMs = 20_000): Board {
  return {
    seq: 0,
    at: 0,
    day: '',
    zone,
    service_level_ms: serviceLevelMs,
    contacts: [],
    agents: [],
    quarters: [],
    totals: { ...ZERO },
    open_desks: [],
  }
}

const formats = new Map<string, Intl.DateTimeFormat>()

/** The local day and the quarter of an hour in it (0 from midnight). */
export function placeInDay(zone: string, at: number): { day: string; quarter: number } {
  let format = formats.get(zone)
  if (!format) {
    const fields = { year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit' } as const
    format = new Intl.DateTimeFormat('en-CA', { timeZone: zone, hourCycle: 'h23', ...fields })
    formats.set(zone, format)
  }
  const part = new Map(format.formatToParts(at).map((p) => [p.type, p.value]))
  const minutes = Number(part.get('hour')) * 60 + Number(part.get('minute'))
  const day = `${part.get('year')}-${part.get('month')}-${part.get('day')}`
  return { day, quarter: Math.floor(minutes / QUARTER_MINUTES) }
}

const byId = (a: { id: string }, b: { id: string }) => (a.id < b.id ? -1 : 1)

function patchContact(board: Board, id: string, change: Partial<BoardContact>): Board {
  return { ...board, contacts: board.contacts.map((c) => (c.id === id ? clean({ ...c, ...change }) : c)) }
}

function patchAgent(board: Board, id: string, change: (a: BoardAgent) => Partial<BoardAgent>): Board {
  return { ...board, agents: board.agents.map((a) => (a.id === id ? clean({ ...a, ...change(a) }) : a)) }
}

/** What is empty is absent, as on the wire. */
function clean<T extends object>(row: T): T {
  const out = { ...row }
  for (const key of Object.keys(out) as (keyof T)[]) if (out[key] === undefined || out[key] === null) delete out[key]
  return out
}

function withAgent(board: Board, id: string, at: number): Board {
  if (board.agents.some((a) => a.id === id)) return board
  const fresh: BoardAgent = { id, state: 'offline', since: at, connected: false, contacts: [] }
  return { ...board, agents: [...board.agents, fresh].sort(byId) }
}

/** The agent no longer has this offer; another offer stays. */
function dropOffer(board: Board, agent: string, offer: string): Board {
  return patchAgent(board, agent, (a) => (a.offer === offer ? { offer: undefined } : {}))
}

function dropContact(board: Board, agent: string, contact: string): Board {
  return patchAgent(board, agent, (a) => ({ contacts: a.contacts.filter((id) => id !== contact) }))
}

type Figure = 'arrived' | 'answered' | 'answered_in_target' | 'abandoned' | 'diverted'

function compareQuarters(a: Quarter, b: Quarter): number {
  if (a.quarter !== b.quarter) return a.quarter - b.quarter
  if (a.desk !== b.desk) return a.desk < b.desk ? -1 : 1
  return CHANNELS.indexOf(a.channel) - CHANNELS.indexOf(b.channel)
}

function count(board: Board, at: number, contact: BoardContact, figures: Figure[]): Board {
  const { quarter } = placeInDay(board.zone, at)
  const { desk, channel } = contact
  const same = (q: Quarter) => q.quarter === quarter && q.desk === desk && q.channel === channel
  const none = { arrived: 0, answered: 0, answered_in_target: 0, abandoned: 0, diverted: 0 }
  const next: Quarter = { ...(board.quarters.find(same) ?? { quarter, desk, channel, ...none }) }
  const totals = { ...board.totals }
  for (const figure of figures) {
    next[figure] += 1
    totals[figure] += 1
  }
  const quarters = [...board.quarters.filter((q) => !same(q)), next].sort(compareQuarters)
  return { ...board, totals, quarters }
}

function applyToPool(board: Board, at: number, event: Event): Board {
  switch (event.type) {
    case 'agent_state':
      return patchAgent(withAgent(board, event.agent, at), event.agent, () => ({
        state: event.state,
        reason: event.reason ?? undefined,
        since: event.since,
        pending: event.pending ?? undefined,
      }))
    case 'agent_connected':
      return patchAgent(withAgent(board, event.agent, at), event.agent, () => ({ connected: true }))
    case 'agent_disconnected':
      return patchAgent(withAgent(board, event.agent, at), event.agent, () => ({ connected: false }))
    case 'desk_opened':
      if (board.open_desks.includes(event.desk)) return board
      return { ...board, open_desks: [...board.open_desks, event.desk].sort() }
    case 'desk_closed':
      return { ...board, open_desks: board.open_desks.filter((id) => id !== event.desk) }
    default:
      return board
  }
}

type Is<T extends Event['type']> = Extract<Event, { type: T }>

function arrive(board: Board, at: number, id: string, event: Is<'contact_arrived'>): Board {
  const contact: BoardContact = clean({
    id,
    desk: event.desk,
    channel: event.channel,
    state: 'waiting',
    language: event.language,
    topic: event.topic,
    inquirer: event.inquirer,
    priority: event.priority,
    arrived_at: event.arrived_at,
    ticket: event.ticket,
    unread: 0,
    boosted: false,
    answered: false,
  })
  const contacts = [...board.contacts.filter((c) => c.id !== id), contact].sort(byId)
  return count({ ...board, contacts }, at, contact, ['arrived'])
}

function endOffer(board: Board, contact: BoardContact, event: Is<'offer_ended'>): Board {
  const next = dropOffer(board, event.agent, event.offer)
  if (contact.offer?.id !== event.offer) return next
  const state = contact.state === 'offered' ? 'waiting' : contact.state
  return patchContact(next, contact.id, { offer: undefined, state })
}

function accept(board: Board, at: number, contact: BoardContact, event: Is<'contact_accepted'>): Board {
  const { id, offer } = contact
  let next = patchContact(board, id, {
    state: 'active',
    agent: event.agent,
    offer: undefined,
    accepted_at: at,
    answered: true,
  })
  next = patchAgent(withAgent(next, event.agent, at), event.agent, (a) => ({
    contacts: a.contacts.includes(id) ? a.contacts : [...a.contacts, id].sort(),
  }))
  if (offer) next = dropOffer(next, offer.agent, offer.id)
  if (contact.answered) return next
  const inTarget = event.waited_ms <= board.service_level_ms
  next = count(next, at, contact, inTarget ? ['answered', 'answered_in_target'] : ['answered'])
  return { ...next, totals: { ...next.totals, wait_ms_sum: next.totals.wait_ms_sum + event.waited_ms } }
}

function letGo(board: Board, contact: BoardContact): Board {
  let next = board
  if (contact.agent) next = dropContact(next, contact.agent, contact.id)
  if (contact.offer) next = dropOffer(next, contact.offer.agent, contact.offer.id)
  return next
}

function requeue(board: Board, contact: BoardContact, event: Is<'contact_requeued'>): Board {
  return patchContact(letGo(board, contact), contact.id, {
    state: 'waiting',
    agent: undefined,
    offer: undefined,
    accepted_at: undefined,
    wrap_up_until: undefined,
    boosted: contact.boosted || event.head,
    desk: event.desk ?? contact.desk,
  })
}

function close(board: Board, contact: BoardContact, event: Is<'contact_closed'>): Board {
  const next = letGo(board, contact)
  const contacts = next.contacts.filter((c) => c.id !== contact.id)
  if (!contact.answered) return { ...next, contacts }
  const totals = { ...next.totals, closed: next.totals.closed + 1 }
  totals.handle_ms_sum += event.handled_ms
  return { ...next, contacts, totals }
}

/** Steps that touch nothing but the contact's own line. */
function rowChange(contact: BoardContact, at: number, event: Event): Partial<BoardContact> | undefined {
  switch (event.type) {
    case 'contact_held':
      return { state: 'held' }
    case 'contact_unheld':
      return { state: 'active' }
    case 'contact_corrected':
      return { language: event.language, topic: event.topic }
    case 'wrap_up_started':
      return { state: 'wrap_up', wrap_up_until: event.until }
    case 'wrap_up_extended':
      return { wrap_up_until: event.until }
    case 'message_stored':
      return { last_message_at: at, unread: contact.unread + (event.sender === 'visitor' ? 1 : 0) }
    case 'messages_read':
      return event.side === 'agent' && event.kind === 'read' ? { unread: event.unread } : undefined
    case 'ticket_changed':
      return { ticket: event.ticket }
    default:
      return undefined
  }
}

function applyToContact(board: Board, at: number, contact: BoardContact, event: Event): Board {
  switch (event.type) {
    case 'offer_made': {
      const offer = { id: event.offer, agent: event.agent, expires_at: event.expires_at }
      const next = patchContact(board, contact.id, { state: 'offered', offer })
      return patchAgent(withAgent(next, event.agent, at), event.agent, () => ({ offer: event.offer }))
    }
    case 'offer_ended':
      return endOffer(board, contact, event)
    case 'contact_accepted':
      return accept(board, at, contact, event)
    case 'contact_requeued':
      return requeue(board, contact, event)
    case 'contact_diverted':
      return count(board, at, contact, ['diverted'])
    case 'contact_ended':
      return event.outcome === 'abandoned' ? count(board, at, contact, ['abandoned']) : board
    case 'contact_closed':
      return close(board, contact, event)
    default: {
      const change = rowChange(contact, at, event)
      return change ? patchContact(board, contact.id, change) : board
    }
  }
}

/** The board after one more event. Events already seen are ignored. */
export function applyEvent(board: Board, logged: LoggedEvent): Board {
  if (logged.seq <= board.seq) return board
  const { event, contact: id, at } = logged
  let next: Board = { ...board, seq: logged.seq, at }
  const { day } = placeInDay(board.zone, at)
  if (day > next.day) next = { ...next, day, quarters: [], totals: { ...ZERO } }
  if (!id) return applyToPool(next, at, event)
  if (event.type === 'contact_arrived') return arrive(next, at, id, event)
  const contact = next.contacts.find((c) => c.id === id)
  return contact ? applyToContact(next, at, contact, event) : next
}
