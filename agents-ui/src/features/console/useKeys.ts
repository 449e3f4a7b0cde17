/**
 * The keyboard of the console. Letters alone work when nobody is typing; with Alt they work always.
 * Nothing is taken from a control that has the key itself, nor while an input method composes.
 */
import { onScopeDispose, watch } from 'vue'

export type Act =
  | 'accept'
  | 'decline'
  | 'next'
  | 'previous'
  | 'composer'
  | 'record'
  | 'end'
  | 'transfer'
  | 'wrap_done'
  | 'wrap_extend'
  | 'language'
  | 'beside'
  | 'state'
  | 'queue'
  | 'search'
  | 'new'
  | 'wall'
  | 'mute'
  | 'hold'
  | 'keypad'
  | 'merge'
  | 'complete'
  | 'cancel_consult'
  | 'drop'
  | 'recording'
  | 'redial'
  | 'dial'
  | 'help'

/** The letter's place on the keyboard, so that Alt+letter works where Alt types another sign. */
const CODES: Record<string, Act> = {
  KeyA: 'accept',
  KeyD: 'decline',
  KeyJ: 'next',
  KeyK: 'previous',
  KeyM: 'composer',
  KeyR: 'record',
  KeyE: 'end',
  KeyT: 'transfer',
  KeyW: 'wrap_done',
  KeyX: 'wrap_extend',
  KeyL: 'language',
  KeyB: 'beside',
  KeyS: 'state',
  KeyQ: 'queue',
  KeyN: 'new',
  KeyF: 'wall',
  KeyU: 'mute',
  KeyH: 'hold',
  KeyP: 'keypad',
  KeyG: 'merge',
  KeyC: 'complete',
  KeyZ: 'cancel_consult',
  KeyO: 'drop',
  KeyV: 'recording',
  KeyY: 'redial',
  KeyI: 'dial',
}

export interface KeyLine {
  act: Act | 'nth' | 'texts' | 'send' | 'newline' | 'next_row' | 'previous_row' | 'open_row'
  keys: string
}

/** What the console's help shows, in this order. */
export const KEY_LIST: readonly KeyLine[] = [
  { act: 'accept', keys: 'A' },
  { act: 'decline', keys: 'D' },
  { act: 'next', keys: 'J' },
  { act: 'previous', keys: 'K' },
  { act: 'nth', keys: '1…9' },
  { act: 'composer', keys: 'M' },
  { act: 'send', keys: 'Enter' },
  { act: 'newline', keys: 'Shift+Enter' },
  { act: 'texts', keys: '/' },
  { act: 'record', keys: 'R' },
  { act: 'language', keys: 'L' },
  { act: 'transfer', keys: 'T' },
  { act: 'end', keys: 'E' },
  { act: 'wrap_done', keys: 'W' },
  { act: 'wrap_extend', keys: 'X' },
  { act: 'beside', keys: 'B' },
  { act: 'state', keys: 'S' },
  { act: 'queue', keys: 'Q' },
  { act: 'help', keys: '?' },
]

/** Keys of a call; the letters of `end` and `transfer` are those of a conversation. */
export const CALL_KEYS: readonly KeyLine[] = [
  { act: 'mute', keys: 'U' },
  { act: 'hold', keys: 'H' },
  { act: 'keypad', keys: 'P' },
  { act: 'merge', keys: 'G' },
  { act: 'complete', keys: 'C' },
  { act: 'cancel_consult', keys: 'Z' },
  { act: 'drop', keys: 'O' },
  { act: 'recording', keys: 'V' },
  { act: 'redial', keys: 'Y' },
  { act: 'dial', keys: 'I' },
]

export interface KeyPress {
  code: string
  key: string
  altKey: boolean
  ctrlKey: boolean
  metaKey: boolean
  isComposing: boolean
  repeat: boolean
}

export type Where = 'typing' | 'control' | 'page' | 'dialog'

/** Which act a key means; `nth` carries its number. */
export function readKey(press: KeyPress, where: Where): { act: Act } | { nth: number } | undefined {
  if (press.isComposing || press.ctrlKey || press.metaKey || press.repeat || where === 'dialog') return undefined
  if (where === 'typing' && !press.altKey) return undefined
  const digit = /^Digit([1-9])$/.exec(press.code)
  if (digit) return { nth: Number(digit[1]) }
  if (press.key === '?') return { act: 'help' }
  if (press.key === '/' && where !== 'typing') return { act: 'search' }
  if (press.altKey && press.code === 'ArrowDown') return { act: 'next' }
  if (press.altKey && press.code === 'ArrowUp') return { act: 'previous' }
  const act = CODES[press.code]
  return act ? { act } : undefined
}

function whereIs(target: EventTarget | null): Where {
  if (!(target instanceof HTMLElement)) return 'page'
  if (target.closest('[role="dialog"], [role="menu"], [role="listbox"]')) return 'dialog'
  if (target.isContentEditable || target.closest('textarea, select, input:not([type="checkbox"], [type="radio"], [type="range"])')) {
    return 'typing'
  }
  return target.closest('button, a, [role="tab"], input') ? 'control' : 'page'
}

type Handlers = Partial<Record<Act, () => unknown>> & { nth?: (n: number) => unknown }
const stack = new Set<Handlers>()

function listen(event: KeyboardEvent): void {
  if (event.defaultPrevented) return
  const found = readKey(event, whereIs(event.target))
  if (!found) return
  for (const handlers of [...stack].reverse()) {
    if ('nth' in found) {
      if (!handlers.nth) continue
      handlers.nth(found.nth)
    } else {
      const run = handlers[found.act]
      if (!run) continue
      run()
    }
    event.preventDefault()
    return
  }
}

/** Acts of a component while it is there; the last that knows an act has it. */
export function useKeys(handlers: Handlers): void {
  if (stack.size === 0) document.addEventListener('keydown', listen)
  stack.add(handlers)
  onScopeDispose(() => {
    stack.delete(handlers)
    if (stack.size === 0) document.removeEventListener('keydown', listen)
  })
}

/** Acts of one of several panes: it has the keyboard while it is in front, and leaves it to the others then. */
export function useKeysWhile(front: () => boolean, acts: Handlers): void {
  const handlers: Handlers = {}
  useKeys(handlers)
  watch(
    front,
    (now) => {
      for (const act of Object.keys(handlers)) delete handlers[act as keyof Handlers]
      if (now) Object.assign(handlers, acts)
    },
    { immediate: true },
  )
}
