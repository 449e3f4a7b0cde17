/** The one door to the interface's shapes: features import types from here, never from the files beside it. */
export type * from './types'
export type * from './admin'
export type * from './phone'
export { api, ApiError, problemOf } from './client'
