/** Times, durations and names of languages as the reader writes them. Desk days are days in Japan. */
import { currentLocale } from './index'

const ZONE = 'Asia/Tokyo'
const cache = new Map<string, Intl.DateTimeFormat>()

function format(kind: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${currentLocale.value}/${kind}`
  let found = cache.get(key)
  if (!found) {
    found = new Intl.DateTimeFormat(currentLocale.value === 'ja' ? 'ja-JP' : 'en-GB', { timeZone: ZONE, ...options })
    cache.set(key, found)
  }
  return found
}

/** 14:05 */
export function clockTime(ms: number): string {
  return format('time', { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).format(ms)
}

/** 2026/04/01 14:05 */
export function dateTime(ms: number): string {
  return format('datetime', {
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  }).format(ms)
}

/** 4月1日(水) / Wed 1 Apr */
export function shortDay(ms: number): string {
  return format('day', { month: 'short', day: 'numeric', weekday: 'short' }).format(ms)
}

/** The day in Japan as YYYY-MM-DD. */
export function isoDay(ms: number): string {
  return new Intl.DateTimeFormat('en-CA', { timeZone: ZONE }).format(ms)
}

/** 0:07, 12:45, 1:02:33; never negative. */
export function duration(ms: number): string {
  const total = Math.max(0, Math.floor(ms / 1000))
  const seconds = String(total % 60).padStart(2, '0')
  const minutes = Math.floor(total / 60) % 60
  const hours = Math.floor(total / 3600)
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${seconds}` : `${minutes}:${seconds}`
}

const OWN: Record<string, { ja: string; en: string; short: string }> = {
  'ja-x-easy': { ja: 'やさしい日本語', en: 'Easy Japanese', short: 'やさ日' },
  my: { ja: 'ミャンマー語', en: 'Burmese', short: 'MY' },
  fil: { ja: 'フィリピノ語', en: 'Filipino', short: 'FIL' },
  'zh-Hans': { ja: '中国語（簡体字）', en: 'Chinese (Simplified)', short: '简' },
  'zh-Hant': { ja: '中国語（繁体字）', en: 'Chinese (Traditional)', short: '繁' },
  und: { ja: '不明', en: 'Unknown', short: '？' },
}

/** The language's name in the reader's language. */
export function languageName(tag: string): string {
  const own = OWN[tag]
  if (own) return own[currentLocale.value]
  try {
    return new Intl.DisplayNames([currentLocale.value], { type: 'language' }).of(tag) ?? tag
  } catch {
    return tag
  }
}

/** Two or three letters for a badge. */
export function languageMark(tag: string): string {
  return OWN[tag]?.short ?? tag.split('-')[0]?.toUpperCase() ?? tag
}

/** Languages that a desk may choose from when it corrects a detection. */
export const DESK_LANGUAGES = [
  'ja', 'ja-x-easy', 'en', 'vi', 'id', 'fil', 'th', 'zh-Hans', 'zh-Hant', 'my', 'ne', 'km', 'lo', 'mn', 'ko', 'hi',
  'bn', 'si', 'ta', 'ur', 'uz', 'ky', 'tg', 'ms', 'pt', 'es',
] as const

const RTL = /^(ar|fa|he|ps|sd|ug|ur|yi)(-|$)/

export function direction(tag: string | null | undefined): 'rtl' | 'ltr' | 'auto' {
  if (!tag) return 'auto'
  return RTL.test(tag) ? 'rtl' : 'ltr'
}
