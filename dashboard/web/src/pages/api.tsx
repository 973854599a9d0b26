import { useMemo, useState } from 'react'
import { useResource } from '../lib/resource'
import { usePlace, setQuery } from '../lib/router'
import { Badge, Empty, Fault, PageHead, Skeleton } from '../ui/kit'
import { Icon } from '../ui/icons'

// The document of the API (OpenAPI 3.1), as the gateway gives it, for people.

interface Schema {
  $ref?: string
  type?: string | string[]
  items?: Schema
  properties?: Record<string, Schema>
  required?: string[]
  enum?: unknown[]
  additionalProperties?: Schema | boolean
  oneOf?: Schema[]
  anyOf?: Schema[]
  format?: string
  description?: string
}

interface Body {
  content?: Record<string, { schema?: Schema }>
  required?: boolean
}

interface Operation {
  summary?: string
  parameters?: { name: string; in: string; description?: string; required?: boolean }[]
  requestBody?: Body
  responses?: Record<string, Body>
  'x-right'?: string
  'x-step-up'?: boolean
}

interface Document {
  info?: { title?: string; version?: string }
  paths: Record<string, Record<string, Operation>>
  components?: { schemas?: Record<string, Schema> }
}

interface Row {
  method: string
  path: string
  op: Operation
}

const order = ['get', 'post', 'put', 'delete']

/** rowsOf lists the operations of a document by what they are about. */
export function rowsOf(doc: Document): [string, Row[]][] {
  const groups = new Map<string, Row[]>()
  for (const [path, methods] of Object.entries(doc.paths)) {
    const about = path.replace('/api/v1/', '').split(/[/.]/)[0] || 'gateway'
    const group = path.startsWith('/api/v1/') ? about : 'gateway'
    for (const [method, op] of Object.entries(methods)) {
      const list = groups.get(group) ?? []
      list.push({ method, path, op })
      groups.set(group, list)
    }
  }
  for (const list of groups.values()) list.sort((a, b) => a.path.localeCompare(b.path) || order.indexOf(a.method) - order.indexOf(b.method))
  return [...groups].sort(([a], [b]) => a.localeCompare(b))
}

/** ApiPage is every route, with the right that it takes. */
export default function ApiPage() {
  const { data: doc, error, reload } = useResource<Document>('/openapi.json')
  const { query } = usePlace()
  const find = query.get('find') ?? ''
  const groups = useMemo(() => (doc ? rowsOf(doc) : []), [doc])
  if (error) {
    return (
      <>
        <PageHead title="HTTP API" />
        <Fault problem={error} retry={reload} />
      </>
    )
  }
  if (!doc) {
    return (
      <>
        <h1 className="sr">HTTP API</h1>
        <Skeleton lines={14} />
      </>
    )
  }
  const words = find.toLowerCase().split(/\s+/).filter(Boolean)
  const meets = (r: Row) => words.every((w) => `${r.method} ${r.path} ${r.op.summary ?? ''} ${r.op['x-right'] ?? ''}`.toLowerCase().includes(w))
  const shown = groups.map(([name, rows]): [string, Row[]] => [name, rows.filter(meets)]).filter(([, rows]) => rows.length > 0)
  return (
    <article className="prose api">
      <h1>HTTP API</h1>
      <p>
        The dashboard and the command line use the same API, below <code>/api/v1</code>. A program sends a token (<em>Settings</em>, or <code>sallyport token add</code>) as{' '}
        <code>Authorization: Bearer …</code>. A refusal is a problem (RFC 9457); a change names with <code>If-Match</code> the revision that it was made for. The same as a
        document for programs: <a href="/api/v1/openapi.json" download="sallyport-openapi.json">openapi.json</a>.
      </p>
      <div className="gallery-find docs-find api-find">
        <Icon name="search" />
        <input value={find} onChange={(e) => setQuery({ find: e.target.value })} placeholder="Method, path, word or right" aria-label="Find a route" autoComplete="off" />
      </div>
      {shown.length === 0 && <Empty title="No route meets that">Take a word away.</Empty>}
      {shown.map(([name, rows]) => (
        <section key={name} aria-label={name}>
          <h2 id={name} tabIndex={-1}>{name}</h2>
          <ul className="routes">
            {rows.map((r) => <Route key={r.method + r.path} r={r} doc={doc} />)}
          </ul>
        </section>
      ))}
    </article>
  )
}

function Route({ r, doc }: { r: Row; doc: Document }) {
  const [open, setOpen] = useState(false)
  return (
    <li>
      <button type="button" className="route-head" aria-expanded={open} onClick={() => setOpen(!open)}>
        <span className="route-method">{r.method.toUpperCase()}</span>
        <span className="mono route-path">{r.path.replace('/api/v1', '')}</span>
        <span className="route-rights"><Badge>{r.op['x-right'] ?? 'none'}</Badge>{r.op['x-step-up'] && <> <Badge tone="ask">fresh proof</Badge></>}</span>
      </button>
      <p className="quiet small">{r.op.summary}</p>
      {open && <Detail op={r.op} doc={doc} />}
    </li>
  )
}

function Detail({ op, doc }: { op: Operation; doc: Document }) {
  const params = op.parameters ?? []
  const takes = Object.entries(op.requestBody?.content ?? {})
  const gives = Object.entries(op.responses?.['200']?.content ?? {})
  return (
    <div className="route-detail">
      {params.length > 0 && (
        <dl className="facts">
          {params.map((p) => (
            <div key={p.in + p.name}><dt><code>{p.name}</code></dt><dd>{p.in === 'path' ? 'in the path' : p.in === 'header' ? 'a header' : 'a parameter'}{p.description ? `: ${p.description}` : ''}</dd></div>
          ))}
        </dl>
      )}
      {takes.map(([media, b]) => <Shape key={media} what={op.requestBody?.required === false ? 'Takes, or nothing' : 'Takes'} media={media} schema={b.schema} doc={doc} />)}
      {gives.map(([media, b]) => <Shape key={media} what="Gives" media={media} schema={b.schema} doc={doc} />)}
      {params.length + takes.length + gives.length === 0 && <p className="quiet small">It takes nothing and says nothing.</p>}
    </div>
  )
}

function Shape({ what, media, schema, doc }: { what: string; media: string; schema: Schema | undefined; doc: Document }) {
  return (
    <>
      <p className="small">{what} <code>{media}</code></p>
      {schema && <pre className="code" tabIndex={0} role="region" aria-label={`${what} ${media}`}><code>{typeOf(schema, doc, 0, 2)}</code></pre>}
    </>
  )
}

/** typeOf writes a schema as a type, so deep as depth goes; below it stands its name. */
export function typeOf(s: Schema, doc: Document, indent: number, depth: number): string {
  if (s.$ref) {
    const name = s.$ref.split('/').pop() ?? ''
    const known = doc.components?.schemas?.[name]
    return known && depth > 0 ? typeOf(known, doc, indent, depth - 1) : name
  }
  const choice = s.oneOf ?? s.anyOf
  if (choice) return choice.map((c) => typeOf(c, doc, indent, depth)).join(' | ')
  if (s.enum) return s.enum.map((v) => JSON.stringify(v)).join(' | ')
  if (s.items) return `[]${typeOf(s.items, doc, indent, depth)}`
  const fields = Object.entries(s.properties ?? {})
  if (fields.length > 0) {
    const pad = '  '.repeat(indent + 1)
    const lines = fields.map(([name, f]) => `${pad}${name}${s.required?.includes(name) ? '' : '?'}: ${typeOf(f, doc, indent + 1, depth)}`)
    return `{\n${lines.join('\n')}\n${'  '.repeat(indent)}}`
  }
  if (typeof s.additionalProperties === 'object') return `{[name]: ${typeOf(s.additionalProperties, doc, indent, depth)}}`
  const type = Array.isArray(s.type) ? s.type.join(' | ') : (s.type ?? 'anything')
  return s.format ? `${type} (${s.format})` : type
}
