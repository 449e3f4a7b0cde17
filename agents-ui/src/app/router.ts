import { createRouter, createWebHistory } from 'vue-router'
import type { Role } from '@/api'
import { useSession } from '@/state/session'
import { features, homeOf } from './features'
import NotFound from './NotFound.vue'

declare module 'vue-router' {
  interface RouteMeta {
    /** Who may open it; absent on pages outside the sign-in. */
    roles?: readonly Role[]
    /** The console fills the window; other pages scroll. */
    fills?: boolean
  }
}

const routes = features.flatMap((feature) =>
  feature.routes.map((route) => ({ ...route, meta: { ...route.meta, roles: feature.roles } })),
)

export const router = createRouter({
  history: createWebHistory('/desk/'),
  routes: [
    { path: '/signin', name: 'signin', component: () => import('@/features/signin/SignInPage.vue') },
    ...routes,
    { path: '/:rest(.*)*', name: 'not_found', component: NotFound },
  ],
})

router.beforeEach((to) => {
  const { stage, role } = useSession()
  if (to.name === 'signin') return stage.value === 'done' ? homeOf(role.value) : true
  if (stage.value !== 'done') return { name: 'signin', query: to.fullPath === '/' ? {} : { to: to.fullPath } }
  if (to.meta.roles && role.value && !to.meta.roles.includes(role.value)) return homeOf(role.value)
  return true
})
