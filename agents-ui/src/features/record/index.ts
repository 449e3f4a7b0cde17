/** The record of a consultation as parts that the console and the tickets' page share. */
export { default as TicketForm } from './TicketForm.vue'
export { default as TopicPicker } from './TopicPicker.vue'
export { default as RecordingList } from './RecordingList.vue'
export { default as HistoryList } from './HistoryList.vue'
export { default as ExplanationView } from './ExplanationView.vue'
