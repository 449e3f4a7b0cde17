/** What a contact is called on the screen: the name she gave, else the kind of inquirer. */
import type { BoardContact } from '@/api'
import { t } from '@/i18n'

export function contactTitle(contact: Pick<BoardContact, 'inquirer'>, name: string | null | undefined): string {
  const kind = t(`word.inquirer.${contact.inquirer}`)
  return name ? name : `${kind} (${t('state.anonymous')})`
}
