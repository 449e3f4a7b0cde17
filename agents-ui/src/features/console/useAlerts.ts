/** How an offer makes itself known beyond its card: sound, the title of the page, the desktop. */
import { onScopeDispose, watch, type Ref } from 'vue'
import type { Offer } from '@/state/offers'
import { prefs } from '@/state/prefs'
import { announce } from '@/ui/announce'
import { playOffer } from '@/ui/sound'

/** The tone comes again this often while the offer stands, milliseconds. */
const AGAIN_MS = 4000
const FLASH_MS = 1000

export interface OfferWords {
  announce: (offer: Offer) => string
  title: (offer: Offer) => string
  body: (offer: Offer) => string
}

export function useAlerts(offers: Readonly<Ref<readonly Offer[]>>, words: OfferWords): void {
  const title = document.title
  let tone: ReturnType<typeof setInterval> | undefined
  let flash: ReturnType<typeof setInterval> | undefined
  let shown: Notification | undefined

  function hush(): void {
    clearInterval(tone)
    clearInterval(flash)
    tone = flash = undefined
    shown?.close()
    shown = undefined
    document.title = title
  }

  function ring(offer: Offer): void {
    hush()
    announce(words.announce(offer), true)
    if (prefs.sound) {
      playOffer(prefs.volume)
      tone = setInterval(() => playOffer(prefs.volume), AGAIN_MS)
    }
    flash = setInterval(() => {
      document.title = document.title === title ? words.title(offer) : title
    }, FLASH_MS)
    document.title = words.title(offer)
    if (prefs.desktop && document.visibilityState === 'hidden' && typeof Notification !== 'undefined') {
      if (Notification.permission !== 'granted') return
      shown = new Notification(words.title(offer), { body: words.body(offer), tag: offer.id })
      shown.onclick = () => window.focus()
    }
  }

  watch(
    () => offers.value[0]?.id,
    (id) => {
      const offer = offers.value[0]
      if (id && offer) ring(offer)
      else hush()
    },
    { immediate: true },
  )
  onScopeDispose(hush)
}
