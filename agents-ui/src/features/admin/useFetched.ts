/** Something fetched for a page: its value, its failure, and the way to ask again. */
import { ref, type Ref } from 'vue'

export function useFetched<T>(ask: () => Promise<T>) {
  const value = ref() as Ref<T | undefined>
  const failure = ref<unknown>()
  let turn = 0

  /** `quiet` keeps what is shown until the answer is here. */
  async function load(quiet = false): Promise<void> {
    turn += 1
    const mine = turn
    failure.value = undefined
    if (!quiet) value.value = undefined
    try {
      const answer = await ask()
      if (mine === turn) value.value = answer
    } catch (error) {
      if (mine === turn) failure.value = error
    }
  }
  void load()
  return { value, failure, load }
}
