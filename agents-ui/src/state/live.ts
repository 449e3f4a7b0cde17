/**
 * The live state of this page: one socket, the board it keeps, and who wants to hear what else comes.
 * Features read `board`, send `command`s and listen to frames; nobody else holds a socket.
 */
import { computed, ref, shallowRef } from 'vue'
import { api } from '@/api'
import type { Board, BoardAgent, BoardContact, ClientCommand, Directory, ServerEvent } from '@/api'
import { AgentSocket, browserParts, type Link } from '@/api/socket'
import { applyEvent, emptyBoard } from './board'
import { syncClock } from './clock'
import { forgetSession } from './session'

const board = shallowRef<Board>(emptyBoard())
const directory = shallowRef<Directory>()
const link = ref<Link>('offline')
const notice = ref<'replaced' | 'stopping' | 'outdated'>()
const myId = ref('')
/** True once the first picture of the board is here. */
const ready = ref(false)

type Listener = (frame: ServerEvent) => void
const listeners = new Set<Listener>()
let socket: AgentSocket | undefined

/** Frames in order, after the board has taken them. Returns the way to stop listening. */
export function onFrame(listener: Listener): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

function take(frame: ServerEvent): void {
  if (frame.type === 'welcome') {
    board.value = frame.board
    myId.value = frame.me.agent
    notice.value = undefined
    ready.value = true
    syncClock(frame.server_time)
  } else if (frame.type === 'event') {
    board.value = applyEvent(board.value, frame)
  } else if (frame.type === 'settings_changed') {
    void loadDirectory()
  }
  for (const listener of listeners) listener(frame)
}

export async function loadDirectory(): Promise<void> {
  directory.value = await api.get<Directory>('/directory')
}

function nudge(): void {
  if (document.visibilityState === 'visible') socket?.nudge()
}

/** Opens the connection; does nothing when it is open. */
export function startLive(): void {
  if (socket) return
  socket = new AgentSocket(browserParts(), {
    link: (state) => {
      link.value = state
      if (state === 'online' && notice.value === 'stopping') notice.value = undefined
    },
    frame: take,
    bye: (reason) => {
      if (reason === 'signed_out') forgetSession()
      else if (reason !== 'too_slow') notice.value = reason
    },
    unreadable: () => {
      notice.value = 'outdated'
    },
  })
  socket.start()
  window.addEventListener('online', nudge)
  document.addEventListener('visibilitychange', nudge)
  // The names are asked again by whoever shows an error; the board itself needs none.
  void loadDirectory().catch(() => undefined)
}

export function stopLive(): void {
  window.removeEventListener('online', nudge)
  document.removeEventListener('visibilitychange', nudge)
  socket?.stop()
  socket = undefined
  board.value = emptyBoard()
  directory.value = undefined
  ready.value = false
  notice.value = undefined
  myId.value = ''
}

/** Carries out a command; rejects with `Refused`. */
export function command(cmd: ClientCommand): Promise<void> {
  if (!socket) return Promise.reject(new Error('not connected'))
  return socket.command(cmd)
}

export function whisper(cmd: ClientCommand): void {
  socket?.whisper(cmd)
}

const meOnBoard = computed<BoardAgent | undefined>(() => board.value.agents.find((a) => a.id === myId.value))
const myContacts = computed<BoardContact[]>(() =>
  board.value.contacts.filter((c) => c.agent === myId.value && myId.value !== ''),
)

/** Read-only from outside; the rows themselves are never changed in place. */
const view = {
  board: computed(() => board.value),
  directory: computed(() => directory.value),
  link: computed(() => link.value),
  notice: computed(() => notice.value),
  ready: computed(() => ready.value),
  myId: computed(() => myId.value),
}

export function useLive() {
  return {
    board: view.board,
    directory: view.directory,
    link: view.link,
    notice: view.notice,
    ready: view.ready,
    myId: view.myId,
    meOnBoard,
    myContacts,
  }
}

/** Names by id, in the reader's language; the id's own end when a name is not known. */
export function agentName(id: string | null | undefined): string {
  if (!id) return ''
  return directory.value?.agents.find((a) => a.id === id)?.name ?? `…${id.slice(-4)}`
}

export function deskName(id: string | null | undefined, japanese: boolean): string {
  if (!id) return ''
  const desk = directory.value?.desks.find((d) => d.id === id)
  return desk ? (japanese ? desk.name_ja : desk.name_en) : `…${id.slice(-4)}`
}

export function topicName(id: string | null | undefined, japanese: boolean): string {
  if (!id) return ''
  const topic = directory.value?.topics.find((x) => x.id === id)
  return topic ? (japanese ? topic.name_ja : topic.name_en) : `…${id.slice(-4)}`
}
