import { api } from '@/api'
import type { SignInStep } from '@/api'
import { takeStep, type StepAnswer } from '@/state/session'

async function step(path: string, body: unknown): Promise<SignInStep> {
  return takeStep(await api.post<StepAnswer>(path, body))
}

export const signIn = (login: string, password: string) => step('/session', { login, password })
export const sendCode = (code: string) => step('/session/totp', { code })
export const confirmEnrolment = (code: string) => step('/session/enrol/confirm', { code })
export const changePassword = (current: string, fresh: string) => step('/session/password', { current, new: fresh })

export interface Enrolment {
  otpauth_url: string
  qr_svg: string
  secret: string
}

export const beginEnrolment = () => api.post<Enrolment>('/session/enrol')
