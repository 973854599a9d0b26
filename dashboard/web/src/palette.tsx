import { useState, type KeyboardEvent } from 'react'
import * as D from '@radix-ui/react-dialog'
import { post } from './lib/api'
import { changed, useResource } from './lib/resource'
import { go } from './lib/router'
import { setTheme } from './lib/theme'
import type { Agent, Answer, View } from './lib/types'
import { nav } from './nav'
import { Icon, type IconName } from './ui/icons'
import { Foreign, useReturn } from './ui/kit'
import { attempt } from './ui/toast'

interface Entry {
  name: string
  note: string
  icon: IconName
  act: () => void
}

/** Palette goes anywhere and does what needs no page. */
export function Palette({ open, first, onClose, onHelp }: { open: boolean; first: () => string; onClose: () => void; onHelp: () => void }) {
  const back = useReturn(open)
  return (
    <D.Root open={open} onOpenChange={(o) => !o && onClose()}>
      <D.Portal>
        <D.Overlay className="veil" />
        <D.Content className="palette" aria-describedby={undefined} onCloseAutoFocus={back}>
          <D.Title className="sr">Go to or do</D.Title>
          <Finder first={first} onClose={onClose} onHelp={onHelp} />
        </D.Content>
      </D.Portal>
    </D.Root>
  )
}

function Finder({ first, onClose, onHelp }: { first: () => string; onClose: () => void; onHelp: () => void }) {
  const [text, setText] = useState(first)
  const [at, setAt] = useState(0)
  const { data: agents } = useResource<Agent[]>('/agents')
  const { data: views } = useResource<View[]>('/views')
  const { data: docs } = useResource<Answer<'GET /docs'>>('/docs')
  const list = [...find(text, agents ?? [], views ?? [], onHelp), ...inDocs(text, docs ?? [])]
  const run = (e: Entry | undefined) => {
    if (!e) return
    onClose()
    e.act()
  }
  const onKeyDown = (e: KeyboardEvent) => {
    if (e.key === 'ArrowDown') setAt(Math.min(at + 1, list.length - 1))
    else if (e.key === 'ArrowUp') setAt(Math.max(at - 1, 0))
    else if (e.key === 'Enter') run(list[at])
    else return
    e.preventDefault()
  }
  return (
    <>
      <div className="palette-head">
        <Icon name="search" />
        <input
          autoFocus
          value={text}
          placeholder="A page, an agent, the id of an action, or a query"
          aria-label="Go to or do"
          role="combobox"
          aria-expanded="true"
          aria-controls="palette-list"
          aria-activedescendant={list[at] ? `palette-${at}` : undefined}
          autoComplete="off"
          spellCheck={false}
          onChange={(e) => {
            setText(e.target.value)
            setAt(0)
          }}
          onKeyDown={onKeyDown}
        />
        <kbd>Esc</kbd>
      </div>
      <div className="palette-list" role="listbox" id="palette-list" aria-label="Found">
        {list.map((e, i) => (
          <div key={`${e.note}${e.name}`} id={`palette-${i}`} role="option" aria-selected={i === at} className="palette-item" onClick={() => run(e)} onMouseMove={() => i !== at && setAt(i)}>
            <Icon name={e.icon} />
            <Foreign text={e.name} className="clip" />
            <span className="quiet">{e.note}</span>
          </div>
        ))}
      </div>
    </>
  )
}

/** inDocs finds headings of the documentation, and searches the rest of it. */
function inDocs(text: string, docs: Answer<'GET /docs'>): Entry[] {
  const want = text.trim().toLowerCase().split(/\s+/).filter(Boolean)
  if (want.length === 0 || docs.length === 0) return []
  const found = docs.flatMap((p) =>
    p.sections
      .filter((s) => want.every((w) => `${p.title} ${s.title}`.toLowerCase().includes(w)))
      .map((s): Entry => ({ name: s.title, note: s.anchor ? `docs: ${p.title}` : 'docs', icon: 'book', act: () => go(`/docs/${p.name}${s.anchor ? '#' + s.anchor : ''}`) })),
  )
  return [...found.slice(0, 6), { name: text.trim(), note: 'search the docs', icon: 'book', act: () => go(`/docs?q=${encodeURIComponent(text.trim())}`) }]
}

function find(text: string, agents: Agent[], views: View[], onHelp: () => void): Entry[] {
  const want = text.trim().toLowerCase()
  const all: Entry[] = [
    ...nav.map((n): Entry => ({ name: n.name, note: 'page', icon: n.icon, act: () => go(n.to) })),
    ...agents.map((a): Entry => ({ name: a.name, note: 'agent', icon: 'agents', act: () => go(`/agents/${encodeURIComponent(a.name)}`) })),
    ...views.map((v): Entry => ({ name: v.name, note: 'saved view', icon: 'star', act: () => go('/activity' + (v.state ? '?' + v.state : '')) })),
    { name: 'Add a service', note: 'do', icon: 'plus', act: () => go('/services/new') },
    { name: 'New rule', note: 'do', icon: 'plus', act: () => go('/policy/new') },
    { name: 'New role', note: 'do', icon: 'plus', act: () => go('/roles/edit') },
    { name: 'What was denied in the last hour', note: 'query', icon: 'activity', act: () => go('/activity?q=verdict:deny&since=1h') },
    { name: 'Freeze every agent', note: 'do', icon: 'freeze', act: () => void attempt(() => post('/agents/freeze'), 'Every agent is frozen').then(() => changed('/agents')) },
    { name: 'Unfreeze every agent', note: 'do', icon: 'play', act: () => void attempt(() => post('/agents/unfreeze'), 'All agents may act again').then(() => changed('/agents')) },
    { name: 'Light theme', note: 'do', icon: 'sun', act: () => setTheme('light') },
    { name: 'Dark theme', note: 'do', icon: 'moon', act: () => setTheme('dark') },
    { name: 'Theme of the system', note: 'do', icon: 'auto', act: () => setTheme('system') },
    { name: 'Keys and help', note: 'do', icon: 'menu', act: onHelp },
  ]
  const found = all.filter((e) => want.split(/\s+/).every((w) => e.name.toLowerCase().includes(w)))
  if (/^[0-9a-v]{24}$/i.test(text.trim())) {
    const id = text.trim().toUpperCase()
    found.unshift({ name: id, note: 'action', icon: 'activity', act: () => go(`/actions/${id}`) })
  } else if (want !== '') {
    found.push({ name: text.trim(), note: 'search the activity', icon: 'search', act: () => go(`/activity?q=${encodeURIComponent(text.trim())}`) })
  }
  return found.slice(0, 40)
}
