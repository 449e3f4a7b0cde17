/** A step of a ticket's life as a sentence; nothing for steps that only the machine needs. */
import type { Event, TimelineItem } from '@/api'
import { t, tMaybe } from '@/i18n'
import { clockTime, duration, languageName } from '@/i18n/format'
import { agentName, deskName } from '@/state/live'
import type { IconName } from '@/ui/icons'

function params(event: Event, japanese: boolean): Record<string, string> {
  const out: Record<string, string> = {}
  if ('agent' in event) out.agent = agentName(event.agent)
  if ('desk' in event) out.desk = deskName(event.desk, japanese)
  if ('language' in event) out.language = languageName(event.language)
  if ('waited_ms' in event) out.waited = duration(event.waited_ms)
  if ('handled_ms' in event) out.handled = duration(event.handled_ms)
  if ('outcome' in event) out.outcome = t(`word.outcome.${event.outcome}`)
  if ('until' in event) out.until = clockTime(event.until)
  if ('score' in event) out.score = String(event.score)
  if ('by' in event) out.by = t(`tickets.by.${event.by}`)
  if ('from_agent' in event && event.from_agent) out.agent = agentName(event.from_agent)
  const reason = 'reason' in event ? tMaybe(`tickets.reason.${event.reason ?? ''}`) : undefined
  out.reason = reason ?? ''
  return out
}

export function eventText(event: Event, japanese: boolean): string | undefined {
  return tMaybe(`tickets.step.${event.type}`, params(event, japanese))
}

const ICONS: Partial<Record<Event['type'], IconName>> = {
  contact_arrived: 'bell',
  offer_made: 'bell',
  offer_ended: 'bell',
  contact_accepted: 'chat',
  contact_requeued: 'pull',
  contact_corrected: 'language',
  contact_diverted: 'transfer',
  contact_ended: 'end',
  wrap_up_started: 'edit',
  wrap_up_extended: 'edit',
  contact_closed: 'check',
  satisfaction_given: 'check',
}

export function itemIcon(item: TimelineItem): IconName {
  switch (item.kind) {
    case 'note':
      return 'note'
    case 'change':
      return 'edit'
    case 'message':
      return item.message.sender === 'agent' ? 'send' : 'chat'
    case 'event':
      return ICONS[item.event.type] ?? 'dot'
  }
}

/** Which fields a change touched, in the reader's words. */
export function fieldNames(fields: readonly string[]): string {
  const special: Record<string, string> = { inquirer_name: 'record.name', desk: 'board.desk', reply_waiting: 'tickets.reply_waiting' }
  return fields.map((name) => tMaybe(special[name] ?? `record.${name}`) ?? name).join(' · ')
}
