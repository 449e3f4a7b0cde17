import { api } from '@/api'
import type {
  AccountFields,
  AccountPage,
  AccountWithPassword,
  AdminAccount,
  AdminDesk,
  AdminSettings,
  AdminText,
  AdminTopic,
  DayOverride,
  DeskChange,
  LawDay,
  NewDesk,
  TrailPage,
} from '@/api'

interface Items<T> {
  items: T[]
}

export const listDesks = async () => (await api.get<Items<AdminDesk>>('/admin/desks')).items
export const createDesk = (desk: NewDesk) => api.post<AdminDesk>('/admin/desks', desk)
export const changeDesk = (id: string, change: DeskChange) => api.patch<AdminDesk>(`/admin/desks/${id}`, change)

export const lawDays = async (year: number) => (await api.get<Items<LawDay>>('/admin/days/law', { year })).items
export const listDays = async (year: number) => (await api.get<Items<DayOverride>>('/admin/days', { year })).items
export const putDay = (day: DayOverride) => api.put<DayOverride>('/admin/days', day)
export const deleteDay = ({ day, desk, version }: DayOverride) => api.delete<unknown>('/admin/days', { day, desk, version })

export const listTopics = async () => (await api.get<Items<AdminTopic>>('/admin/topics')).items
export const createTopic = (topic: Pick<AdminTopic, 'name_ja' | 'name_en'> & { parent_id?: string }) =>
  api.post<AdminTopic>('/admin/topics', topic)
export const changeTopic = (
  id: string,
  change: Pick<AdminTopic, 'version'> & Partial<Pick<AdminTopic, 'name_ja' | 'name_en' | 'position' | 'active'>>,
) => api.patch<AdminTopic>(`/admin/topics/${id}`, change)

export interface AccountQuery {
  search: string
  role: string
  active: string
}
export const listAccounts = (query: AccountQuery, cursor?: string | null) =>
  api.get<AccountPage>('/admin/accounts', { ...query, cursor })
export const createAccount = (account: AccountFields) => api.post<AccountWithPassword>('/admin/accounts', account)
export const changeAccount = (id: string, change: AccountFields & { version: number }) =>
  api.patch<AdminAccount>(`/admin/accounts/${id}`, change)
export const resetPassword = ({ id, version }: AdminAccount) =>
  api.post<AccountWithPassword>(`/admin/accounts/${id}/reset_password`, { version })
export const accountAct = ({ id, version }: AdminAccount, act: 'reset_totp' | 'deactivate' | 'activate') =>
  api.post<AdminAccount>(`/admin/accounts/${id}/${act}`, { version })

export const listTexts = async () => (await api.get<Items<AdminText>>('/admin/texts')).items
export const createText = (text: Omit<AdminText, 'id' | 'version'>) => api.post<AdminText>('/admin/texts', text)
export const changeText = (id: string, text: Omit<AdminText, 'id'>) => api.patch<AdminText>(`/admin/texts/${id}`, text)
export const deleteText = ({ id, version }: AdminText) => api.delete<unknown>(`/admin/texts/${id}`, { version })

export const readSettings = () => api.get<AdminSettings>('/admin/settings')
export const changeSettings = (change: Partial<AdminSettings>) => api.patch<AdminSettings>('/admin/settings', change)

export interface TrailQuery {
  actor: string
  action: string
  object_kind: string
  object_id: string
  from: string
  to: string
}
export const readTrail = (query: TrailQuery, cursor?: string | null) =>
  api.get<TrailPage>('/admin/audit', { ...query, cursor })
