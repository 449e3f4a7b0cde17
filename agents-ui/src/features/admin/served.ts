import type { Channel } from '@/api/types'

/** The channels that this program answers: forms offer no other. A channel joins with the feature that answers it. */
export const SERVED: readonly Channel[] = ['phone', 'chat']

export const serves = (channel: Channel): boolean => SERVED.includes(channel)
