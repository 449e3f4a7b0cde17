/** Reads an agent's skills as the server keeps them; a shape that is not known gives nothing. */
import { isRecord } from '@/api/check'

/** Languages of an agent, the best level first. */
export function languagesOf(skills: unknown): string[] {
  if (!Array.isArray(skills)) return []
  const found: { tag: string; level: number }[] = []
  for (const entry of skills) {
    if (!isRecord(entry)) continue
    const skill = isRecord(entry.skill) ? entry.skill : entry
    if (skill.type !== 'language' || typeof skill.tag !== 'string') continue
    found.push({ tag: skill.tag, level: typeof entry.level === 'number' ? entry.level : 0 })
  }
  return found.sort((a, b) => b.level - a.level).map((x) => x.tag)
}
