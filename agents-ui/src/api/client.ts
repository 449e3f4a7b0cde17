/** HTTP calls to `/api/v1`: session cookie, CSRF header, errors as `ApiError`, one retry rule. */
import type { ProblemBody } from './types'

const ROOT = '/api/v1'
/** How often a read is tried again when the network, not the server, failed. */
const RETRIES = 2
/** Pause before the first retry, milliseconds; doubled for the second. */
const RETRY_MS = 400
/** A call without an answer for this long is given up, milliseconds. */
const TIMEOUT_MS = 20_000
/** The same for a file: an hour of sound over a slow line, milliseconds. */
const FILE_TIMEOUT_MS = 300_000

/** What a call failed with. `code` is stable; `offline` and `timeout` are ours, the rest the server's. */
export class ApiError extends Error {
  readonly code: string
  readonly status: number
  readonly trace: string | undefined
  readonly params: Record<string, string>
  readonly fields: Record<string, string>
  /** The whole body, for answers that carry more than a sentence (409 `changed_elsewhere`). */
  readonly body: Record<string, unknown>

  constructor(status: number, problem: ProblemBody, body: Record<string, unknown> = {}) {
    super(problem.message)
    this.code = problem.code
    this.status = status
    this.trace = problem.trace
    this.params = problem.params ?? {}
    this.fields = problem.fields ?? {}
    this.body = body
  }
}

let csrf = ''
let onSignedOut: () => void = () => undefined

/** Remembers the token that every changing call must carry. */
export function setCsrf(token: string): void {
  csrf = token
}

/** Called when the server says that nobody is signed in any more. */
export function whenSignedOut(handler: () => void): void {
  onSignedOut = handler
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function textMap(value: unknown): Record<string, string> {
  if (!isRecord(value)) return {}
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, String(v)]))
}

/** Reads a problem out of an answer of unknown shape. */
export function problemOf(body: unknown, status: number): ProblemBody {
  const code = isRecord(body) && typeof body.code === 'string' ? body.code : `http_${status}`
  const message = isRecord(body) && typeof body.message === 'string' ? body.message : ''
  const problem: ProblemBody = { code, message }
  if (isRecord(body)) {
    if (typeof body.trace === 'string') problem.trace = body.trace
    problem.params = textMap(body.params)
    problem.fields = textMap(body.fields)
  }
  return problem
}

export type Query = Record<string, string | number | boolean | null | undefined>

export function withQuery(path: string, query: Query): string {
  const entries = Object.entries(query).filter(([, v]) => v !== undefined && v !== null && v !== '')
  if (entries.length === 0) return path
  return `${path}?${new URLSearchParams(entries.map(([k, v]) => [k, String(v)])).toString()}`
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

interface Extra {
  /** Lets the call outlive the page. */
  keepalive?: boolean
  signal?: AbortSignal | undefined
  /** How long to wait for the whole answer, milliseconds. */
  patience?: number
}

async function once(method: string, path: string, body: unknown, { keepalive = false, signal, patience = TIMEOUT_MS }: Extra): Promise<Response> {
  const headers: Record<string, string> = { accept: 'application/json' }
  if (method !== 'GET' && csrf) headers['x-csrf-token'] = csrf
  const init: RequestInit = { method, headers, credentials: 'same-origin', keepalive, cache: 'no-store' }
  if (body instanceof Blob) {
    headers['content-type'] = body.type
    init.body = body
  } else if (body !== undefined) {
    headers['content-type'] = 'application/json'
    init.body = JSON.stringify(body)
  }
  const late = AbortSignal.timeout(patience)
  init.signal = signal ? AbortSignal.any([late, signal]) : late
  try {
    return await fetch(ROOT + path, init)
  } catch (cause) {
    const code = cause instanceof DOMException && cause.name === 'TimeoutError' ? 'timeout' : 'offline'
    throw new ApiError(0, { code, message: '' })
  }
}

async function answer(method: string, path: string, body: unknown, extra: Extra): Promise<Response> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await once(method, path, body, extra)
    } catch (error) {
      // Only reads are repeated: a change may have arrived although its answer did not.
      if (method !== 'GET' || attempt >= RETRIES) throw error
      await pause(RETRY_MS * 2 ** attempt)
    }
  }
}

async function call<T>(method: string, path: string, body?: unknown, extra: Extra = {}): Promise<T> {
  const response = await answer(method, path, body, extra)
  const text = await response.text()
  let parsed: unknown = null
  try {
    parsed = text === '' ? null : JSON.parse(text)
  } catch {
    parsed = null
  }
  if (!response.ok) throw refusal(response.status, parsed)
  // The one trusted boundary: the document that these types come from is tested against the server.
  return parsed as T
}

function refusal(status: number, parsed: unknown): ApiError {
  const problem = problemOf(parsed, status)
  if (status === 401 && problem.code === 'sign_in_first') onSignedOut()
  return new ApiError(status, problem, isRecord(parsed) ? parsed : {})
}

/** Reads a file. It counts as a read of its own on the server: what broke off is not tried again by itself. */
async function file(path: string, signal?: AbortSignal): Promise<Blob> {
  const response = await once('GET', path, undefined, { signal, patience: FILE_TIMEOUT_MS })
  try {
    if (response.ok) return await response.blob()
  } catch {
    throw new ApiError(0, { code: 'offline', message: '' })
  }
  throw refusal(response.status, await response.json().catch(() => null))
}

export const api = {
  get: <T>(path: string, query: Query = {}) => call<T>('GET', withQuery(path, query)),
  post: <T>(path: string, body: unknown = {}, signal?: AbortSignal) => call<T>('POST', path, body, { signal }),
  put: <T>(path: string, body: unknown = {}) => call<T>('PUT', path, body),
  /** A file as the body, under its own type. */
  upload: <T>(path: string, file: Blob) => call<T>('PUT', path, file),
  /** `keepalive` lets the call outlive the page (the last save of a form). */
  patch: <T>(path: string, body: unknown, keepalive = false) => call<T>('PATCH', path, body, { keepalive }),
  delete: <T>(path: string, query: Query = {}, body?: unknown) => call<T>('DELETE', withQuery(path, query), body),
  file,
}
