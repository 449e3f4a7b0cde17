/**
 * A ticket being edited: saved by itself, never lost, safe in two tabs.
 *
 * Each change goes to the browser's storage at once and to the server after a short pause. A change names the
 * version it started from; what others changed meanwhile is merged field by field, and a field that both
 * changed is put before the person. Nothing here knows a page: time, storage and calls are given.
 */
import type { Ticket, TicketFields } from '@/api'

export type FieldName = keyof TicketFields
type Edits = Partial<TicketFields>

/** Pause after the last key before saving, milliseconds. */
export const PAUSE_MS = 800
/** First pause after a failed save, milliseconds; doubled up to `RETRY_MAX_MS`. */
export const RETRY_MS = 2000
export const RETRY_MAX_MS = 30_000

/** How a save ended when it did not succeed. */
export type SaveFailure =
  | { kind: 'conflict'; current: Ticket; fields: readonly string[] }
  | { kind: 'invalid'; fields: Record<string, string> }
  | { kind: 'gone' }
  | { kind: 'later'; error: unknown }

export type SaveResult = { kind: 'saved'; ticket: Ticket } | SaveFailure

export interface Patch extends Edits {
  version: number
  editor: string
}

export interface DraftParts {
  load: (id: string) => Promise<Ticket>
  /** `leaving`: the page goes away; the call must outlive it. */
  save: (id: string, patch: Patch, leaving: boolean) => Promise<SaveResult>
  storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>
  /** Tells other tabs of this browser. */
  tell: (ticket: Ticket) => void
  later: (run: () => void, ms: number) => unknown
  cancel: (handle: unknown) => void
  changed: () => void
}

export type DraftStatus = 'loading' | 'saved' | 'unsaved' | 'saving' | 'error' | 'invalid' | 'conflict' | 'gone'

const same = (a: unknown, b: unknown) => JSON.stringify(a ?? null) === JSON.stringify(b ?? null)
const names = (edits: Edits) => Object.keys(edits) as FieldName[]

function isEdits(value: unknown): value is { version: number; edits: Edits } {
  if (typeof value !== 'object' || value === null) return false
  const { version, edits } = value as Record<string, unknown>
  return typeof version === 'number' && typeof edits === 'object' && edits !== null
}

export class TicketDraft {
  base: Ticket | undefined
  /** What the person typed and the server does not have yet. */
  private edits: Edits = {}
  /** Typed as it is on the screen, for fields whose stored form differs (spaces at the end). */
  private echoes = new Map<FieldName, { typed: unknown; stored: unknown }>()
  /** Fields that somebody else changed too: their value. */
  readonly conflicts = new Map<FieldName, unknown>()
  /** Fields that the server refused: the code of the reason. */
  readonly refused = new Map<FieldName, string>()
  loadError: unknown
  saveError: unknown
  savedAt: number | undefined
  private since = 0
  private flying: Promise<void> | undefined
  private timer: unknown
  private failures = 0
  private closed = false
  private gone = false

  constructor(
    readonly id: string,
    private readonly key: string,
    private readonly editor: string,
    private readonly parts: DraftParts,
  ) {}

  get status(): DraftStatus {
    if (this.gone) return 'gone'
    if (!this.base) return 'loading'
    if (this.flying) return 'saving'
    if (this.conflicts.size > 0) return 'conflict'
    if (this.refused.size > 0) return 'invalid'
    if (this.saveError !== undefined) return 'error'
    return names(this.edits).length > 0 ? 'unsaved' : 'saved'
  }

  /** What a field shows: what was typed last, else what is stored. */
  value<K extends FieldName>(name: K): TicketFields[K] | undefined {
    if (name in this.edits) return this.edits[name]
    const echo = this.echoes.get(name)
    if (echo && same(echo.stored, this.base?.[name])) return echo.typed as TicketFields[K]
    return this.base?.[name]
  }

  async open(): Promise<void> {
    this.loadError = undefined
    try {
      const ticket = await this.parts.load(this.id)
      if (this.closed) return
      if (this.base) this.adopt(ticket)
      else this.begin(ticket)
    } catch (error) {
      this.loadError = error
    }
    this.parts.changed()
  }

  private begin(ticket: Ticket): void {
    this.base = ticket
    this.since = ticket.version
    const stored = this.readStored()
    if (!stored) return
    // The server decides what was changed since: it is told the version these edits began with.
    this.since = Math.min(stored.version, ticket.version)
    for (const name of names(stored.edits)) {
      if (!same(stored.edits[name], ticket[name])) Object.assign(this.edits, { [name]: stored.edits[name] })
    }
    this.mirror()
    if (names(this.edits).length > 0) this.schedule(PAUSE_MS)
  }

  set<K extends FieldName>(name: K, value: TicketFields[K]): void {
    if (!this.base || this.gone) return
    this.edits[name] = value
    this.refused.delete(name)
    this.echoes.delete(name)
    if (!this.conflicts.has(name) && same(value, this.base[name])) delete this.edits[name]
    this.mirror()
    this.schedule(PAUSE_MS)
    this.parts.changed()
  }

  /** The ticket as somebody else (or another tab) left it. */
  adopt(ticket: Ticket): void {
    const before = this.base
    if (!before || this.flying || ticket.version <= before.version) return
    for (const name of names(this.edits)) {
      const theirs = ticket[name]
      if (!same(theirs, before[name]) && !same(theirs, this.edits[name])) this.conflicts.set(name, theirs)
      else if (same(theirs, this.edits[name])) delete this.edits[name]
    }
    this.base = ticket
    this.since = ticket.version
    this.mirror()
    this.parts.changed()
  }

  /** Settles a field that both changed. */
  resolve(name: FieldName, keep: 'mine' | 'theirs'): void {
    this.conflicts.delete(name)
    if (keep === 'theirs') delete this.edits[name]
    this.mirror()
    this.schedule(0)
    this.parts.changed()
  }

  /** Somebody changed the ticket; asks for it unless this tab did so itself. */
  noticed(version: number): void {
    if (this.base && version > this.base.version && !this.flying) void this.open()
  }

  /** Saves what can be saved now; resolves when nothing is on its way. */
  async flush(leaving = false): Promise<void> {
    this.parts.cancel(this.timer)
    if (this.flying) await this.flying
    const ready = this.ready()
    if (!this.base || this.gone || names(ready).length === 0) return
    this.flying = this.send(ready, leaving)
    this.parts.changed()
    await this.flying
  }

  close(): void {
    this.closed = true
    void this.flush(true)
    this.parts.cancel(this.timer)
  }

  private ready(): Edits {
    const out: Edits = {}
    for (const name of names(this.edits)) {
      if (!this.conflicts.has(name) && !this.refused.has(name)) Object.assign(out, { [name]: this.edits[name] })
    }
    return out
  }

  private schedule(ms: number): void {
    this.parts.cancel(this.timer)
    if (this.closed) return
    this.timer = this.parts.later(() => void this.flush(), ms)
  }

  private async send(sent: Edits, leaving: boolean): Promise<void> {
    let result: SaveResult
    try {
      result = await this.parts.save(this.id, { version: this.since, editor: this.editor, ...sent }, leaving)
    } catch (error) {
      result = { kind: 'later', error }
    }
    this.flying = undefined
    this.saveError = undefined
    if (result.kind === 'later') {
      this.saveError = result.error
      this.schedule(Math.min(RETRY_MAX_MS, RETRY_MS * 2 ** this.failures))
      this.failures += 1
    } else {
      this.failures = 0
      this.settle(result, sent)
    }
    this.mirror()
    this.parts.changed()
  }

  private settle(result: Exclude<SaveResult, { kind: 'later' }>, sent: Edits): void {
    switch (result.kind) {
      case 'saved':
        for (const name of names(sent)) {
          if (!same(this.edits[name], sent[name])) continue
          this.echoes.set(name, { typed: sent[name], stored: result.ticket[name] })
          delete this.edits[name]
        }
        this.base = result.ticket
        this.since = result.ticket.version
        this.savedAt = result.ticket.updated_at
        this.parts.tell(result.ticket)
        break
      case 'conflict':
        this.base = result.current
        this.since = result.current.version
        for (const name of names(sent)) {
          if (result.fields.includes(name)) this.conflicts.set(name, result.current[name])
        }
        break
      case 'invalid':
        for (const name of names(sent)) {
          const code = result.fields[name]
          if (code !== undefined) this.refused.set(name, code)
        }
        // A refusal that names none of the sent fields must not be repeated for ever.
        if (!names(sent).some((name) => this.refused.has(name))) {
          for (const name of names(sent)) this.refused.set(name, 'invalid')
        }
        break
      case 'gone':
        this.gone = true
        return
    }
    if (names(this.ready()).length > 0) this.schedule(PAUSE_MS)
  }

  private readStored(): { version: number; edits: Edits } | undefined {
    try {
      const value: unknown = JSON.parse(this.parts.storage.getItem(this.key) ?? 'null')
      return isEdits(value) ? value : undefined
    } catch {
      return undefined
    }
  }

  /** Keeps unsaved edits in the browser, and nothing else. */
  private mirror(): void {
    try {
      if (names(this.edits).length === 0) this.parts.storage.removeItem(this.key)
      else this.parts.storage.setItem(this.key, JSON.stringify({ version: this.since, edits: this.edits }))
    } catch {
      // A full or forbidden storage takes the second copy away, not the first.
    }
  }
}
