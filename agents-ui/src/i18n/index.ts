/** Words on the screen. `t('feature.key', {name})`; `{n|one|other}` picks by number in languages that need it. */
import { computed, readonly, ref } from 'vue'
import type { UiLanguage } from '@/api'
import { en } from './en'
import { ja } from './ja'

/** Japanese is the source: every other language has exactly its keys. */
export type Messages = Shape<typeof ja>
type Shape<T> = { [K in keyof T]: T[K] extends string ? string : Shape<T[K]> }
type Path<T> = { [K in keyof T & string]: T[K] extends string ? K : `${K}.${Path<T[K]>}` }[keyof T & string]
export type Key = Path<typeof ja>

const STORED = 'mdg.language'
const books: Record<UiLanguage, Messages> = { ja, en }

function firstLocale(): UiLanguage {
  try {
    const stored = localStorage.getItem(STORED)
    if (stored === 'ja' || stored === 'en') return stored
    return navigator.language.toLowerCase().startsWith('ja') ? 'ja' : 'en'
  } catch {
    return 'ja'
  }
}

const locale = ref<UiLanguage>(firstLocale())

export function setLocale(language: UiLanguage): void {
  locale.value = language
  if (typeof document === 'undefined') return
  document.documentElement.lang = language
  localStorage.setItem(STORED, language)
}

/** Flat `key → text`; what the tests compare. */
export function flatten(tree: object, prefix = ''): Map<string, string> {
  const out = new Map<string, string>()
  for (const [name, value] of Object.entries(tree)) {
    if (typeof value === 'string') out.set(prefix + name, value)
    else if (typeof value === 'object' && value !== null) {
      for (const [k, v] of flatten(value, `${prefix}${name}.`)) out.set(k, v)
    }
  }
  return out
}

const flat: Record<UiLanguage, Map<string, string>> = { ja: flatten(books.ja), en: flatten(books.en) }

export type Params = Record<string, string | number>

/** Fills `{name}` and `{n|one|other}`; an unknown name stays visible so that it is noticed. */
export function fill(template: string, params: Params, language: UiLanguage): string {
  return template.replace(/\{([a-z_]+)(?:\|([^|}]*)\|([^|}]*))?\}/g, (whole, name: string, one?: string, other?: string) => {
    const value = params[name]
    if (value === undefined) return whole
    if (one === undefined || other === undefined) {
      return typeof value === 'number' ? value.toLocaleString(language) : value
    }
    return Number(value) === 1 ? one : other
  })
}

export function t(key: Key, params: Params = {}): string {
  return fill(flat[locale.value].get(key) ?? key, params, locale.value)
}

/** For keys built from a value of the interface (`problem.` + code); undefined when there is no such text. */
export function tMaybe(key: string, params: Params = {}): string | undefined {
  const template = flat[locale.value].get(key)
  return template === undefined ? undefined : fill(template, params, locale.value)
}

export function useI18n() {
  return { t, tMaybe, locale: readonly(locale), isJapanese: computed(() => locale.value === 'ja') }
}

export { locale as currentLocale }
