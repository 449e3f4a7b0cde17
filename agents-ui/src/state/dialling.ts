/** Where any page asks for a call to be made; the dialog itself stands once, in the frame around the pages. */
import { ref } from 'vue'

export interface DialWish {
  number: string
  desk?: string
  ticket?: string
}

export const dialWish = ref<DialWish>()

export function askDial(wish: DialWish): void {
  dialWish.value = wish
}
