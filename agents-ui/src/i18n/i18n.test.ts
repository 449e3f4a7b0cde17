import { describe, expect, it } from 'vitest'
import { en } from './en'
import { fill, flatten } from './index'
import { ja } from './ja'

const japanese = flatten(ja)
const english = flatten(en)
const names = (text: string) => [...text.matchAll(/\{([a-z_]+)/g)].map((m) => m[1]).sort().join(' ')

describe('texts', () => {
  it('are complete in both languages', () => {
    expect([...english.keys()].sort()).toEqual([...japanese.keys()].sort())
    expect(japanese.size).toBeGreaterThan(100)
  })

  it('have no empty sentence and the same placeholders', () => {
    for (const [key, text] of japanese) {
      expect(text.trim(), key).not.toBe('')
      expect(english.get(key)?.trim(), key).not.toBe('')
      const inEnglish = new Set(names(english.get(key) ?? '').split(' '))
      for (const name of names(text).split(' ')) expect(inEnglish, key).toContain(name)
    }
  })

  it('fill names, count, and leave what is unknown in sight', () => {
    expect(fill('{n} {n|message|messages}', { n: 1 }, 'en')).toBe('1 message')
    expect(fill('{n} {n|message|messages}', { n: 1200 }, 'en')).toBe('1,200 messages')
    expect(fill('{who}', {}, 'en')).toBe('{who}')
  })
})

describe('components', () => {
  const sources = import.meta.glob<string>(['../**/*.vue', '../**/*.ts', '!../i18n/**', '!../**/*.test.ts'], {
    query: '?raw',
    import: 'default',
    eager: true,
  })

  it('hold no Japanese of their own', () => {
    const kana = /[\u3041-\u30ff\u3400-\u9fff]/
    const guilty = Object.entries(sources).filter(([, source]) => kana.test(source.replace(/\/\*\*[^]*?\*\//g, '')))
    expect(Object.keys(sources).length).toBeGreaterThan(20)
    expect(guilty.map(([path]) => path)).toEqual([])
  })

  it('ask for no foreign address and set no style that the content policy forbids', () => {
    for (const [path, source] of Object.entries(sources)) {
      expect(/https?:\/\/(?!www\.w3\.org)/.test(source), path).toBe(false)
      expect(/<[a-z][^>]*\sstyle="/.test(source), path).toBe(false)
      expect(/v-html|innerHTML|eval\(/.test(source), path).toBe(false)
    }
  })
})
