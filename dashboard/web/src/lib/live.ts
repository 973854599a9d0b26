import { useEffect, useRef, useSyncExternalStore } from 'react'
import type { Problem } from './api'
import { changed } from './resource'
import { follow, type Message, type StreamState } from './sse'
import type { Row } from './types'

// One stream for the whole page: a browser opens few connections to one server,
// and tabs share them. It carries the records that the page in sight wants and,
// always, that something changed on the approvals desk.

interface Wish {
  query: string
  from: number // the newest record that was read already; what came since then comes first
  onRows: (rows: Row[]) => void
  onLost: (n: number) => void
  onBack: () => void // the stream is there again after a break
}

export interface Live {
  state: StreamState
  problem?: Problem
  pending: number // asks that wait; -1: not known yet
}

let live: Live = { state: 'connecting', pending: -1 }
let wish: Wish | null = null
let stop: (() => void) | null = null
const watchers = new Set<() => void>()

function set(patch: Partial<Live>) {
  live = { ...live, ...patch }
  for (const w of watchers) w()
}

const nothing = 'id:none'

function connect() {
  stop?.()
  const mine = wish // what its stream still holds when it is stopped is for nobody else
  let broken = false
  const handlers = {
    onMessages: (batch: Message[]) => take(batch, mine),
    onState: (state: StreamState, why?: Problem) => {
      set(why ? { state, problem: why } : { state })
      if (state === 'lost') broken = true
      if (state === 'live' && broken) {
        broken = false
        changed('/approvals', '/status', '/agents')
        wish?.onBack()
      }
    },
  }
  stop = follow(`/events?view=row&with=approvals&q=${encodeURIComponent(mine?.query ?? nothing)}`, handlers, mine ? String(mine.from) : '')
}

function take(batch: Message[], of: Wish | null) {
  const rows: Row[] = []
  for (const m of batch) {
    if (m.event === 'message') rows.push(JSON.parse(m.data) as Row)
    else if (m.event === 'lost' && of === wish) wish?.onLost((JSON.parse(m.data) as { lost?: number }).lost ?? 0)
    else if (m.event === 'approvals') {
      set({ pending: (JSON.parse(m.data) as { pending: number }).pending })
      changed('/approvals')
    }
  }
  if (rows.length > 0 && of === wish) wish?.onRows(rows)
}

export function startLive() {
  connect()
}

export function stopLive() {
  stop?.()
  stop = null
}

export function useLiveState(): Live {
  return useSyncExternalStore(
    (w) => {
      watchers.add(w)
      return () => watchers.delete(w)
    },
    () => live,
  )
}

/** useLive streams the records of a query while the page is in sight; null: none. It
 * begins behind from, the newest of what the page has read, so that nothing falls
 * between: a page asks for it once it has read something. */
export function useLive(query: string | null, from: number, on: Omit<Wish, 'query' | 'from'>) {
  const now = useRef(on)
  now.current = on
  const begin = useRef(from)
  begin.current = from
  useEffect(() => {
    if (query === null) return
    const mine: Wish = {
      query,
      from: begin.current,
      onRows: (r) => now.current.onRows(r),
      onLost: (n) => now.current.onLost(n),
      onBack: () => now.current.onBack(),
    }
    wish = mine
    connect()
    return () => {
      if (wish !== mine) return
      wish = null
      connect()
    }
  }, [query])
}
