/** Who is signed in, and how far the sign-in has come. One per page. */
import { computed, readonly, ref } from 'vue'
import { api, ApiError } from '@/api'
import { setCsrf } from '@/api/client'
import type { Me, SessionView, SignInStep, UiLanguage } from '@/api'
import { setLocale } from '@/i18n'

const me = ref<Me>()
const stage = ref<SignInStep | 'signed_out' | 'unknown'>('unknown')

function adopt(view: SessionView): void {
  setCsrf(view.csrf)
  me.value = view.me
  stage.value = view.stage
  setLocale(view.me.ui_language)
}

/** Asks the server who we are. Returns false when nobody is signed in; throws when it cannot be asked. */
export async function loadSession(): Promise<boolean> {
  try {
    adopt(await api.get<SessionView>('/session'))
    return stage.value === 'done'
  } catch (error) {
    if (error instanceof ApiError && (error.status === 401 || error.status === 403)) {
      forgetSession()
      return false
    }
    throw error
  }
}

/** An answer of a sign-in step: the next step, and a new token where the session changed. */
export interface StepAnswer {
  next: SignInStep
  csrf?: string
}

export async function takeStep(answer: StepAnswer): Promise<SignInStep> {
  if (answer.csrf) setCsrf(answer.csrf)
  // Done is done once it is known who: loading the session says so.
  if (answer.next === 'done') await loadSession()
  else stage.value = answer.next
  return answer.next
}

export function forgetSession(): void {
  me.value = undefined
  stage.value = 'signed_out'
  setCsrf('')
}

export async function signOut(): Promise<void> {
  try {
    await api.delete('/session')
  } finally {
    forgetSession()
  }
}

export async function chooseLanguage(language: UiLanguage): Promise<void> {
  setLocale(language)
  if (!me.value) return
  me.value = { ...me.value, ui_language: language }
  await api.patch('/session', { ui_language: language })
}

const role = computed(() => me.value?.role)

export function useSession() {
  return { me: readonly(me), stage: readonly(stage), role }
}
