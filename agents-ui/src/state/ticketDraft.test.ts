import { describe, expect, it } from 'vitest'
import type { Ticket } from '@/api'
import { TicketDraft, type Patch, type SaveResult } from './ticketDraft'

const ticket = (more: Partial<Ticket> = {}): Ticket => ({
  id: 'tkt_1',
  number: 'R8-000001',
  version: 1,
  desk: 'dsk_1',
  channel: 'chat',
  status: 'open',
  inquirer: 'worker',
  inquirer_name: '',
  organisation: '',
  corporate_number: '',
  prefecture: '',
  nationality: '',
  reply_to: '',
  anonymous: false,
  language: 'vi',
  topics: [],
  summary: 'first',
  answer: '',
  basis: '',
  referral: '',
  result: '',
  urgency: 'normal',
  sensitive: false,
  due_on: null,
  owner: null,
  overdue: false,
  reply_waiting: false,
  contacts: [],
  created_at: 0,
  updated_at: 0,
  warnings: [],
  ...more,
})

/** A desk with one ticket: time stands still until `tick`, saves answer what the test says. */
function desk(stored: Ticket, answers: ((patch: Patch) => SaveResult)[], kept = new Map<string, string>()) {
  const sent: Patch[] = []
  const timers: (() => void)[] = []
  const draft = new TicketDraft(stored.id, 'mdg.ticket', 'tab', {
    load: () => Promise.resolve(stored),
    save: (_, patch) => {
      sent.push(patch)
      const answer = answers.shift()
      return answer ? Promise.resolve(answer(patch)) : Promise.reject(new Error('offline'))
    },
    storage: {
      getItem: (key) => kept.get(key) ?? null,
      setItem: (key, value) => void kept.set(key, value),
      removeItem: (key) => void kept.delete(key),
    },
    tell: () => undefined,
    later: (run) => timers.push(run),
    cancel: () => void timers.splice(0),
    changed: () => undefined,
  })
  const tick = async () => {
    for (const run of timers.splice(0)) run()
    await draft.flush()
  }
  return { draft, sent, kept, tick }
}
const saved = (more: Partial<Ticket>) => (): SaveResult => ({ kind: 'saved', ticket: ticket(more) })

describe('a ticket being edited', () => {
  it('is saved by itself from the version it was read at', async () => {
    const { draft, sent, kept, tick } = desk(ticket(), [saved({ version: 2, summary: 'second' })])
    await draft.open()
    draft.set('summary', 'second')
    expect(draft.status).toBe('unsaved')
    expect(kept.get('mdg.ticket')).toContain('second')
    await tick()
    expect(sent).toEqual([{ version: 1, editor: 'tab', summary: 'second' }])
    expect([draft.status, draft.base?.version, kept.size]).toEqual(['saved', 2, 0])
  })

  it('keeps what was typed while the server is away, and over a reload', async () => {
    const first = desk(ticket(), [])
    await first.draft.open()
    first.draft.set('answer', 'typed')
    await first.tick()
    expect(first.draft.status).toBe('error')
    const second = desk(ticket({ version: 3 }), [saved({ version: 4, answer: 'typed' })], first.kept)
    await second.draft.open()
    expect(second.draft.value('answer')).toBe('typed')
    await second.tick()
    expect(second.sent).toEqual([{ version: 1, editor: 'tab', answer: 'typed' }])
    expect(second.draft.status).toBe('saved')
  })

  it('takes over what others changed elsewhere on the form', async () => {
    const { draft } = desk(ticket(), [])
    await draft.open()
    draft.set('summary', 'mine')
    draft.adopt(ticket({ version: 2, answer: 'theirs' }))
    expect([draft.value('summary'), draft.value('answer'), draft.conflicts.size]).toEqual(['mine', 'theirs', 0])
  })

  it('puts a field that both changed before the person', async () => {
    const current = ticket({ version: 2, summary: 'theirs' })
    const { draft, sent, tick } = desk(ticket(), [
      () => ({ kind: 'conflict', current, fields: ['summary'] }),
      saved({ version: 3, summary: 'mine' }),
    ])
    await draft.open()
    draft.set('summary', 'mine')
    await tick()
    expect([draft.status, draft.conflicts.get('summary'), draft.value('summary')]).toEqual(['conflict', 'theirs', 'mine'])
    await tick()
    expect(sent).toHaveLength(1)
    draft.resolve('summary', 'mine')
    await tick()
    expect(sent[1]).toEqual({ version: 2, editor: 'tab', summary: 'mine' })
    expect(draft.status).toBe('saved')
  })

  it('lets theirs stand when the person says so', async () => {
    const { draft, sent, tick } = desk(ticket(), [])
    await draft.open()
    draft.set('summary', 'mine')
    draft.adopt(ticket({ version: 2, summary: 'theirs' }))
    expect(draft.conflicts.has('summary')).toBe(true)
    draft.resolve('summary', 'theirs')
    await tick()
    expect([sent.length, draft.value('summary'), draft.status]).toEqual([0, 'theirs', 'saved'])
  })

  it('does not repeat a field that the server refused, and saves the others', async () => {
    const { draft, sent, tick } = desk(ticket(), [
      () => ({ kind: 'invalid', fields: { corporate_number: 'check_digit' } }),
      saved({ version: 2, summary: 'second' }),
    ])
    await draft.open()
    draft.set('corporate_number', '123')
    draft.set('summary', 'second')
    await tick()
    await tick()
    expect(sent[1]).toEqual({ version: 1, editor: 'tab', summary: 'second' })
    expect([draft.status, draft.refused.get('corporate_number')]).toEqual(['invalid', 'check_digit'])
    draft.set('corporate_number', '')
    expect(draft.status).toBe('saved')
  })
})
