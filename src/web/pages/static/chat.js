// The form before the conversation: start a chat, or leave a message. What was typed survives a reload.

import { $, ask, freshId, lang, sentence, session, show, t } from './base.js'
import { Room } from './room.js'

/** How often the doors are looked at while the form is open, in milliseconds. */
const DOORS_MS = 60000

const form = $('form')
const field = (name) => form.elements[name]

function enter(mine, key) {
  clearInterval(doors)
  new Room(mine, key, () => {
    session.drop('chat')
    location.reload()
  })
}

// ── two ways: a chat, or a message for later ────────────────────────────────────────────────────────────

let leaving = false

/** The door of the chosen desk is open; of any, while none is chosen. */
function open() {
  const desk = field('desk').value
  const spans = Array.from(form.querySelectorAll('[data-door]')).filter((one) => !desk || one.dataset.door === desk)
  return spans.some((one) => one.querySelector('.hours.open'))
}

function way(leave) {
  leaving = leave
  const chat = open()
  show($('leave'), leaving || !chat)
  field('message').required = leaving || !chat
  show($('start'), !leaving && chat)
  show($('leave-send'), leaving || !chat)
  show($('leave-instead'), !leaving && chat)
  show($('chat-instead'), leaving && chat)
}

$('leave-instead').onclick = () => {
  way(true)
  field('message').focus()
}
$('chat-instead').onclick = () => way(false)
form.addEventListener('change', () => way(leaving))

// ── what is typed is kept ───────────────────────────────────────────────────────────────────────────────

const KEPT = ['desk', 'inquirer', 'topic', 'display_name', 'message', 'reply_to']

function keep() {
  const kept = {}
  for (const name of KEPT) if (field(name)) kept[name] = field(name).value
  session.set('form', kept)
}

function restore() {
  const kept = session.get('form') || {}
  for (const name of KEPT) {
    if (!field(name) || !kept[name] || field(name).type === 'hidden') continue
    field(name).value = kept[name]
  }
}

form.addEventListener('input', keep)

// ── sending ─────────────────────────────────────────────────────────────────────────────────────────────

function refuse(problem) {
  const box = $('refused')
  box.textContent = sentence(problem)
  show(box, true)
  box.focus()
}

/** The ids stay until the request was answered: sent again, it is the same conversation. */
function ids() {
  const kept = session.get('ids') || { chat: freshId(), leave: freshId() }
  session.set('ids', kept)
  return kept
}

function given() {
  const words = { desk: field('desk').value, language: lang, inquirer: field('inquirer').value, consent: field('consent').checked }
  const name = field('display_name').value.trim()
  if (name) words.display_name = name
  if (field('topic') && field('topic').value) words.topic = field('topic').value
  return words
}

let busy = false

async function begin(path, body) {
  if (busy || !form.reportValidity()) return
  busy = true
  const buttons = form.querySelectorAll('button')
  buttons.forEach((button) => {
    button.disabled = true
  })
  show($('refused'), false)
  try {
    const begun = await ask('POST', path, { body: body() })
    const mine = { token: begun.token, contact: begun.contact }
    session.set('chat', mine)
    session.drop('ids')
    session.drop('form')
    enter(mine, mine.contact)
  } catch (problem) {
    // Another try with a different body must not be taken for the same.
    if (problem.code !== 'offline') session.drop('ids')
    refuse(problem)
    if (problem.code === 'desk_closed') way(true)
  } finally {
    busy = false
    buttons.forEach((button) => {
      button.disabled = false
    })
  }
}

$('start').onclick = () => begin('', () => ({ ...given(), client_id: ids().chat }))
form.onsubmit = (event) => {
  event.preventDefault()
  if (!leaving && open()) {
    $('start').click()
    return
  }
  const body = () => {
    const reply = field('reply_to').value.trim()
    const words = { ...given(), client_id: ids().leave, message: field('message').value.trim() }
    return reply ? { ...words, reply_to: reply } : words
  }
  begin('/leave', body)
}

// ── the doors stay current ──────────────────────────────────────────────────────────────────────────────

async function look() {
  if (document.hidden) return
  try {
    const page = await (await fetch(location.href.split('#')[0], { cache: 'no-store' })).text()
    const fresh = new DOMParser().parseFromString(page, 'text/html')
    for (const old of form.querySelectorAll('[data-door]')) {
      const now = fresh.querySelector(`[data-door="${old.dataset.door}"]`)
      if (now && now.textContent !== old.textContent) old.replaceWith(document.importNode(now, true))
    }
    way(leaving)
  } catch (_) {
    // The next look may succeed.
  }
}

const doors = setInterval(look, DOORS_MS)
document.addEventListener('visibilitychange', () => $('ask').hidden || look())

const mine = session.get('chat')
if (mine) enter(mine, mine.contact)
else {
  restore()
  way(new URLSearchParams(location.search).has('leave'))
}
