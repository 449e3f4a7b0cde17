/** Short notices at the edge of the screen. They go by themselves; errors stay until dismissed. */
import { reactive } from 'vue'
import { problemText, problemTrace } from '@/i18n/problems'
import { t } from '@/i18n'

export interface Toast {
  id: number
  tone: 'info' | 'success' | 'error'
  text: string
  detail: string
}

/** How long a notice that is not an error stays, milliseconds. */
const STAY_MS = 5000
/** Notices shown at once; the oldest makes room. */
const SHOWN_MAX = 4

export const toasts = reactive<Toast[]>([])
let counter = 0

export function dismissToast(id: number): void {
  const index = toasts.findIndex((x) => x.id === id)
  if (index >= 0) toasts.splice(index, 1)
}

export function toast(text: string, tone: Toast['tone'] = 'info', detail = ''): void {
  counter += 1
  const id = counter
  toasts.push({ id, tone, text, detail })
  if (toasts.length > SHOWN_MAX) toasts.shift()
  if (tone !== 'error') setTimeout(() => dismissToast(id), STAY_MS)
}

/** For the `catch` of an act: says what went wrong. */
export function toastProblem(error: unknown): void {
  const trace = problemTrace(error)
  toast(problemText(error), 'error', trace ? t('error.trace', { trace }) : '')
}
