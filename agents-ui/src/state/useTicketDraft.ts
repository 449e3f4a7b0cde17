/** A `TicketDraft` for a component: calls, storage, other tabs and the live log are wired here. */
import { computed, onScopeDispose, shallowRef, triggerRef, watch, type Ref } from 'vue'
import { api, ApiError } from '@/api'
import type { Ticket, TicketFields } from '@/api'
import { onFrame, useLive } from './live'
import { useSession } from './session'
import { TicketDraft, type FieldName, type Patch, type SaveResult } from './ticketDraft'

const CHANNEL = 'mdg.ticket'

function isTicket(value: unknown): value is Ticket {
  return typeof value === 'object' && value !== null && 'id' in value && 'version' in value
}

async function save(id: string, patch: Patch, leaving: boolean): Promise<SaveResult> {
  try {
    return { kind: 'saved', ticket: await api.patch<Ticket>(`/tickets/${id}`, patch, leaving) }
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
    if (error.status === 409 && isTicket(error.body.current)) {
      return { kind: 'conflict', current: error.body.current, fields: Object.keys(error.fields) }
    }
    if (error.status === 400) return { kind: 'invalid', fields: error.fields }
    if (error.status === 404 || error.status === 403) return { kind: 'gone' }
    return { kind: 'later', error }
  }
}

export function useTicketDraft(id: Readonly<Ref<string | undefined>>) {
  const { me } = useSession()
  const { link } = useLive()
  const editor = crypto.randomUUID()
  const channel = new BroadcastChannel(CHANNEL)
  const draft = shallowRef<TicketDraft>()

  watch(
    id,
    (next) => {
      draft.value?.close()
      draft.value = undefined
      if (!next) return
      const made = new TicketDraft(next, `mdg.ticket.${me.value?.id ?? ''}.${next}`, editor, {
        load: (ticket) => api.get<Ticket>(`/tickets/${ticket}`),
        save,
        storage: localStorage,
        tell: (ticket) => channel.postMessage(JSON.parse(JSON.stringify(ticket))),
        later: (run, ms) => window.setTimeout(run, ms),
        cancel: (handle) => (typeof handle === 'number' ? window.clearTimeout(handle) : undefined),
        changed: () => triggerRef(draft),
      })
      draft.value = made
      void made.open()
    },
    { immediate: true },
  )

  channel.onmessage = ({ data }: MessageEvent<unknown>) => {
    if (isTicket(data) && data.id === draft.value?.id) draft.value.adopt(data)
  }
  const stop = onFrame((frame) => {
    if (frame.type !== 'event' || frame.event.type !== 'ticket_changed') return
    if (frame.event.ticket === draft.value?.id) draft.value.noticed(frame.event.version)
  })
  watch(link, (state) => state === 'online' && void draft.value?.flush())
  const leave = () => void draft.value?.flush(true)
  window.addEventListener('pagehide', leave)
  onScopeDispose(() => {
    draft.value?.close()
    stop()
    channel.close()
    window.removeEventListener('pagehide', leave)
  })

  const status = computed(() => draft.value?.status ?? 'loading')
  const ticket = computed(() => draft.value?.base)

  /** A writable value for `v-model`. */
  function field<K extends FieldName>(name: K, empty: TicketFields[K]) {
    return computed<TicketFields[K]>({
      get: () => draft.value?.value(name) ?? empty,
      set: (value) => draft.value?.set(name, value),
    })
  }

  return { draft, status, ticket, field }
}
