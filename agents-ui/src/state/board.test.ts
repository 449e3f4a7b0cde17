import { describe, expect, it } from 'vitest'
import type { Board, LoggedEvent } from '@/api'
import { applyEvent, emptyBoard } from './board'

/** A story of the event log and the board that the server's own reducer makes of it. */
interface Story {
  name: string
  zone: string
  service_level_ms: number
  events: LoggedEvent[]
  /** After the last event. */
  boards: Board
}

const found = import.meta.glob<Story>('../../../tests/fixtures/board/*.json', { eager: true, import: 'default' })
const stories = Object.values(found).map((story) => [story.name, story] as const)

describe('the board', () => {
  it('has stories to be tried on', () => {
    expect(stories.length).toBeGreaterThan(0)
  })

  it.each(stories)('%s: is what the server makes of the same events', (_, story) => {
    let board = emptyBoard(story.zone, story.service_level_ms)
    for (const event of story.events) {
      const before = JSON.stringify(board)
      const next = applyEvent(board, event)
      expect(JSON.stringify(board), 'the board before is left as it was').toBe(before)
      board = next
    }
    expect(board).toEqual(story.boards)
  })

  it.each(stories)('%s: a picture taken anywhere and the rest of the events make the same', (_, story) => {
    const { events, zone, service_level_ms, boards } = story
    for (let at = 0; at <= events.length; at += 1) {
      const picture = events.slice(0, at).reduce(applyEvent, emptyBoard(zone, service_level_ms))
      // As it travels: what the picture knows is not counted twice, although it is sent again.
      const arrived = JSON.parse(JSON.stringify(picture)) as Board
      expect(events.reduce(applyEvent, arrived)).toEqual(boards)
    }
  })
})
