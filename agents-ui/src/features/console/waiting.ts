/** The order of the queue as people read it, and how long the other side has waited. */
import type { BoardContact } from '@/api'
import type { Conversation } from '@/state/contacts'

export function isWaiting(contact: BoardContact): boolean {
  return contact.state === 'waiting' || contact.state === 'offered' || contact.state === 'arriving'
}

/** Back at the head first, then priority, then the longest wait. */
export function waitingFirst(a: BoardContact, b: BoardContact): number {
  if (a.boosted !== b.boosted) return a.boosted ? -1 : 1
  if (a.priority !== b.priority) return b.priority - a.priority
  return a.arrived_at - b.arrived_at
}

/** Since when the inquirer waits for an answer of ours; undefined when it is her turn. */
export function theyWaitSince(contact: BoardContact, conversation: Conversation | undefined): number | undefined {
  // In a call nobody waits for a written answer; its own time is shown.
  if (contact.channel === 'phone' || (contact.state !== 'active' && contact.state !== 'held')) return undefined
  const messages = conversation?.messages.filter((m) => m.sender !== 'system') ?? []
  if (messages.length === 0) return contact.accepted_at ?? undefined
  let since: number | undefined
  for (let i = messages.length - 1; i >= 0; i -= 1) {
    const message = messages[i]
    if (!message || message.sender === 'agent') break
    since = message.at
  }
  return since
}
