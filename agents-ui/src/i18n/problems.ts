/** What went wrong, as a sentence for the reader. */
import { ApiError } from '@/api'
import { Refused } from '@/api/socket'
import { t, tMaybe } from './index'

/** The server's own sentence when it sent one, else ours for the code, else a general one. */
export function problemText(error: unknown): string {
  if (error instanceof ApiError || error instanceof Refused) {
    return error.message || tMaybe(`problem.${error.code}`, error.params) || t('problem.unknown', { code: error.code })
  }
  return t('problem.unexpected')
}

/** The number to quote to the administrator; empty when the server gave none. */
export function problemTrace(error: unknown): string {
  return error instanceof ApiError ? (error.trace ?? '') : ''
}
