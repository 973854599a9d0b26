import './answer.css'
import { bytes, count } from '../lib/format'
import type { Field } from '../lib/command'
import type { ActionRecord } from '../lib/types'
import { Code, Marked, type Language } from './code'
import { Facts, Foreign } from './kit'

type Answer = NonNullable<ActionRecord['answer']>

/** Came shows what an upstream answered, as far as it is recorded. */
export function Came({ r }: { r: ActionRecord }) {
  if (r.outcome === 'refused') return <p className="quiet">Nothing was sent, so nothing came back.</p>
  if (r.outcome === 'pending') return <p className="quiet">It was not sent: nobody has answered yet.</p>
  if (r.protocol === 'postgres') {
    return (
      <>
        <Facts
          rows={[
            ['Answer', r.status && <code key="s"><Foreign text={r.status} /></code>],
            ['Rows', r.rows ? count(r.rows) : ''],
            ['Error', r.error && <Foreign key="e" text={r.error} />],
          ]}
        />
        <p className="quiet small">Rows are data of the database, and never recorded.</p>
      </>
    )
  }
  const a = r.answer
  return (
    <>
      <Facts
        rows={[
          ['Status', r.status && <code key="s"><Foreign text={r.status} /></code>],
          ['Error', r.error && <Foreign key="e" text={r.error} />],
          ['Content type', a?.type && <code key="t"><Foreign text={a.type} /></code>],
          ['Body', a && bytes(a.size ?? 0)],
        ]}
      />
      {a ? <Kept a={a} /> : r.protocol === 'http' && <p className="quiet small">No more of it is recorded: <code>record</code> of the gateway says whether <code>bodies</code> are.</p>}
    </>
  )
}

function Kept({ a }: { a: Answer }) {
  const language = languageOf(a.type ?? '', a.text ?? '')
  return (
    <>
      <FieldTable title="Headers" list={a.fields ?? []} />
      {a.text && <Code text={a.text} language={language} label="what came back" cut={a.cut} />}
      <FieldTable title="Trailers" list={a.trailers ?? []} />
      {notes(a).map((n) => (
        <p key={n} className="quiet small">{n}</p>
      ))}
    </>
  )
}

function notes(a: Answer): string[] {
  const list: string[] = []
  if (a.untold) list.push(`Nothing of the body is kept: ${a.untold}.`)
  if (a.hidden) list.push('What may be a secret was taken out, and is marked.')
  if (a.cut && !a.untold) list.push('This is only its beginning: the rest is not kept, or never came.')
  if (a.more) list.push(`${count(a.more)} more headers are not kept.`)
  return list
}

function languageOf(type: string, text: string): Language {
  if (type === 'text/event-stream' || /ndjson|jsonl|json-seq/.test(type)) return 'events'
  return /[/+]json$/.test(type) || /^\s*[{[]/.test(text) ? 'json' : 'text'
}

export function FieldTable({ title, list }: { title: string; list: readonly Field[] }) {
  if (list.length === 0) return null
  return (
    <table className="table kv">
      <caption>{title}</caption>
      <tbody>
        {list.map((f, i) => (
          <tr key={i}>
            <th scope="row"><Foreign text={f.name} /></th>
            <td className="mono">
              {f.hidden ? <span className="redacted" title="The gateway keeps no value of this">[hidden]</span> : <Marked text={(f.values ?? []).join(', ')} />}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
