import { api } from '@/api'
import type { CannedText } from '@/api'

/** The list may be the answer itself or stand under `items`. */
type Answer = CannedText[] | { items: CannedText[] }

const cache = new Map<string, Promise<CannedText[]>>()

async function ask(language: string): Promise<CannedText[]> {
  const answer = await api.get<Answer>('/texts', { language })
  return Array.isArray(answer) ? answer : answer.items
}

/** Canned texts of a language, asked once; forgotten when settings change or the call failed. */
export function cannedTexts(language: string): Promise<CannedText[]> {
  const known = cache.get(language)
  if (known) return known
  const asked = ask(language)
  cache.set(language, asked)
  asked.catch(() => cache.delete(language))
  return asked
}

export function forgetTexts(): void {
  cache.clear()
}
