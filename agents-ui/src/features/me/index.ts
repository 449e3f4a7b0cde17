import type { Feature } from '@/app/features'

export const meFeature: Feature = {
  path: 'me',
  label: 'nav.me',
  icon: 'me',
  roles: ['agent', 'supervisor', 'administrator', 'officer'],
  routes: [{ path: '/me', component: () => import('./MePage.vue') }],
  hidden: true,
}
