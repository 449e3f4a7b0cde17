/** Telephone numbers as people write and read them. The server compares them; here they are only shown and typed. */

/** Digits of a number in use anywhere (ITU-T E.164 allows 15), and of one within Japan. */
const ABROAD = /^\+[1-9]\d{6,14}$/
const DOMESTIC = /^0\d{8,10}$/

/** What may be dialled by hand: short numbers and extensions as well. */
const TYPED = /^\+?\d{3,15}$/

const bare = (typed: string) => typed.normalize('NFKC').replace(/[\s().\-\u2010-\u2015\u2212\u30fc]/g, '')

/** A text that is surely a telephone number, ready to dial; nothing when it may be something else. */
export function dialable(text: string): string | undefined {
  const digits = bare(text)
  return ABROAD.test(digits) || DOMESTIC.test(digits) ? digits : undefined
}

/** What a person typed where a number is asked for, ready to dial; nothing when it cannot be dialled. */
export function typedNumber(typed: string): string | undefined {
  const digits = bare(typed)
  return TYPED.test(digits) ? digits : undefined
}

/** Groups of the kinds of numbers whose length is fixed; others have area codes of their own and stay whole. */
const GROUPS: readonly [RegExp, string][] = [
  [/^(0[5789]0)(\d{4})(\d{4})$/, '$1-$2-$3'],
  [/^(0120)(\d{3})(\d{3})$/, '$1-$2-$3'],
  [/^(0800)(\d{3})(\d{4})$/, '$1-$2-$3'],
  [/^(0570)(\d{3})(\d{3})$/, '$1-$2-$3'],
  [/^(0[36])(\d{4})(\d{4})$/, '$1-$2-$3'],
]

/** `+81312345678` is read as `03-1234-5678`; numbers from abroad keep their `+`. */
export function numberText(number: string): string {
  const national = number.replace(/^\+81(?=[1-9])/, '0')
  for (const [shape, groups] of GROUPS) if (shape.test(national)) return national.replace(shape, groups)
  return national
}

/** Keys of a telephone in what was typed, in their order. */
export function toneKeys(typed: string): string {
  return typed.normalize('NFKC').replace(/[^0-9*#]/g, '')
}
