/** Shapes of the HTTP interface and of the agent's socket. Times are milliseconds since 1970 (UTC). */

export type Role = 'agent' | 'supervisor' | 'administrator' | 'officer'
export type Channel = 'phone' | 'meeting' | 'chat'
export type ContactState = 'arriving' | 'waiting' | 'offered' | 'active' | 'held' | 'wrap_up' | 'closed'
export type Outcome = 'handled' | 'abandoned' | 'diverted' | 'transferred' | 'failed'
export type AgentState = 'offline' | 'available' | 'busy' | 'wrap_up' | 'away' | 'not_answering'
export type AwayReason = 'break' | 'meal' | 'meeting' | 'training' | 'other'
export type Inquirer = 'company' | 'support_organisation' | 'worker' | 'examinee' | 'other'
export type Sender = 'visitor' | 'agent' | 'system'
export type TicketStatus = 'open' | 'waiting' | 'closed'
export type TicketResult = '' | 'completed' | 'callback' | 'escalated' | 'referred' | 'listened'
export type Urgency = 'normal' | 'high' | 'emergency'
export type UiLanguage = 'ja' | 'en'

export type Skill = { type: 'language'; tag: string } | { type: 'topic'; tag: string }
/** How wide the search for an agent has become; each ring includes those before it. */
export type Ring = 'own' | 'translation' | 'partner'

export type OfferEnd =
  | 'accepted_elsewhere'
  | 'declined'
  | 'expired'
  | 'revoked'
  | 'socket_lost'
  | 'gave_up'
  | 'claim_lost'
export type RequeueReason = 'socket_lost' | 'pulled_back' | 'transferred' | 'claim_lost' | 'agent_left'
export type DiversionReason = 'desk_closed' | 'no_agent' | 'max_wait' | 'queue_full' | 'chosen'
export type EndedBy = 'visitor' | 'agent' | 'supervisor' | 'system'

/** What an agent becomes when the present contacts have ended. */
export interface PendingState {
  state: 'available' | 'away' | 'offline'
  reason?: AwayReason
}

export type Event =
  | {
      type: 'contact_arrived'
      desk: string
      channel: Channel
      language: string
      topic?: string | null
      inquirer: Inquirer
      wanted: Skill[]
      priority: number
      arrived_at: number
      preferred?: string | null
      ticket?: string | null
    }
  | { type: 'offer_made'; agent: string; offer: string; expires_at: number; ring: Ring }
  | { type: 'offer_ended'; agent: string; offer: string; reason: OfferEnd }
  | { type: 'contact_accepted'; agent: string; offer: string; waited_ms: number }
  | { type: 'contact_held' }
  | { type: 'contact_unheld' }
  | { type: 'contact_requeued'; from_agent?: string | null; reason: RequeueReason; head: boolean; desk?: string | null }
  | { type: 'contact_corrected'; language: string; topic?: string | null; wanted: Skill[] }
  | { type: 'ring_widened'; ring: Ring }
  | { type: 'contact_diverted'; reason: DiversionReason }
  | { type: 'contact_ended'; by: EndedBy; outcome: Outcome }
  | { type: 'wrap_up_started'; agent: string; until: number }
  | { type: 'wrap_up_extended'; agent: string; until: number }
  | { type: 'contact_closed'; outcome: Outcome; waited_ms: number; handled_ms: number }
  | {
      type: 'agent_state'
      agent: string
      state: AgentState
      reason?: AwayReason | null
      since: number
      pending?: PendingState | null
    }
  | { type: 'agent_connected'; agent: string }
  | { type: 'agent_disconnected'; agent: string; grace_until?: number | null }
  | { type: 'message_stored'; message: string; sender: Sender; account?: string | null }
  | { type: 'messages_read'; side: 'visitor' | 'agent'; up_to_seq: number; kind: 'delivered' | 'read'; unread: number }
  | { type: 'ticket_changed'; ticket: string; version: number }
  | { type: 'desk_opened'; desk: string }
  | { type: 'desk_closed'; desk: string }
  | { type: 'satisfaction_given'; score: number }

export interface LoggedEvent {
  seq: number
  at: number
  contact?: string | null
  event: Event
}

export interface BoardContact {
  id: string
  desk: string
  channel: Channel
  state: ContactState
  language: string
  topic?: string | null
  inquirer: Inquirer
  priority: number
  arrived_at: number
  agent?: string | null
  offer?: { id: string; agent: string; expires_at: number } | null
  accepted_at?: number | null
  wrap_up_until?: number | null
  ticket?: string | null
  unread: number
  last_message_at?: number | null
  boosted: boolean
  /** An agent has answered it once; it is not counted as answered again. */
  answered: boolean
}

export interface BoardAgent {
  id: string
  state: AgentState
  reason?: AwayReason | null
  since: number
  connected: boolean
  pending?: PendingState | null
  contacts: string[]
  offer?: string | null
}

export interface Quarter {
  quarter: number
  desk: string
  channel: Channel
  arrived: number
  answered: number
  answered_in_target: number
  abandoned: number
  diverted: number
}

export interface Totals {
  arrived: number
  answered: number
  answered_in_target: number
  abandoned: number
  diverted: number
  closed: number
  wait_ms_sum: number
  handle_ms_sum: number
}

export interface Board {
  seq: number
  at: number
  /** The day that `quarters` and `totals` count. */
  day: string
  /** IANA name of the installation's zone. */
  zone: string
  service_level_ms: number
  contacts: BoardContact[]
  agents: BoardAgent[]
  quarters: Quarter[]
  totals: Totals
  open_desks: string[]
}

export interface Message {
  id: string
  contact: string
  seq: number
  sender: Sender
  account?: string | null
  client_id: string
  body: string
  language?: string | null
  language_confidence?: number | null
  at: number
}

export interface OpenedVisitor {
  display_name?: string | null
  inquirer: Inquirer
  language: string
  visitor_language?: string | null
  /** Everything up to here was read by the visitor. */
  read_seq: number
  /** Everything up to here reached the visitor's device. */
  seen_seq: number
}

export interface ProblemBody {
  code: string
  message: string
  trace?: string
  params?: Record<string, string>
  fields?: Record<string, string>
}

export type ClientCommand =
  | { type: 'set_state'; state: 'available' | 'away' | 'offline'; reason?: AwayReason }
  | { type: 'accept'; offer: string }
  | { type: 'decline'; offer: string }
  | { type: 'send'; contact: string; client_id: string; body: string }
  | { type: 'typing'; contact: string }
  | { type: 'read'; contact: string; up_to_seq: number }
  | { type: 'open'; contact: string }
  | { type: 'close'; contact: string }
  | { type: 'end'; contact: string }
  | { type: 'hold'; contact: string }
  | { type: 'unhold'; contact: string }
  | { type: 'wrap_up_done'; contact: string }
  | { type: 'wrap_up_extend'; contact: string }
  | { type: 'correct'; contact: string; language?: string; topic?: string }
  | { type: 'transfer'; contact: string; to: { type: 'agent'; agent: string } | { type: 'desk'; desk: string } }
  | { type: 'assign'; contact: string; agent: string }
  | { type: 'pull_back'; contact: string }
  | { type: 'force_state'; agent: string; state: AgentState; reason?: AwayReason }

export type ByeReason = 'replaced' | 'signed_out' | 'stopping' | 'too_slow'

export type Rule = 'best_fit' | 'preferred' | 'reserved' | 'supervisor' | 'awaits_preferred' | 'waits'

export type Verdict =
  | { type: 'later_ring'; ring: Ring }
  | { type: 'lacks_skill'; skill: Skill }
  | { type: 'reserved'; starts_at: number }
  | {
      type:
        | 'chosen'
        | 'free'
        | 'other_desk'
        | 'no_channel'
        | 'no_room'
        | 'offline'
        | 'away'
        | 'not_answering'
        | 'wrap_up'
        | 'leaving'
        | 'disconnected'
        | 'has_offer'
        | 'paused'
        | 'not_preferred'
    }

/** The engine's account of a decision: who was considered, and why not. */
export interface Explanation {
  contact: string
  at: number
  rule: Rule
  ring: Ring
  wanted: Skill[]
  /** Milliseconds. */
  waited: number
  considered: { agent: string; level: number; verdict: Verdict }[]
  /** Agents of the pool beyond those listed. */
  more: number
}

export type ServerEvent =
  | { type: 'welcome'; me: { agent: string; role: Role }; board: Board; server_time: number }
  | { type: 'resumed'; from_seq: number }
  | ({ type: 'event' } & LoggedEvent)
  | { type: 'message'; contact: string; message: Message }
  | {
      type: 'opened'
      contact: string
      messages: Message[]
      visitor: OpenedVisitor
      ticket?: string | null
      explanation?: Explanation | null
    }
  | { type: 'typing'; contact: string }
  | { type: 'done'; cmd: string }
  | { type: 'refused'; cmd: string; problem: Pick<ProblemBody, 'code' | 'message' | 'params'> }
  | { type: 'offer_detail'; offer: string; contact: string; why: Explanation; history: { earlier: number } }
  /** The call of a phone contact is to be read again. */
  | { type: 'call_changed'; contact: string }
  | { type: 'settings_changed' }
  | { type: 'pong' }
  | { type: 'bye'; reason: ByeReason }

export interface DirectoryAgent {
  id: string
  name: string
  role: Role
  desks: string[]
  skills: unknown
  capacity: unknown
}

export interface DirectoryDesk {
  id: string
  slug: string
  name_ja: string
  name_en: string
  channels: Channel[]
  languages?: string[]
}

export interface Topic {
  id: string
  parent_id?: string | null
  name_ja: string
  name_en: string
}

export interface Directory {
  agents: DirectoryAgent[]
  desks: DirectoryDesk[]
  topics: Topic[]
  target_per_day: number
  service_level_ms: number
}

export interface Me {
  id: string
  name: string
  role: Role
  ui_language: UiLanguage
  desks: string[]
}

export type SignInStep = 'done' | 'totp' | 'enrol_totp' | 'change_password'

export interface SessionView {
  me: Me
  csrf: string
  stage: SignInStep
}

/** The fields of a ticket that a person may change. */
export interface TicketFields {
  status: TicketStatus
  inquirer: Inquirer
  inquirer_name: string
  organisation: string
  corporate_number: string
  prefecture: string
  nationality: string
  reply_to: string
  anonymous: boolean
  language: string
  topics: string[]
  summary: string
  answer: string
  basis: string
  referral: string
  result: TicketResult
  urgency: Urgency
  sensitive: boolean
  due_on: string | null
  owner: string | null
}

export interface Warning {
  field: string
  code: string
}

export interface Ticket extends TicketFields {
  id: string
  number: string
  version: number
  desk: string
  channel: Channel
  overdue: boolean
  reply_waiting: boolean
  contacts: string[]
  created_at: number
  updated_at: number
  closed_at?: number | null
  warnings: Warning[]
}

export interface TicketRow {
  id: string
  number: string
  version: number
  desk: string
  channel: Channel
  status: TicketStatus
  inquirer: Inquirer
  inquirer_name: string
  organisation: string
  language: string
  topics: string[]
  summary: string
  result: TicketResult
  urgency: Urgency
  sensitive: boolean
  /** Names and summary are left out: sensitive, and somebody else's. */
  restricted: boolean
  due_on: string | null
  overdue: boolean
  owner: string | null
  reply_waiting: boolean
  created_at: number
  updated_at: number
  closed_at?: number | null
}

export interface TicketPage {
  items: TicketRow[]
  next_cursor?: string | null
  total: number
  total_capped: boolean
}

/** An earlier ticket of the same inquirer, and why it is taken for one (the strongest reason first). */
export interface EarlierTicket {
  ticket: TicketRow
  reasons: ('same_thread' | 'same_reply_to' | 'same_corporate_number' | 'same_organisation')[]
}

export interface CannedText {
  id: string
  shortcut: string
  language: string
  title: string
  body: string
}

/** What the day's figures count. */
export type Figure = 'arrived' | 'answered' | 'answered_in_target' | 'abandoned' | 'diverted' | 'closed'

/** A contact of the day, open or over: what routes, no names and no words. */
export interface DayContact {
  id: string
  desk: string
  channel: Channel
  state: ContactState
  outcome?: Outcome | null
  language: string
  topic?: string | null
  inquirer: Inquirer
  arrived_at: number
  accepted_at?: number | null
  closed_at?: number | null
  agent?: string | null
  ticket?: string | null
}

/** Those who wait at a desk for a channel in a language. */
export interface WaitingFigure {
  desk: string
  channel: Channel
  language: string
  count: number
  oldest: number
}

/** The board without people. */
export interface BoardFigures {
  at: number
  day: string
  zone: string
  service_level_ms: number
  target_per_day: number
  waiting: WaitingFigure[]
  agents: { state: AgentState; count: number }[]
  quarters: Quarter[]
  totals: Totals
  open_desks: string[]
}

/** One thing that happened to a ticket. */
export type TimelineItem =
  | { kind: 'event'; at: number; seq: number; contact: string; event: Event }
  | { kind: 'message'; at: number; seq: number; contact: string; message: Message }
  | { kind: 'change'; at: number; version: number; account?: string | null; fields: string[] }
  | { kind: 'note'; at: number; id: string; account: string; body: string }

/** The newest first. */
export interface TimelinePage {
  items: TimelineItem[]
  next_cursor?: string | null
}

/** A note or a reply; the same `client_id` is the same text. */
export interface NewText {
  client_id: string
  body: string
}

export interface TicketByHand extends Partial<TicketFields> {
  client_id: string
  desk: string
  channel: Channel
}
