import { lazy, Suspense, useId, useRef } from 'react'
import { post } from '../lib/api'
import type { Remark } from '../lib/rule'
import type { Agent, Finding, Proposals } from '../lib/types'
import { Foreign, Skeleton } from './kit'

const Editor = lazy(() => import('./editor'))

interface Props {
  label: string
  note: string
  text: string
  set: (text: string) => void
  remarks: Remark[]
  /** what stands around it, so that only what fits is proposed */
  on: string
}

/** Condition is a field for a condition: what may stand there is proposed, and what
 * does not fit is marked where it stands. */
export function Condition({ label, note, text, set, remarks, on }: Props) {
  const id = useId()
  const begin = useRef(text)
  const last = useRef(text)
  const put = useRef<((text: string) => void) | null>(null)
  if (text !== last.current) {
    // Somebody else changed it: a button beside the field.
    last.current = text
    queueMicrotask(() => put.current?.(text))
  }
  const propose = (now: string, line: number, column: number, signal: AbortSignal) => {
    const head = `rule "x" {\n  on = ${on}\n  ${label.toLowerCase()} = (\n`
    return post<Proposals>('/policy/complete', { files: { 'form.hcl': `${head}${now}\n  )\n}\n` }, file: 'form.hcl', line: line + 3, column }, { signal })
  }
  return (
    <div className="field" role="group" aria-labelledby={id}>
      <span className="field-label" id={id}>{label}</span>
      <div className="condition">
        <Suspense fallback={<Skeleton lines={1} />}>
          <Editor
            name={label}
            label={label}
            slim
            text={begin.current}
            readOnly={false}
            findings={remarks.map(finding)}
            propose={propose}
            onChange={(now) => {
              last.current = now
              set(now)
            }}
            onReady={(f) => {
              put.current = f
            }}
          />
        </Suspense>
      </div>
      {remarks.length > 0 ? (
        <ul className="field-remarks" aria-live="polite">
          {remarks.map((r, i) => (
            <li key={i} className={r.severity === 'error' ? 'bad' : 'warn-line'}>
              <strong><Foreign text={r.summary} /></strong> {r.detail && <Foreign text={r.detail} />}
            </li>
          ))}
        </ul>
      ) : (
        <p className="field-note">{note}</p>
      )}
    </div>
  )
}

function finding(r: Remark): Finding {
  const at = (offset: number) => ({ line: 1, column: 1, offset })
  return { severity: r.severity, summary: r.summary, detail: r.detail, start: at(r.from), end: at(r.to) }
}

interface OnlyProps {
  agents: Agent[]
  onChoose: (fact: 'agent.name' | 'agent.user' | 'agent.tags', value: string) => void
}

/** Only narrows a condition down to agents, users or tags that are known. */
export function Only({ agents, onChoose }: OnlyProps) {
  const names = agents.map((a) => a.name)
  const users = [...new Set(agents.flatMap((a) => (a.user ? [a.user] : [])))]
  const tags = [...new Set(agents.flatMap((a) => a.tags ?? []))]
  if (names.length === 0) return null
  const group = (label: string, fact: string, list: string[]) =>
    list.length > 0 && <optgroup label={label}>{[...list].sort().map((v) => <option key={v} value={`${fact} ${v}`}>{v}</option>)}</optgroup>
  return (
    <select
      aria-label="Only for an agent, a user or a tag"
      className="only"
      value=""
      onChange={(e) => {
        const [fact, ...rest] = e.target.value.split(' ')
        if (fact) onChoose(fact as 'agent.name', rest.join(' '))
      }}
    >
      <option value="">Only for an agent, user or tag…</option>
      {group('Agents', 'agent.name', names)}
      {group('Users', 'agent.user', users)}
      {group('Tags', 'agent.tags', tags)}
    </select>
  )
}
