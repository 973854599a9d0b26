import { useEffect, useId, useRef, useState, type KeyboardEvent } from 'react'
import { useKeys } from '../lib/keys'
import { complete, type Completion } from '../lib/query'
import { useResource } from '../lib/resource'
import { setQuery } from '../lib/router'
import type { Agent } from '../lib/types'
import { Icon } from '../ui/icons'
import { Button } from '../ui/kit'

/** QueryBar is where a query is written; it completes fields and what they take. */
export function QueryBar({ q }: { q: string }) {
  const [text, setText] = useState(q)
  const [open, setOpen] = useState(false)
  const [at, setAt] = useState(-1)
  const input = useRef<HTMLInputElement>(null)
  const list = useId()
  const agents = useResource<Agent[]>('/agents')
  const services = useResource<{ name: string }[]>('/services')
  const known = {
    agent: agents.data?.map((a) => a.name) ?? [],
    service: services.data?.map((s) => s.name) ?? [],
  }
  useEffect(() => setText(q), [q])
  useKeys({ '/': () => input.current?.focus() })

  const options = open ? complete(text, known) : []
  const apply = (value: string) => {
    setOpen(false)
    setAt(-1)
    setQuery({ q: value.trim(), sel: '' }, 'push')
  }
  const take = (c: Completion) => {
    setText(c.text)
    setAt(-1)
    input.current?.focus()
  }
  const onKeyDown = (e: KeyboardEvent) => {
    if (e.key === 'ArrowDown' && options.length > 0) {
      e.preventDefault()
      setAt((at + 1) % options.length)
    } else if (e.key === 'ArrowUp' && options.length > 0) {
      e.preventDefault()
      setAt(at <= 0 ? options.length - 1 : at - 1)
    } else if ((e.key === 'Enter' || e.key === 'Tab') && at >= 0 && options[at]) {
      e.preventDefault()
      take(options[at])
    } else if (e.key === 'Enter') {
      e.preventDefault()
      apply(text)
    } else if (e.key === 'Escape') {
      if (options.length > 0) setOpen(false)
      else input.current?.blur()
    }
  }
  return (
    <div className="querybar" role="search">
      <Icon name="search" />
      <input
        ref={input}
        className="mono"
        value={text}
        placeholder="agent:ci verdict:deny service:github method:DELETE text"
        aria-label="Query"
        role="combobox"
        aria-expanded={options.length > 0}
        aria-controls={list}
        aria-autocomplete="list"
        aria-activedescendant={at >= 0 ? `${list}-${at}` : undefined}
        autoComplete="off"
        autoCapitalize="off"
        spellCheck={false}
        onChange={(e) => {
          setText(e.target.value)
          setOpen(true)
          setAt(-1)
        }}
        onFocus={() => setOpen(true)}
        onBlur={() => setOpen(false)}
        onKeyDown={onKeyDown}
      />
      {text !== '' && (
        <Button
          look="bare"
          icon="close"
          aria-label="Clear the query"
          onClick={() => {
            setText('')
            apply('')
          }}
        />
      )}
      <div className="options" role="listbox" id={list} aria-label="Completions" hidden={options.length === 0}>
        {options.map((o, i) => (
          <div
            key={o.label}
            id={`${list}-${i}`}
            role="option"
            aria-selected={i === at}
            className="option mono"
            onMouseDown={(e) => {
              e.preventDefault()
              take(o)
            }}
          >
            {o.label}
          </div>
        ))}
      </div>
    </div>
  )
}
