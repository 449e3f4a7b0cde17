/** Canned texts: filling in what is known, finding what is meant. */
import type { CannedText } from '@/api'

export interface Known {
  inquirer_name: string
  agent_name: string
  desk_name: string
  ticket_number: string
}

/** Fills `{inquirer_name}` and its kin; what is not known stays in sight for the agent to complete. */
export function fillText(body: string, known: Partial<Known>): string {
  const values = new Map(Object.entries(known))
  return body.replace(/\{([a-z_]+)\}/g, (whole, name: string) => values.get(name) || whole)
}

/** Texts whose shortcut or title begins with or holds the query; shortcuts that begin with it come first. */
export function findTexts(texts: readonly CannedText[], query: string): CannedText[] {
  const wanted = query.normalize('NFKC').toLowerCase()
  const rank = (text: CannedText) => {
    const shortcut = text.shortcut.toLowerCase()
    if (shortcut.startsWith(wanted)) return 0
    return shortcut.includes(wanted) || text.title.normalize('NFKC').toLowerCase().includes(wanted) ? 1 : 2
  }
  return texts.filter((x) => rank(x) < 2).sort((a, b) => rank(a) - rank(b))
}

/** What stands after a slash at the very start of the composer; undefined when no text is being called. */
export function slashQuery(body: string): string | undefined {
  return /^\/(\S{0,40})$/.exec(body)?.[1]
}
