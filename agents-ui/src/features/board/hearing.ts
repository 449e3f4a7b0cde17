/** A supervisor's acts on a call, each said back. */
import { t, tMaybe } from '@/i18n'
import { agentName } from '@/state/live'
import { stopSupervising, supervise, useSupervise, type Hearing } from '@/state/supervise'
import { toast, toastProblem } from '@/ui/toasts'

export async function hear(contact: string, agent: string, mode: Hearing): Promise<void> {
  try {
    await supervise(contact, agent, mode)
    toast(t(`phone.supervise.now_${mode}`, { name: agentName(agent) }), 'success')
  } catch (error) {
    // The line says its trouble by the name of its state.
    const state = error instanceof Error ? tMaybe(`phone.line_state.${error.message}`) : undefined
    if (state) toast(t('phone.supervise.line_down', { state }), 'error')
    else toastProblem(error)
  }
}

export async function stopHearing(): Promise<void> {
  const { supervised } = useSupervise()
  const agent = supervised.value?.agent
  try {
    await stopSupervising()
    if (agent) toast(t('phone.supervise.stopped', { name: agentName(agent) }))
  } catch (error) {
    toastProblem(error)
  }
}
