/** The page's conversations and offers: opens what is mine, keeps drafts, sends, reads. One per page. */
import { computed, shallowReactive, shallowRef, watch } from 'vue'
import { Refused } from '@/api/socket'
import type { Explanation, ServerEvent } from '@/api'
import { serverNow } from './clock'
import {
  applyFrame,
  contactOf,
  failSending,
  lastSeq,
  newConversation,
  startSending,
  takeBack,
  type Conversation,
} from './contacts'
import { command, onFrame, useLive, whisper } from './live'
import { applyOffer, type Offer } from './offers'
import { useSession } from './session'

/** "Typing" is said at most this often, milliseconds. */
const TYPING_EVERY_MS = 2500

const conversations = shallowReactive(new Map<string, Conversation>())
const offers = shallowRef<readonly Offer[]>([])
const offersView = computed(() => offers.value)
/** Contacts whose content this page asked for. */
const wanted = new Set<string>()
const details = new Map<string, { why: Explanation; earlier: number }>()
const typedAt = new Map<string, number>()
const readUpTo = new Map<string, number>()

const { myId, myContacts, link, ready } = useLive()
const { me } = useSession()

function open(contact: string): void {
  command({ type: 'open', contact }).catch(() => undefined)
}

function take(frame: ServerEvent): void {
  if (frame.type === 'welcome') details.clear()
  if (frame.type === 'offer_detail') details.set(frame.offer, { why: frame.why, earlier: frame.history.earlier })
  const next = applyOffer(offers.value, frame, myId.value)
  if (next !== offers.value) {
    // The detail may come before or after the event that makes the offer.
    offers.value = next.map((offer) => ({ ...offer, ...details.get(offer.id) }))
  }
  const id = contactOf(frame)
  if (!id) return
  const known = conversations.get(id)
  if (known) conversations.set(id, applyFrame(known, frame, serverNow()))
}

onFrame(take)

// A new connection knows nothing of what the old one had opened.
watch([link, ready], ([state]) => {
  if (state === 'online') for (const id of wanted) open(id)
})

// My own contacts are open for as long as they are mine, so that no message waits for a click.
watch(
  () => (ready.value ? myContacts.value.map((c) => c.id).join(' ') : undefined),
  (now, before) => {
    const mine = new Set((now ?? '').split(' ').filter(Boolean))
    for (const id of mine) watchContact(id)
    for (const id of (before ?? '').split(' ').filter(Boolean)) {
      if (mine.has(id)) continue
      unwatchContact(id)
      keepDraft(id, '')
    }
  },
  { immediate: true },
)

watch(me, (person) => {
  if (person) return
  conversations.clear()
  wanted.clear()
  details.clear()
  offers.value = []
})

/** Asks for the content of a contact and keeps it current. */
export function watchContact(id: string): void {
  if (wanted.has(id)) return
  wanted.add(id)
  if (!conversations.has(id)) conversations.set(id, newConversation(id))
  if (link.value === 'online') open(id)
}

export function unwatchContact(id: string): void {
  if (!wanted.delete(id)) return
  conversations.delete(id)
  whisper({ type: 'close', contact: id })
}

function change(id: string, step: (c: Conversation) => Conversation): void {
  const known = conversations.get(id)
  if (known) conversations.set(id, step(known))
}

async function deliver(id: string, clientId: string, body: string): Promise<void> {
  try {
    await command({ type: 'send', contact: id, client_id: clientId, body })
  } catch (error) {
    const code = error instanceof Refused ? error.code : 'unexpected'
    change(id, (c) => failSending(c, clientId, code))
  }
}

/** Sends a message. It shows as on its way until the stored one arrives. */
export function sendMessage(id: string, body: string): void {
  const clientId = crypto.randomUUID()
  change(id, (c) => startSending(c, clientId, body))
  void deliver(id, clientId, body)
}

/** Sends a refused message again under its own id, so that it cannot arrive twice. */
export function sendAgain(id: string, clientId: string): void {
  const body = conversations.get(id)?.outgoing.find((o) => o.client_id === clientId)?.body
  if (body === undefined) return
  change(id, (c) => startSending(c, clientId, body))
  void deliver(id, clientId, body)
}

export function discardOutgoing(id: string, clientId: string): string {
  const body = conversations.get(id)?.outgoing.find((o) => o.client_id === clientId)?.body ?? ''
  change(id, (c) => takeBack(c, clientId))
  return body
}

export function sayTyping(id: string): void {
  const now = Date.now()
  if (now - (typedAt.get(id) ?? 0) < TYPING_EVERY_MS) return
  typedAt.set(id, now)
  whisper({ type: 'typing', contact: id })
}

/** Tells the other side that its messages were seen; says each number once. */
export function markRead(id: string): void {
  const known = conversations.get(id)
  if (!known?.loaded) return
  const upTo = lastSeq(known)
  if (upTo === 0 || upTo <= (readUpTo.get(id) ?? 0)) return
  readUpTo.set(id, upTo)
  command({ type: 'read', contact: id, up_to_seq: upTo }).catch(() => readUpTo.delete(id))
}

const draftKey = (id: string) => `mdg.draft.${me.value?.id ?? ''}.${id}`

/** What stands in the composer, kept over reloads until it is sent. */
export function loadDraft(id: string): string {
  return localStorage.getItem(draftKey(id)) ?? ''
}

export function keepDraft(id: string, body: string): void {
  if (body) localStorage.setItem(draftKey(id), body)
  else localStorage.removeItem(draftKey(id))
}

export function useConversations() {
  return { conversations, offers: offersView }
}
