/** Which colour, mark and word a state has: the one table that every page uses. */
import type { AgentState, BoardAgent, Channel, ContactState, TicketStatus, Urgency } from '@/api'
import { t } from '@/i18n'
import type { Tone } from './Badge.vue'
import type { IconName } from './icons'

export const agentTone: Record<AgentState, Tone> = {
  available: 'available',
  busy: 'talking',
  wrap_up: 'wrap',
  away: 'away',
  not_answering: 'overdue',
  offline: 'away',
}

export const agentIcon: Record<AgentState, IconName> = {
  available: 'check',
  busy: 'chat',
  wrap_up: 'edit',
  away: 'coffee',
  not_answering: 'alert',
  offline: 'minus',
}

export const contactTone: Record<ContactState, Tone> = {
  arriving: 'waiting',
  waiting: 'waiting',
  offered: 'waiting',
  active: 'talking',
  held: 'away',
  wrap_up: 'wrap',
  closed: 'plain',
}

export const contactIcon: Record<ContactState, IconName> = {
  arriving: 'clock',
  waiting: 'clock',
  offered: 'bell',
  active: 'chat',
  held: 'minus',
  wrap_up: 'edit',
  closed: 'check',
}

export const channelIcon: Record<Channel, IconName> = { phone: 'phone', meeting: 'meeting', chat: 'chat' }
export const ticketTone: Record<TicketStatus, Tone> = { open: 'talking', waiting: 'waiting', closed: 'plain' }
export const ticketIcon: Record<TicketStatus, IconName> = { open: 'edit', waiting: 'clock', closed: 'check' }
export const urgencyTone: Record<Urgency, Tone> = { normal: 'plain', high: 'waiting', emergency: 'overdue' }

/** 離席（食事） / Away (Meal) */
export function agentStateText(agent: Pick<BoardAgent, 'state' | 'reason'>): string {
  const state = t(`word.agent_state.${agent.state}`)
  if (agent.state !== 'away' || !agent.reason) return state
  return `${state} · ${t(`word.away_reason.${agent.reason}`)}`
}
