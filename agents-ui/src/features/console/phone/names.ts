/** What a caller is called on the screen: her number, or why there is none. */
import type { Call, CallParty } from '@/api'
import { t } from '@/i18n'
import { agentName } from '@/state/live'
import { numberText } from '@/state/numbers'

export function callerName(call: Pick<Call, 'direction' | 'number' | 'withheld'> | undefined): string {
  if (!call) return ''
  if (call.number) return numberText(call.number)
  if (call.withheld) return t(`phone.caller.withheld.${call.withheld}`)
  return call.direction === 'web' ? t('phone.caller.web') : t('phone.caller.unknown')
}

export function partyName(party: CallParty): string {
  if (party.account) return agentName(party.account)
  return party.number ? numberText(party.number) : t(`phone.party.${party.kind}`)
}
