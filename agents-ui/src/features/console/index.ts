import type { Feature } from '@/app/features'

export const consoleFeature: Feature = {
  path: '',
  label: 'nav.console',
  icon: 'chat',
  roles: ['agent', 'supervisor'],
  routes: [
    { path: '/', component: () => import('./ConsolePage.vue'), meta: { fills: true } },
    { path: '/contacts/:id', component: () => import('./ContactPage.vue'), props: true, meta: { fills: true } },
  ],
}

export { default as OfferCard } from './OfferCard.vue'
export { default as QueueGlance } from './QueueGlance.vue'
export { default as StatePanel } from './StatePanel.vue'
export { default as PhoneRail } from './phone/PhoneRail.vue'
export { default as KeyHelp } from './KeyHelp.vue'
export { useKeys } from './useKeys'
export { cannedTexts } from './calls'
export { fillText, type Known } from './placeholders'
export { isWaiting, waitingFirst } from './waiting'
