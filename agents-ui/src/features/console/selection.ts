/** Which conversation is in the middle, and which stand beside it. Kept while the page lives. */
import { ref } from 'vue'

/** Conversations shown side by side at most; an agent's capacity for chats may be less. */
export const BESIDE_MAX = 3

export const chosenContact = ref<string>()
export const besideContacts = ref<string[]>([])

export function toggleBeside(id: string): void {
  const shown = besideContacts.value
  if (shown.includes(id)) besideContacts.value = shown.filter((x) => x !== id)
  else besideContacts.value = [...shown, id].slice(-BESIDE_MAX)
}
