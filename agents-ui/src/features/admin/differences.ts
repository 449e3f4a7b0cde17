/** Where two versions of a thing differ, field by field. */

export interface Difference {
  path: string
  mine: string
  theirs: string
}

const SKIPPED = new Set(['id', 'version', 'created_at'])

function plain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function shown(value: unknown): string {
  if (value === undefined || value === null) return ''
  if (typeof value === 'string') return value
  if (Array.isArray(value) && value.every((x) => typeof x === 'string' || typeof x === 'number')) return value.join(', ')
  return JSON.stringify(value)
}

/** Only fields that `mine` has are compared. */
export function differences(mine: unknown, theirs: unknown, path = ''): Difference[] {
  if (plain(mine) && plain(theirs)) {
    const names = [...new Set([...Object.keys(mine), ...(path ? Object.keys(theirs) : [])])]
    return names
      .filter((name) => path || !SKIPPED.has(name))
      .flatMap((name) => differences(mine[name], theirs[name], path ? `${path}.${name}` : name))
  }
  const [a, b] = [shown(mine), shown(theirs)]
  return a === b ? [] : [{ path, mine: a, theirs: b }]
}
