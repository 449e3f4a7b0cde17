import { ref } from 'vue'
import { problemText } from '@/i18n/problems'

/** Runs one step of the sign-in: busy while it lasts, the sentence when it failed. */
export function useStep() {
  const busy = ref(false)
  const problem = ref('')
  async function run(act: () => Promise<unknown>): Promise<void> {
    if (busy.value) return
    busy.value = true
    problem.value = ''
    try {
      await act()
    } catch (error) {
      problem.value = problemText(error)
    } finally {
      busy.value = false
    }
  }
  return { busy, problem, run }
}
