import { api } from '@/api'
import type { BoardFigures, DayContact, Explanation, Figure } from '@/api'

/** Figures without people, for those who may see no contact. */
export const boardFigures = () => api.get<BoardFigures>('/board/figures')

/** Why the engine decided as it did, the latest first. */
export async function explanations(contact: string): Promise<Explanation[]> {
  const answer = await api.get<Explanation[] | { items: Explanation[] }>(`/contacts/${contact}/explanations`)
  return Array.isArray(answer) ? answer : answer.items
}

export interface DayPage {
  items: DayContact[]
  next_cursor?: number | null
}

/** The contacts behind a figure of the day. */
export const dayContacts = (figure: Figure, desk: string, cursor?: number | null) =>
  api.get<DayPage>('/contacts', { figure, desk, cursor })
