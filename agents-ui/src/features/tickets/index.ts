import type { Feature } from '@/app/features'

export const ticketsFeature: Feature = {
  path: 'tickets',
  label: 'nav.tickets',
  icon: 'tickets',
  roles: ['agent', 'supervisor'],
  routes: [
    { path: '/tickets', component: () => import('./TicketsPage.vue') },
    { path: '/tickets/:id', component: () => import('./TicketPage.vue'), props: true, meta: { fills: true } },
  ],
}
