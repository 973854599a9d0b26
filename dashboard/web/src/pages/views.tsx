import { useEffect, useRef, useState } from 'react'
import { del, put } from '../lib/api'
import { changed, useResource } from '../lib/resource'
import { go } from '../lib/router'
import type { View } from '../lib/types'
import { Button, copy, cx, Fault, Foreign, Link, Skeleton } from '../ui/kit'
import { attempt } from '../ui/toast'
import './views.css'

/** stateOf gives what of the address makes a view: not what is selected in it. */
export function stateOf(query: URLSearchParams): string {
  const state = new URLSearchParams()
  for (const key of ['q', 'since', 'until']) if (query.get(key)) state.set(key, query.get(key)!)
  return state.toString()
}

const to = (state: string) => '/activity' + (state ? '?' + state : '')

/** ViewsMenu lists the views that somebody saved, and saves what is shown. */
export default function ViewsMenu({ query, onClose }: { query: URLSearchParams; onClose: () => void }) {
  const { data, error, reload } = useResource<View[]>('/views')
  const [name, setName] = useState('')
  const [busy, setBusy] = useState(false)
  const box = useRef<HTMLDivElement>(null)
  const now = stateOf(query)
  const taken = data?.some((v) => v.name === name.trim())

  useEffect(() => {
    box.current?.querySelector<HTMLElement>('a, input')?.focus()
    const away = (e: Event) => !box.current?.parentElement?.contains(e.target as Node) && onClose()
    const press = (e: KeyboardEvent) => e.key === 'Escape' && onClose()
    addEventListener('pointerdown', away)
    addEventListener('keydown', press)
    return () => {
      removeEventListener('pointerdown', away)
      removeEventListener('keydown', press)
    }
  }, [onClose])

  const save = async () => {
    setBusy(true)
    const ok = await attempt(() => put(`/views/${encodeURIComponent(name.trim())}`, { state: now }), `Saved as ${name.trim()}`)
    setBusy(false)
    if (!ok) return
    changed('/views')
    setName('')
  }
  const remove = (v: View) => attempt(() => del(`/views/${encodeURIComponent(v.name)}`), `${v.name} is removed`).then(() => changed('/views'))

  return (
    <div className="views" ref={box} role="group" aria-label="Saved views">
      {error ? (
        <Fault problem={error} retry={reload} />
      ) : !data ? (
        <Skeleton lines={3} />
      ) : data.length === 0 ? (
        <p className="quiet small">None is saved yet. A view is a query and a range under a name; only you see it in this list, and its address can be sent to anybody.</p>
      ) : (
        <ul>
          {data.map((v) => (
            <li key={v.name} className={cx('views-item', v.state === now && 'here')}>
              <Link
                to={to(v.state)}
                aria-current={v.state === now ? 'true' : undefined}
                onClick={(e) => {
                  if (e.metaKey || e.ctrlKey || e.shiftKey) return
                  e.preventDefault()
                  go(to(v.state))
                  onClose()
                }}
              >
                <Foreign text={v.name} />
                <span className="quiet mono clip">{new URLSearchParams(v.state).get('q') || 'everything'}</span>
              </Link>
              <Button look="bare" icon="copy" aria-label={`Copy the address of ${v.name}`} title="Copy the address" onClick={() => void copy(location.origin + to(v.state), 'Copied the address')} />
              <Button look="bare" icon="close" aria-label={`Remove ${v.name}`} title="Remove" onClick={() => void remove(v)} />
            </li>
          ))}
        </ul>
      )}
      <form
        onSubmit={(e) => {
          e.preventDefault()
          void save()
        }}
      >
        <input value={name} maxLength={60} onChange={(e) => setName(e.target.value)} placeholder="Name for what is shown" aria-label="Name for what is shown" autoComplete="off" />
        <Button look="main" type="submit" busy={busy} disabled={!name.trim()}>{taken ? 'Replace' : 'Save'}</Button>
      </form>
    </div>
  )
}
