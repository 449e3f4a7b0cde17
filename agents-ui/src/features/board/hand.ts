/** The supervisor's hand: acts on the queue and on agents, each said back when it is done. */
import type { AgentState, AwayReason } from '@/api'
import { t } from '@/i18n'
import { agentName, command } from '@/state/live'
import { toast, toastProblem } from '@/ui/toasts'
import type { MenuItem } from '@/ui/Menu.vue'

const REASONS: readonly AwayReason[] = ['break', 'meal', 'meeting', 'training', 'other']

async function act(run: () => Promise<void>, done: string): Promise<boolean> {
  try {
    await run()
    toast(done, 'success')
    return true
  } catch (error) {
    toastProblem(error)
    return false
  }
}

export const assign = (contact: string, agent: string) =>
  act(() => command({ type: 'assign', contact, agent }), t('board.assigned', { name: agentName(agent) }))

export const pullBack = (contact: string) =>
  act(() => command({ type: 'pull_back', contact }), t('board.pulled_back'))

/** States that a supervisor may set, as menu items; the key is the state or, for away, its reason. */
export function forceItems(state: AgentState): MenuItem[] {
  return [
    {
      key: 'available',
      label: t('word.agent_state.available'),
      icon: 'check',
      heading: t('board.force'),
      checked: state === 'available',
    },
    ...REASONS.map((reason, i) => ({
      key: reason,
      label: t(`word.away_reason.${reason}`),
      icon: 'coffee' as const,
      ...(i === 0 ? { heading: t('word.agent_state.away') } : {}),
    })),
    { key: 'offline', label: t('word.agent_state.offline'), icon: 'out' as const, danger: true, apart: true },
  ]
}

/** Sets another's state; `key` is one of `forceItems`. */
export function force(agent: string, key: string): Promise<boolean> {
  const reason = REASONS.find((r) => r === key)
  const state: AgentState = reason ? 'away' : key === 'offline' ? 'offline' : 'available'
  const label = reason ? t(`word.away_reason.${reason}`) : t(`word.agent_state.${state}`)
  return act(
    () => command({ type: 'force_state', agent, state, ...(reason ? { reason } : {}) }),
    t('board.forced', { name: agentName(agent), state: label }),
  )
}
