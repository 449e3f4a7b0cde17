/**
 * Conversations that this page has opened: messages in the order of their numbers, marks of the other side,
 * what is being sent, drafts. Pure functions of frames; the page's store is `conversations.ts`.
 */
import type { Explanation, LoggedEvent, Message, OpenedVisitor, ServerEvent } from '@/api'

/** The other side counts as typing for this long after the last sign of it, milliseconds. */
export const TYPING_MS = 6000

/** A message on its way. It stays until its stored twin arrives; there is no invented copy of it. */
export interface Outgoing {
  client_id: string
  body: string
  state: 'sending' | 'failed'
  /** Code of the refusal. */
  problem?: string
}

export interface Conversation {
  id: string
  /** False until the server has sent the content; true again after each new connection. */
  loaded: boolean
  messages: Message[]
  outgoing: Outgoing[]
  visitor?: OpenedVisitor
  ticket?: string
  explanation?: Explanation
  typingUntil: number
}

export function newConversation(id: string): Conversation {
  return { id, loaded: false, messages: [], outgoing: [], typingUntil: 0 }
}

function merge(known: readonly Message[], more: readonly Message[]): Message[] {
  const byId = new Map(known.map((m) => [m.id, m]))
  for (const message of more) byId.set(message.id, message)
  return [...byId.values()].sort((a, b) => a.seq - b.seq)
}

/** Drops what has arrived from what is on its way. */
function settle(outgoing: readonly Outgoing[], arrived: readonly Message[]): Outgoing[] {
  const ids = new Set(arrived.filter((m) => m.sender === 'agent').map((m) => m.client_id))
  return outgoing.filter((o) => !ids.has(o.client_id))
}

function withMessages(conversation: Conversation, more: readonly Message[]): Conversation {
  const fromVisitor = more.some((m) => m.sender === 'visitor')
  return {
    ...conversation,
    messages: merge(conversation.messages, more),
    outgoing: settle(conversation.outgoing, more),
    typingUntil: fromVisitor ? 0 : conversation.typingUntil,
  }
}

function withMarks(conversation: Conversation, event: LoggedEvent['event']): Conversation {
  const { visitor } = conversation
  if (!visitor) return conversation
  if (event.type === 'messages_read' && event.side === 'visitor') {
    const seen = Math.max(visitor.seen_seq, event.up_to_seq)
    const read = event.kind === 'read' ? Math.max(visitor.read_seq, event.up_to_seq) : visitor.read_seq
    return { ...conversation, visitor: { ...visitor, seen_seq: seen, read_seq: read } }
  }
  if (event.type === 'contact_corrected') {
    return { ...conversation, visitor: { ...visitor, language: event.language } }
  }
  if (event.type === 'ticket_changed') return { ...conversation, ticket: event.ticket }
  return conversation
}

/** The conversation after one more frame that concerns it; the same object when nothing changed. */
export function applyFrame(conversation: Conversation, frame: ServerEvent, now: number): Conversation {
  switch (frame.type) {
    case 'opened': {
      const opened: Conversation = { ...conversation, loaded: true, visitor: frame.visitor }
      if (frame.ticket) opened.ticket = frame.ticket
      if (frame.explanation) opened.explanation = frame.explanation
      return withMessages(opened, frame.messages)
    }
    case 'message':
      return withMessages(conversation, [frame.message])
    case 'typing':
      return { ...conversation, typingUntil: now + TYPING_MS }
    case 'event':
      return withMarks(conversation, frame.event)
    default:
      return conversation
  }
}

/** Which conversation a frame is about. */
export function contactOf(frame: ServerEvent): string | undefined {
  switch (frame.type) {
    case 'opened':
    case 'message':
    case 'typing':
      return frame.contact
    case 'event':
      return frame.contact ?? undefined
    default:
      return undefined
  }
}

export function startSending(conversation: Conversation, clientId: string, body: string): Conversation {
  const others = conversation.outgoing.filter((o) => o.client_id !== clientId)
  return { ...conversation, outgoing: [...others, { client_id: clientId, body, state: 'sending' }] }
}

/** A refused message stays in sight with its reason, to be sent again or taken back. */
export function failSending(conversation: Conversation, clientId: string, problem: string): Conversation {
  const outgoing = conversation.outgoing.map((o) =>
    o.client_id === clientId ? { ...o, state: 'failed' as const, problem } : o,
  )
  return { ...conversation, outgoing }
}

export function takeBack(conversation: Conversation, clientId: string): Conversation {
  return { ...conversation, outgoing: conversation.outgoing.filter((o) => o.client_id !== clientId) }
}

/** How far one of our messages has come. */
export function deliveryOf(message: Message, visitor: OpenedVisitor | undefined): 'sent' | 'delivered' | 'read' {
  if (!visitor) return 'sent'
  if (message.seq <= visitor.read_seq) return 'read'
  return message.seq <= visitor.seen_seq ? 'delivered' : 'sent'
}

/** The number of the last message, up to which "read" may be said. */
export function lastSeq(conversation: Conversation): number {
  return conversation.messages.at(-1)?.seq ?? 0
}
