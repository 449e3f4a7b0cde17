/** Small runtime checks for what arrives on the socket: each is a function from unknown to a typed value. */

export type Check<T> = (value: unknown, path: string) => T

/** Says where a frame is not what it should be; never carries the value itself (it may be personal). */
export class ShapeError extends Error {}

function fail(path: string, wanted: string): never {
  throw new ShapeError(`${path}: ${wanted} expected`)
}

export const text: Check<string> = (v, p) => (typeof v === 'string' ? v : fail(p, 'text'))
export const number: Check<number> = (v, p) =>
  typeof v === 'number' && Number.isFinite(v) ? v : fail(p, 'number')
export const flag: Check<boolean> = (v, p) => (typeof v === 'boolean' ? v : fail(p, 'boolean'))

export function oneOf<const T extends string>(...values: T[]): Check<T> {
  return (v, p) => values.find((known) => known === v) ?? fail(p, values.join('|'))
}

export function list<T>(item: Check<T>): Check<T[]> {
  return (v, p) => (Array.isArray(v) ? v.map((x, i) => item(x, `${p}[${i}]`)) : fail(p, 'list'))
}

/** Absent and null are the same: the server leaves out what is empty. */
export function maybe<T>(item: Check<T>): Check<T | undefined> {
  return (v, p) => (v === undefined || v === null ? undefined : item(v, p))
}

export function isRecord(v: unknown): v is Record<string, unknown> {
  return typeof v === 'object' && v !== null && !Array.isArray(v)
}

export const record: Check<Record<string, unknown>> = (v, p) => (isRecord(v) ? v : fail(p, 'object'))

type Shape = Record<string, Check<unknown>>
type Of<S extends Shape> = { [K in keyof S]: ReturnType<S[K]> }

/** Checks the named fields and drops the others, so that a newer server may say more. */
export function object<S extends Shape>(shape: S): Check<Of<S>> {
  const fields = Object.entries(shape)
  return (v, p) => {
    const from = record(v, p)
    const out: Record<string, unknown> = {}
    for (const [name, check] of fields) {
      const value = check(from[name], `${p}.${name}`)
      if (value !== undefined) out[name] = value
    }
    return out as Of<S>
  }
}

type Variants = Record<string, Shape>
type OneVariant<V extends Variants> = { [T in keyof V & string]: { type: T } & Of<V[T]> }[keyof V & string]

/** An object whose `type` says which shape the rest has. */
export function tagged<V extends Variants>(variants: V): Check<OneVariant<V>> {
  const checks = new Map(
    Object.entries(variants).map(([type, shape]) => [type, object({ ...shape, type: oneOf(type) })] as const),
  )
  return (v, p) => {
    const type = text(record(v, p).type, `${p}.type`)
    const check = checks.get(type) ?? fail(`${p}.type`, 'a known kind')
    return check(v, p) as unknown as OneVariant<V>
  }
}
