/** The one parser of the agent's socket: text in, `ServerEvent` out, or a `ShapeError`. */
import { flag, list, maybe, number, object, oneOf, record, tagged, text, type Check } from './check'
import type { Board, Event, Explanation, LoggedEvent, Message, ServerEvent, Skill } from './types'

const channel = oneOf('phone', 'meeting', 'chat')
const inquirer = oneOf('company', 'support_organisation', 'worker', 'examinee', 'other')
const agentState = oneOf('offline', 'available', 'busy', 'wrap_up', 'away', 'not_answering')
const awayReason = oneOf('break', 'meal', 'meeting', 'training', 'other')
const contactState = oneOf('arriving', 'waiting', 'offered', 'active', 'held', 'wrap_up', 'closed')
const outcome = oneOf('handled', 'abandoned', 'diverted', 'transferred', 'failed')
const role = oneOf('agent', 'supervisor', 'administrator', 'officer')
const sender = oneOf('visitor', 'agent', 'system')
const pending = maybe(object({ state: oneOf('available', 'away', 'offline'), reason: maybe(awayReason) }))
const ring = oneOf('own', 'translation', 'partner')
const skill: Check<Skill> = tagged({ language: { tag: text }, topic: { tag: text } })

const event: Check<Event> = tagged({
  contact_arrived: {
    desk: text,
    channel,
    language: text,
    topic: maybe(text),
    inquirer,
    wanted: list(skill),
    priority: number,
    arrived_at: number,
    preferred: maybe(text),
    ticket: maybe(text),
  },
  offer_made: { agent: text, offer: text, expires_at: number, ring },
  offer_ended: {
    agent: text,
    offer: text,
    reason: oneOf('accepted_elsewhere', 'declined', 'expired', 'revoked', 'socket_lost', 'gave_up', 'claim_lost'),
  },
  contact_accepted: { agent: text, offer: text, waited_ms: number },
  contact_held: {},
  contact_unheld: {},
  contact_requeued: {
    from_agent: maybe(text),
    reason: oneOf('socket_lost', 'pulled_back', 'transferred', 'claim_lost', 'agent_left'),
    head: flag,
    desk: maybe(text),
  },
  contact_corrected: { language: text, topic: maybe(text), wanted: list(skill) },
  ring_widened: { ring },
  contact_diverted: { reason: oneOf('desk_closed', 'no_agent', 'max_wait', 'queue_full', 'chosen') },
  contact_ended: { by: oneOf('visitor', 'agent', 'supervisor', 'system'), outcome },
  wrap_up_started: { agent: text, until: number },
  wrap_up_extended: { agent: text, until: number },
  contact_closed: { outcome, waited_ms: number, handled_ms: number },
  agent_state: { agent: text, state: agentState, reason: maybe(awayReason), since: number, pending },
  agent_connected: { agent: text },
  agent_disconnected: { agent: text, grace_until: maybe(number) },
  message_stored: { message: text, sender, account: maybe(text) },
  messages_read: {
    side: oneOf('visitor', 'agent'),
    up_to_seq: number,
    kind: oneOf('delivered', 'read'),
    unread: number,
  },
  ticket_changed: { ticket: text, version: number },
  desk_opened: { desk: text },
  desk_closed: { desk: text },
  satisfaction_given: { score: number },
})

export const loggedEvent: Check<LoggedEvent> = object({ seq: number, at: number, contact: maybe(text), event })

export const board: Check<Board> = object({
  seq: number,
  at: number,
  day: text,
  zone: text,
  service_level_ms: number,
  contacts: list(
    object({
      id: text,
      desk: text,
      channel,
      state: contactState,
      language: text,
      topic: maybe(text),
      inquirer,
      priority: number,
      arrived_at: number,
      agent: maybe(text),
      offer: maybe(object({ id: text, agent: text, expires_at: number })),
      accepted_at: maybe(number),
      wrap_up_until: maybe(number),
      ticket: maybe(text),
      unread: number,
      last_message_at: maybe(number),
      boosted: flag,
      answered: flag,
    }),
  ),
  agents: list(
    object({
      id: text,
      state: agentState,
      reason: maybe(awayReason),
      since: number,
      connected: flag,
      pending,
      contacts: list(text),
      offer: maybe(text),
    }),
  ),
  quarters: list(
    object({
      quarter: number,
      desk: text,
      channel,
      arrived: number,
      answered: number,
      answered_in_target: number,
      abandoned: number,
      diverted: number,
    }),
  ),
  totals: object({
    arrived: number,
    answered: number,
    answered_in_target: number,
    abandoned: number,
    diverted: number,
    closed: number,
    wait_ms_sum: number,
    handle_ms_sum: number,
  }),
  open_desks: list(text),
})

const nothing = {}
const explanation: Check<Explanation> = object({
  contact: text,
  at: number,
  rule: oneOf('best_fit', 'preferred', 'reserved', 'supervisor', 'awaits_preferred', 'waits'),
  ring,
  wanted: list(skill),
  waited: number,
  considered: list(
    object({
      agent: text,
      level: number,
      verdict: tagged({
        later_ring: { ring },
        lacks_skill: { skill },
        reserved: { starts_at: number },
        chosen: nothing,
        free: nothing,
        other_desk: nothing,
        no_channel: nothing,
        no_room: nothing,
        offline: nothing,
        away: nothing,
        not_answering: nothing,
        wrap_up: nothing,
        leaving: nothing,
        disconnected: nothing,
        has_offer: nothing,
        paused: nothing,
        not_preferred: nothing,
      }),
    }),
  ),
  more: number,
})

const message: Check<Message> = object({
  id: text,
  contact: text,
  seq: number,
  sender,
  account: maybe(text),
  client_id: text,
  body: text,
  language: maybe(text),
  language_confidence: maybe(number),
  at: number,
})

const problem = object({ code: text, message: text, trace: maybe(text), params: maybe(textMap) })

function textMap(value: unknown, path: string): Record<string, string> {
  const from = record(value, path)
  return Object.fromEntries(Object.entries(from).map(([k, v]) => [k, String(v)]))
}

const frame: Check<ServerEvent> = tagged({
  welcome: { me: object({ agent: text, role }), board, server_time: number },
  resumed: { from_seq: number },
  event: { seq: number, at: number, contact: maybe(text), event },
  message: { contact: text, message },
  opened: {
    contact: text,
    messages: list(message),
    visitor: object({
      display_name: maybe(text),
      inquirer,
      language: text,
      visitor_language: maybe(text),
      read_seq: number,
      seen_seq: number,
    }),
    ticket: maybe(text),
    explanation: maybe(explanation),
  },
  typing: { contact: text },
  done: { cmd: text },
  refused: { cmd: text, problem },
  offer_detail: { offer: text, contact: text, why: explanation, history: object({ earlier: number }) },
  call_changed: { contact: text },
  settings_changed: {},
  pong: {},
  bye: { reason: oneOf('replaced', 'signed_out', 'stopping', 'too_slow') },
})

/** Throws `ShapeError` when the frame is not one that this page knows. */
export function parseFrame(raw: string): ServerEvent {
  return frame(JSON.parse(raw), 'frame')
}
