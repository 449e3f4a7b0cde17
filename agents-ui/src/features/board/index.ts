import type { Feature } from '@/app/features'

export const boardFeature: Feature = {
  path: 'board',
  label: 'nav.board',
  icon: 'board',
  roles: ['agent', 'supervisor', 'officer'],
  routes: [{ path: '/board', component: () => import('./BoardPage.vue') }],
}

export { default as SuperviseBar } from './SuperviseBar.vue'
