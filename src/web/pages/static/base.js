// What the pages' scripts share: texts, storage, requests. Written for browsers of 2019.

const holder = document.getElementById('texts')
const { texts, names } = JSON.parse(holder.dataset.json)

/** The page's language (BCP 47). */
export const lang = document.documentElement.lang

/** A text by its key, with `{name}` filled in. */
export function t(key, values) {
  const text = texts[key] || key
  return values ? text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? values[name] : whole)) : text
}

/** A language's own name. */
export const nameOf = (tag) => names[tag] || names[tag.split('-')[0]] || tag

export const $ = (id) => document.getElementById(id)

/** An element with a class, a text and children. */
export function make(name, className, text, ...children) {
  const element = document.createElement(name)
  if (className) element.className = className
  if (text) element.textContent = text
  for (const child of children) element.appendChild(child)
  return element
}

export function show(element, visible) {
  element.hidden = !visible
}

/** Sets a text only when it differs, so that nothing is read out twice. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text
  show(element, text !== '')
}

/**
 * Storage that never throws: a browser may forbid it, above all inside another site's frame. Then the memory of
 * the page stands in.
 */
function storage(kind) {
  const memory = {}
  let real = null
  try {
    real = window[kind]
    real.setItem('mdg.try', '1')
    real.removeItem('mdg.try')
  } catch (_) {
    real = null
  }
  return {
    get(key) {
      const text = real ? real.getItem(`mdg.${key}`) : memory[key]
      try {
        return text === null || text === undefined ? undefined : JSON.parse(text)
      } catch (_) {
        return undefined
      }
    },
    set(key, value) {
      const text = JSON.stringify(value)
      try {
        if (real) real.setItem(`mdg.${key}`, text)
      } catch (_) {
        // Full: the page still holds it.
      }
      memory[key] = text
    },
    drop(key) {
      if (real) real.removeItem(`mdg.${key}`)
      delete memory[key]
    },
  }
}

/** Ends with the tab. */
export const session = storage('sessionStorage')
/** Stays on this device: only what tells nothing about a person. */
export const local = storage('localStorage')

/** 128 bits of chance as 32 letters and digits. */
export function freshId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => (byte + 256).toString(16).slice(1)).join('')
}

/** How long a request may take, in milliseconds. */
const REQUEST_MS = 20000

/**
 * A request to the chat's interface. Fails with `{code, params, message, trace, status}`; `code` is `offline` when
 * no answer came.
 */
export async function ask(method, path, { body, token } = {}) {
  const headers = { accept: 'application/json', 'accept-language': lang }
  if (body) headers['content-type'] = 'application/json'
  if (token) headers.authorization = `Bearer ${token}`
  const stop = 'AbortController' in window ? new AbortController() : null
  const late = stop && setTimeout(() => stop.abort(), REQUEST_MS)
  let response
  let answer
  try {
    response = await fetch(`/api/v1/chat${path}`, {
      method,
      headers,
      body: body && JSON.stringify(body),
      cache: 'no-store',
      credentials: 'omit',
      signal: stop ? stop.signal : undefined,
    })
    const text = await response.text()
    answer = text ? JSON.parse(text) : {}
  } catch (_) {
    answer = { code: response && response.ok === false ? 'internal' : 'offline', params: {} }
    throw answer
  } finally {
    clearTimeout(late)
  }
  if (response.ok) return answer
  throw { code: 'generic', params: {}, ...answer, status: response.status }
}

/** The sentence for a refusal. */
export function sentence(problem) {
  const values = { trace: problem.trace || '–', ...problem.params }
  const names = {
    offline: 'offline',
    message_too_long: 'limit_message_too_long',
    too_many_messages: 'limit_too_many_messages',
    open_chats: 'limit_open_chats',
  }
  const key = names[problem.code] || `error_${problem.code}`
  return key in texts ? t(key, values) : problem.message || t('error_generic', values)
}
