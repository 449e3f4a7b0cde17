/** Shapes of the administrator's interface. A change names the `version` it was made from. */
import type { Channel, Inquirer, Role, Skill, UiLanguage } from './types'

/** Minutes since midnight; `to_min` is not included and may be 1440. */
export interface Span {
  from_min: number
  to_min: number
}

export interface Hours {
  /** Seven lists, Monday first. */
  weekly: Span[][]
  closed_on_holidays: boolean
}

export interface PerChannel {
  phone: number
  meeting: number
  chat: number
}

/** Lengths of time are milliseconds; `null` is "never". */
export interface DeskRouting {
  offer_ttl: number
  wrap_up_limit: number
  wrap_up_extension: number
  wrap_up_extensions_max: number
  socket_grace: number
  ageing_step: number
  translation_after: number | null
  partner_after: number | null
  partner_desks: string[]
  preferred_wait: number
  max_wait: number | null
  no_agent_grace: number
  queue_limit: number
  serve_out_at_closing: boolean
  expected_handling: PerChannel
  service_level_threshold: number
}

export interface DeskSettings {
  channels: Channel[]
  /** Empty: all that the program knows. */
  languages: string[]
  route_by_topic: boolean
  priorities: Partial<Record<Inquirer, number>>
  routing: DeskRouting
  /** Key of the text → language → text. */
  texts: Record<string, Record<string, string>>
}

export interface AdminDesk {
  id: string
  slug: string
  name_ja: string
  name_en: string
  position: number
  active: boolean
  hours: Hours
  settings: DeskSettings
  version: number
}

export type NewDesk = Pick<AdminDesk, 'slug' | 'name_ja' | 'name_en' | 'hours'> & { settings?: DeskSettings }
export type DeskChange = Pick<AdminDesk, 'version'> & Partial<Omit<AdminDesk, 'id' | 'version'>>

export type DayKind = 'closed' | 'open' | 'hours'

export interface DayOverride {
  day: string
  desk?: string | null
  kind: DayKind
  name: string
  span?: Span | null
  /** 0 for a day that has no row yet. */
  version: number
}

export interface LawDay {
  day: string
  kind: 'holiday' | 'year_end'
  name_ja: string
  name_en: string
}

export interface AdminTopic {
  id: string
  parent_id?: string | null
  name_ja: string
  name_en: string
  position: number
  active: boolean
  tickets: number
  version: number
}

export interface SkillLevel {
  skill: Skill
  /** 1 (gets by) to 5 (expert or native). */
  level: number
}

export interface AdminAccount {
  id: string
  login: string
  name: string
  role: Role
  ui_language: UiLanguage
  desks: string[]
  skills: SkillLevel[]
  capacity: PerChannel
  translation: boolean
  second_factor: boolean
  password_must_change: boolean
  active: boolean
  created_at: number
  version: number
}

export type AccountFields = Pick<
  AdminAccount,
  'login' | 'name' | 'role' | 'ui_language' | 'desks' | 'skills' | 'capacity' | 'translation'
>

export interface AccountPage {
  items: AdminAccount[]
  next_cursor?: string | null
  total: number
  total_capped: boolean
}

export interface AccountWithPassword {
  account: AdminAccount
  temporary_password: string
}

export interface PoolSettings {
  routing: {
    chat_interruptible_by_call: boolean
    decline_pause: number
    reservation_hold: number
  }
  target_per_day: number
  service_level_ms: number
}

/** Rules of signing in. */
export interface SecuritySettings {
  /** Minutes. */
  idle_min: number
  /** Hours. */
  absolute_h: number
  totp_for_all: boolean
}

/** Each part has a version of its own. */
export interface AdminSettings {
  pool: { version: number; settings: PoolSettings }
  security: { version: number; settings: SecuritySettings }
}

export interface AdminText {
  id: string
  shortcut: string
  language: string
  title: string
  body: string
  position: number
  version: number
}

export interface TrailEntry {
  seq: number
  id: string
  at: number
  actor: string
  actor_name?: string | null
  role: string
  action: string
  object_kind: string
  object_id: string
  detail?: unknown
  hash: string
}

export interface TrailPage {
  items: TrailEntry[]
  next_cursor?: string | null
}
