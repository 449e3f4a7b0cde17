/** Offers that are before this agent: made and ended by the log, explained by `offer_detail`. */
import type { BoardContact, Explanation, ServerEvent } from '@/api'

export interface Offer {
  id: string
  contact: string
  /** When it came to this page; with `expires_at` it gives the ring its length. */
  made_at: number
  expires_at: number
  why?: Explanation
  /** Earlier contacts of the same inquirer. */
  earlier?: number
}

/** The offers of `me` after one more frame; the same list when nothing changed. */
export function applyOffer(offers: readonly Offer[], frame: ServerEvent, me: string): readonly Offer[] {
  if (frame.type === 'welcome') {
    const kept = new Map(offers.map((o) => [o.id, o]))
    return frame.board.contacts
      .filter((c): c is BoardContact & { offer: NonNullable<BoardContact['offer']> } => c.offer?.agent === me)
      .map((c) => {
        const known = kept.get(c.offer.id)
        return known ?? { id: c.offer.id, contact: c.id, made_at: frame.server_time, expires_at: c.offer.expires_at }
      })
  }
  if (frame.type === 'offer_detail') {
    const known = offers.find((o) => o.id === frame.offer)
    if (!known) return offers
    return offers.map((o) => (o === known ? { ...o, why: frame.why, earlier: frame.history.earlier } : o))
  }
  if (frame.type !== 'event') return offers
  const { event, contact } = frame
  if (event.type === 'offer_made' && event.agent === me && contact) {
    if (offers.some((o) => o.id === event.offer)) return offers
    return [...offers, { id: event.offer, contact, made_at: frame.at, expires_at: event.expires_at }]
  }
  if (event.type === 'offer_ended') return without(offers, (o) => o.id === event.offer)
  if (event.type === 'contact_accepted' || event.type === 'contact_closed' || event.type === 'contact_requeued') {
    return without(offers, (o) => o.contact === contact)
  }
  return offers
}

function without(offers: readonly Offer[], gone: (offer: Offer) => boolean): readonly Offer[] {
  return offers.some(gone) ? offers.filter((o) => !gone(o)) : offers
}

/** How much of the offer's time is left, 1 to 0. */
export function shareLeft(offer: Offer, now: number): number {
  const whole = offer.expires_at - offer.made_at
  if (whole <= 0) return 0
  return Math.min(1, Math.max(0, (offer.expires_at - now) / whole))
}
