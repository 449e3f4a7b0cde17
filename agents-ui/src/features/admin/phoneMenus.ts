/** The menus of a phone desk as a form edits them, and what is wrong with them, as the server would say. */
import type { PhoneChoice, PhoneMenu } from '@/api'

/** Menus that follow one another inside a menu, menus in a row, prompts in a row; the server refuses more. */
export const DEPTH_MAX = 4
export const MENUS_MAX = 4
export const SAY_MAX = 12
export const KEYS = ['1', '2', '3', '4', '5', '6', '7', '8', '9', '0', '*', '#'] as const

export type MenuFault = 'required' | 'taken' | 'invalid' | 'too_many' | 'too_deep'
/** Path of the field, such as `menus.0.choices.1.key`, and what is wrong with it. */
export type MenuFaults = Map<string, MenuFault>

export function menuFaults(menus: readonly PhoneMenu[]): MenuFaults {
  const faults: MenuFaults = new Map()
  if (menus.length > MENUS_MAX) faults.set('menus', 'too_many')
  menus.forEach((menu, n) => look(menu, `menus.${n}`, 1, faults))
  return faults
}

function look(menu: PhoneMenu, at: string, depth: number, faults: MenuFaults): void {
  if (depth > DEPTH_MAX) {
    faults.set(at, 'too_deep')
    return
  }
  if (menu.say.length === 0 || menu.say.some((name) => name === '')) faults.set(`${at}.say`, 'required')
  else if (menu.say.length > SAY_MAX) faults.set(`${at}.say`, 'too_many')
  if (menu.choices.length === 0) faults.set(`${at}.choices`, 'required')
  const keys = new Set<string>()
  menu.choices.forEach((choice, n) => {
    const here = `${at}.choices.${n}`
    if (!KEYS.some((key) => key === choice.key)) faults.set(`${here}.key`, 'invalid')
    else if (keys.has(choice.key)) faults.set(`${here}.key`, 'taken')
    keys.add(choice.key)
    if (choice.then) look(choice.then, `${here}.then`, depth + 1, faults)
  })
}

/** A menu to begin with. */
export function newMenu(): PhoneMenu {
  return { say: [], choices: [newChoice([])] }
}

/** A choice with the first key that is free. */
export function newChoice(beside: readonly PhoneChoice[]): PhoneChoice {
  return { key: KEYS.find((key) => !beside.some((c) => c.key === key)) ?? '' }
}

/** The list with one of its things a place further; as it was when there is no such place. */
export function shifted<T>(list: readonly T[], at: number, by: -1 | 1): T[] {
  const out = [...list]
  const [taken] = out.splice(at, 1)
  if (taken === undefined || at + by < 0 || at + by > out.length) return [...list]
  out.splice(at + by, 0, taken)
  return out
}

export const without = <T>(list: readonly T[], at: number): T[] => list.filter((_, i) => i !== at)
export const replaced = <T>(list: readonly T[], at: number, thing: T): T[] => list.map((old, i) => (i === at ? thing : old))

/** `menu_more@en` is a name and a language; without one it is said in the language chosen so far. */
export function splitPrompt(said: string): { name: string; language: string } {
  const at = said.indexOf('@')
  return at < 0 ? { name: said, language: '' } : { name: said.slice(0, at), language: said.slice(at + 1) }
}

export const joinPrompt = (name: string, language: string): string => (language ? `${name}@${language}` : name)

/** Numbers as lines of text: one in each, nothing empty. */
export const readLines = (text: string): string[] => text.split(/[\n,\u3001]/).map((line) => line.trim()).filter(Boolean)
