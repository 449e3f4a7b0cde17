import type { Feature } from '@/app/features'

export const adminFeature: Feature = {
  path: 'admin',
  label: 'nav.admin',
  icon: 'admin',
  roles: ['administrator'],
  routes: [
    {
      path: '/admin',
      component: () => import('./AdminFrame.vue'),
      children: [
        { path: '', redirect: '/admin/desks' },
        { path: 'desks', component: () => import('./DesksPage.vue') },
        { path: 'desks/:id', component: () => import('./DeskPage.vue'), props: true },
        { path: 'days', component: () => import('./DaysPage.vue') },
        { path: 'topics', component: () => import('./TopicsPage.vue') },
        { path: 'accounts', component: () => import('./AccountsPage.vue') },
        { path: 'phone', component: () => import('./PhonePage.vue') },
        { path: 'phone/:id', component: () => import('./PhoneDeskPage.vue'), props: true },
        { path: 'texts', component: () => import('./TextsPage.vue') },
        { path: 'settings', component: () => import('./SettingsPage.vue') },
        { path: 'trail', component: () => import('./TrailPage.vue') },
      ],
    },
  ],
}
