import { useSyncExternalStore } from 'react'
import { problem } from '../lib/api'

// Short words about what was just done. They lie over the page and move nothing.

interface Toast {
  id: number
  text: string
  kind: 'done' | 'failed'
}

let toasts: Toast[] = []
let last = 0
const watchers = new Set<() => void>()

function set(list: Toast[]) {
  toasts = list
  for (const w of watchers) w()
}

export function say(text: string, kind: Toast['kind'] = 'done') {
  const t = { id: ++last, text, kind }
  set([...toasts.slice(-2), t])
  setTimeout(() => set(toasts.filter((x) => x !== t)), kind === 'done' ? 3500 : 9000)
}

/** attempt runs what a button does and tells how it ended; it reports success. */
export async function attempt(act: () => Promise<unknown>, done?: string): Promise<boolean> {
  try {
    await act()
    if (done) say(done)
    return true
  } catch (err) {
    const p = problem(err)
    say([p.detail, p.cure].filter(Boolean).join(' – '), 'failed')
    return false
  }
}

export function Toasts() {
  const list = useSyncExternalStore(
    (w) => {
      watchers.add(w)
      return () => watchers.delete(w)
    },
    () => toasts,
  )
  return (
    <div className="toasts" role="status" aria-live="polite">
      {list.map((t) => (
        <div key={t.id} className={`toast ${t.kind}`}>
          {t.text}
        </div>
      ))}
    </div>
  )
}
