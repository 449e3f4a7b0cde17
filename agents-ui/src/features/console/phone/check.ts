/** Whether the microphone is being tried; the dialog stands once, in the frame around the pages. */
import { ref } from 'vue'

export const checkOpen = ref(false)
