/** The pages of the console. A feature is a folder under `features/` that exports one of these. */
import type { RouteRecordRaw } from 'vue-router'
import type { Role } from '@/api'
import type { Key } from '@/i18n'
import type { IconName } from '@/ui/icons'
import { adminFeature } from '@/features/admin'
import { boardFeature } from '@/features/board'
import { consoleFeature } from '@/features/console'
import { meFeature } from '@/features/me'
import { ticketsFeature } from '@/features/tickets'

export interface Feature {
  /** First part of the path, under `/desk/`; empty for the console. */
  path: string
  label: Key
  icon: IconName
  /** Who sees it in the menu and may open its routes. The server decides again. */
  roles: readonly Role[]
  routes: RouteRecordRaw[]
  /** Left out of the main menu (reached from elsewhere). */
  hidden?: boolean
}

export const features: readonly Feature[] = [consoleFeature, boardFeature, ticketsFeature, adminFeature, meFeature]

export function mayOpen(feature: Feature, role: Role | undefined): boolean {
  return role !== undefined && feature.roles.includes(role)
}

/** Where a role begins its day. */
export function homeOf(role: Role | undefined): string {
  const first = features.find((f) => !f.hidden && mayOpen(f, role))
  return `/${first?.path ?? 'me'}`
}
