import { useSyncExternalStore } from 'react'

// The theme is an attribute of the document; the server writes it into the page
// from a cookie, so that the first paint has it.

export type Theme = 'light' | 'dark' | 'system'

const watchers = new Set<() => void>()

function current(): Theme {
  const t = document.documentElement.dataset.theme
  return t === 'light' || t === 'dark' ? t : 'system'
}

export function setTheme(t: Theme) {
  document.documentElement.dataset.theme = t
  const age = t === 'system' ? 0 : 31536000
  document.cookie = `sallyport_theme=${t}; path=/; max-age=${age}; samesite=strict${location.protocol === 'https:' ? '; secure' : ''}`
  for (const w of watchers) w()
}

export const useTheme = () =>
  useSyncExternalStore((w) => {
    watchers.add(w)
    return () => watchers.delete(w)
  }, current)

/** isDark is what the operator sees now. */
export function isDark(): boolean {
  const t = current()
  return t === 'dark' || (t === 'system' && matchMedia('(prefers-color-scheme: dark)').matches)
}
