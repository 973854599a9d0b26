import { useCallback, useEffect, useSyncExternalStore } from 'react'
import { get, problem, type Problem } from './api'

// What was read from the API stays until it is known to have changed, so that a
// page that is opened again shows at once what it showed before.

export interface Resource<T> {
  data?: T
  error?: Problem
  loading: boolean
  at: number // when data was read
}

interface Entry {
  now: Resource<unknown>
  watchers: Set<() => void>
  running: AbortController | null
}

const entries = new Map<string, Entry>()
const nothing: Resource<unknown> = { loading: false, at: 0 }

function entry(path: string): Entry {
  let e = entries.get(path)
  if (!e) {
    e = { now: { loading: true, at: 0 }, watchers: new Set(), running: null }
    entries.set(path, e)
  }
  return e
}

function set(e: Entry, now: Resource<unknown>) {
  e.now = now
  for (const w of e.watchers) w()
}

export async function refresh(path: string): Promise<void> {
  const e = entry(path)
  e.running?.abort()
  const running = new AbortController()
  e.running = running
  set(e, { ...e.now, loading: true })
  try {
    const data = await get<unknown>(path, { signal: running.signal })
    if (e.running === running) set(e, { data, loading: false, at: Date.now() })
  } catch (err) {
    if (e.running === running) set(e, { ...e.now, error: problem(err), loading: false })
  } finally {
    if (e.running === running) e.running = null
  }
}

/** changed reads again what begins with prefix: at once where it is shown. */
export function changed(...prefixes: string[]) {
  for (const [path, e] of entries) {
    if (!prefixes.some((p) => path.startsWith(p))) continue
    if (e.watchers.size > 0) void refresh(path)
    else entries.delete(path)
  }
}

/** forget drops everything, for another operator. */
export function forget() {
  for (const [path, e] of entries) {
    if (e.watchers.size > 0) void refresh(path)
    else entries.delete(path)
  }
}

export function useResource<T>(path: string | null): Resource<T> & { reload: () => void } {
  const subscribe = useCallback(
    (w: () => void) => {
      if (path === null) return () => {}
      const e = entry(path)
      e.watchers.add(w)
      return () => e.watchers.delete(w)
    },
    [path],
  )
  const now = useSyncExternalStore(subscribe, () => (path === null ? nothing : entry(path).now)) as Resource<T>
  useEffect(() => {
    if (path !== null && !entry(path).running && entry(path).now.at < Date.now() - 1000) void refresh(path)
  }, [path])
  return { ...now, reload: () => path !== null && void refresh(path) }
}
