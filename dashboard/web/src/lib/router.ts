import { useSyncExternalStore } from 'react'

// The address bar holds all state that can be shared: the page, what it shows
// and what is selected in it.

export interface Place {
  path: string
  query: URLSearchParams
}

const watchers = new Set<() => void>()
let place: Place = read()

function read(): Place {
  return { path: location.pathname, query: new URLSearchParams(location.search) }
}

function moved() {
  place = read()
  for (const w of watchers) w()
}

addEventListener('popstate', moved)

export function go(to: string, how: 'push' | 'replace' = 'push') {
  if (to === location.pathname + location.search) return
  if (how === 'push') history.pushState(null, '', to)
  else history.replaceState(null, '', to)
  moved()
}

/** setQuery changes some of the query and keeps the rest; "" takes a key away. */
export function setQuery(patch: Record<string, string>, how: 'push' | 'replace' = 'replace') {
  const q = new URLSearchParams(location.search)
  for (const [key, value] of Object.entries(patch)) {
    if (value === '') q.delete(key)
    else q.set(key, value)
  }
  const text = q.toString()
  go(location.pathname + (text ? '?' + text : ''), how)
}

export function usePlace(): Place {
  return useSyncExternalStore(
    (w) => {
      watchers.add(w)
      return () => watchers.delete(w)
    },
    () => place,
  )
}

/** match gives what stands for the names of a pattern such as "/actions/:id". */
export function match(pattern: string, path: string): Record<string, string> | null {
  const want = pattern.split('/')
  const have = path.replace(/\/+$/, '').split('/')
  if (path === '/') have.splice(0, have.length, '', '')
  if (want.length !== have.length) return null
  const found: Record<string, string> = {}
  for (let i = 0; i < want.length; i++) {
    const w = want[i]!
    const h = have[i]!
    if (!w.startsWith(':')) {
      if (w !== h) return null
      continue
    }
    try {
      found[w.slice(1)] = decodeURIComponent(h)
    } catch {
      return null
    }
  }
  return found
}
