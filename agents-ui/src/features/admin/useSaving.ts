/**
 * Saving a form: it keeps what was typed, marks the fields that the server refused, and when somebody was
 * faster it holds the other's value until the person has chosen.
 */
import { ref, type Ref } from 'vue'
import { ApiError } from '@/api'
import { t, tMaybe } from '@/i18n'
import { announce } from '@/ui/announce'
import { toast, toastProblem } from '@/ui/toasts'

/** The sentence for the code of a refused field. */
export function faultText(code: string | undefined): string | undefined {
  if (code === undefined) return undefined
  return tMaybe(`admin.refused.${code}`) ?? t('admin.refused.invalid')
}

export function useSaving<T>() {
  const busy = ref(false)
  const fields = ref<Record<string, string>>({})
  /** What somebody else saved meanwhile. */
  const theirs = ref() as Ref<T | undefined>

  /** Runs the call once at a time; gives its answer, or nothing when it did not succeed. */
  async function save<R>(call: () => Promise<R>, done: string): Promise<R | undefined> {
    if (busy.value) return undefined
    busy.value = true
    try {
      const answer = await call()
      fields.value = {}
      theirs.value = undefined
      toast(done, 'success')
      return answer
    } catch (error) {
      if (!(error instanceof ApiError)) {
        toastProblem(error)
        return undefined
      }
      fields.value = error.fields
      if (error.code === 'changed_elsewhere' && error.body.current !== undefined) {
        theirs.value = error.body.current as T
        announce(t('admin.conflict'), true)
      } else {
        toastProblem(error)
      }
      return undefined
    } finally {
      busy.value = false
    }
  }

  /** The sentence for one field, or for the first below it. */
  function fault(path: string): string | undefined {
    const key = Object.keys(fields.value).find((name) => name === path || name.startsWith(`${path}.`))
    return key === undefined ? undefined : faultText(fields.value[key])
  }
  function reset(): void {
    fields.value = {}
    theirs.value = undefined
  }
  return { busy, fields, theirs, save, fault, reset }
}
