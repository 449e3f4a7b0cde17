import { api } from '@/api'
import type { NewText, Ticket, TicketByHand, TicketPage, TimelinePage } from '@/api'
import { askFilters, type Filters } from './filters'

export const listTickets = (filters: Filters, cursor?: string | null) =>
  api.get<TicketPage>('/tickets', { ...askFilters(filters), cursor })
export const getTicket = (id: string) => api.get<Ticket>(`/tickets/${id}`)
export const createTicket = (ticket: TicketByHand) => api.post<Ticket>('/tickets', ticket)
export const timeline = (id: string, cursor?: string | null) => api.get<TimelinePage>(`/tickets/${id}/timeline`, { cursor })
export const addNote = (id: string, text: NewText) => api.post<unknown>(`/tickets/${id}/notes`, text)
export const reply = (id: string, text: NewText) => api.post<unknown>(`/tickets/${id}/reply`, text)
