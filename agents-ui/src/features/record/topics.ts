/** The tree of topics as lines to show and search. */
import type { Topic } from '@/api'

export interface TopicLine {
  id: string
  name: string
  /** `large / small`, for a chosen topic and for searching. */
  path: string
  depth: number
}

/** Parents before their children, in the given order. A topic whose parent is missing stands at the top. */
export function topicLines(topics: readonly Topic[], japanese: boolean): TopicLine[] {
  const name = (t: Topic) => (japanese ? t.name_ja : t.name_en)
  const known = new Set(topics.map((t) => t.id))
  const children = new Map<string, Topic[]>()
  for (const topic of topics) {
    const parent = topic.parent_id && known.has(topic.parent_id) ? topic.parent_id : ''
    children.set(parent, [...(children.get(parent) ?? []), topic])
  }
  const out: TopicLine[] = []
  const walk = (parent: string, depth: number, before: string) => {
    for (const topic of children.get(parent) ?? []) {
      const path = before ? `${before} / ${name(topic)}` : name(topic)
      out.push({ id: topic.id, name: name(topic), path, depth })
      walk(topic.id, depth + 1, path)
    }
  }
  walk('', 0, '')
  return out
}

/** Lines whose path holds every word, whatever the width and case of the letters. */
export function findTopics(lines: readonly TopicLine[], query: string): TopicLine[] {
  const fold = (text: string) => text.normalize('NFKC').toLowerCase()
  const words = fold(query).split(/\s+/).filter(Boolean)
  return lines.filter((line) => words.every((word) => fold(line.path).includes(word)))
}
