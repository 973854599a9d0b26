import { useEffect, useRef } from 'react'

/** typing reports whether a key press is meant for a field. */
export function typing(e: KeyboardEvent): boolean {
  const t = e.target as HTMLElement | null
  if (!t) return false
  return t.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(t.tagName)
}

/** useKeys runs on[key] for keys that no field and no dialog takes. */
export function useKeys(on: Record<string, (e: KeyboardEvent) => void>) {
  const now = useRef(on)
  now.current = on
  useEffect(() => {
    const press = (e: KeyboardEvent) => {
      if (e.defaultPrevented || e.metaKey || e.ctrlKey || e.altKey || typing(e)) return
      if (document.querySelector('[role=dialog]')) return
      const act = now.current[e.key]
      if (act) {
        e.preventDefault()
        act(e)
      }
    }
    addEventListener('keydown', press)
    return () => removeEventListener('keydown', press)
  }, [])
}
