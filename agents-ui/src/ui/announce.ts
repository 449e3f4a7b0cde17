/** What a screen reader is told. `urgent` interrupts (offers); the rest waits its turn (messages). */
import { ref } from 'vue'

export const polite = ref('')
export const urgent = ref('')

/** A zero-width mark makes a repeated sentence a new one, so that it is read again. */
let odd = false

export function announce(sentence: string, now = false): void {
  odd = !odd
  const said = odd ? sentence : `${sentence}\u200B`
  if (now) urgent.value = said
  else polite.value = said
}
