import type { ActionRecord } from './types'

// An action as a command that a person can run by hand.

/** shell quotes a word for a POSIX shell. */
export function shell(s: string): string {
  return /^[\w@%+=:,./-]+$/.test(s) ? s : "'" + s.replaceAll("'", `'\\''`) + "'"
}

interface Message {
  method: string
  url: string
  headers: [string, string][]
  body: string | null
}

/** readSample reads what the gateway wrote of a request: a line for each named
 * thing, the body behind a margin. */
export function readSample(sample: string): Message | null {
  const lines = sample.split('\n')
  const first = /^([A-Z]+) (\S+)$/.exec(lines[0] ?? '')
  if (!first) return null
  const m: Message = { method: first[1]!, url: first[2]!, headers: [], body: null }
  const body: string[] = []
  for (const line of lines.slice(1)) {
    const header = /^header ([^:]+): (.*)$/.exec(line)
    if (header) m.headers.push([header[1]!, header[2]!])
    else if (line.startsWith('body ')) m.body = ''
    else if (line.startsWith('| ')) body.push(line.slice(2))
  }
  if (m.body !== null) m.body = body.join('\n')
  return m
}

/** asCurl gives the request as curl sends it, without the secret that the gateway
 * put in; null where the record does not tell enough. */
export function asCurl(r: ActionRecord): string | null {
  if (r.protocol !== 'http') return null
  let m = r.sample ? readSample(r.sample) : null
  if (!m) {
    m = readFacts(r)
    if (!m) return null
  }
  const words = ['curl', '-X', m.method, shell(m.url)]
  for (const [k, v] of m.headers) {
    if (v !== '[hidden]') words.push('-H', shell(`${k}: ${v}`))
  }
  if (m.body !== null && m.body !== '') words.push('--data-binary', shell(m.body))
  return words.join(' ')
}

/** A Field is a header or a parameter as the facts of a request have it. */
export interface Field {
  name: string
  values?: string[]
  hidden?: boolean
}

const fieldsOf = (v: unknown) => (Array.isArray(v) ? (v as Field[]) : [])

function readFacts(r: ActionRecord): Message | null {
  const facts = r.parts?.[0]?.facts ?? {}
  const method = text(facts.method)
  const path = text(facts.path)
  if (!method || !path) return null
  const query = fieldsOf(facts.query).flatMap((f) =>
    (f.hidden ? ['[hidden]'] : (f.values ?? [''])).map((v) => `${encodeURIComponent(f.name)}=${encodeURIComponent(v)}`),
  )
  const headers = fieldsOf(facts.headers).flatMap((f) => (f.values ?? []).map((v): [string, string] => [f.name, v]))
  const host = r.host || text(facts.host) || r.dst || 'HOST'
  return { method, url: `https://${host}${path}${query.length > 0 ? '?' + query.join('&') : ''}`, headers, body: null }
}

const text = (v: unknown) => (typeof v === 'string' ? v : undefined)

/** sqlOf gives the text of a statement. */
export function sqlOf(r: ActionRecord): string | null {
  if (r.protocol !== 'postgres') return null
  for (const p of r.parts ?? []) {
    const s = text(p.facts?.text) ?? text(p.facts?.sql)
    if (s) return s
  }
  const lines = (r.sample ?? '').split('\n').filter((l) => l.startsWith('| '))
  return lines.length > 0 ? lines.map((l) => l.slice(2)).join('\n') : null
}

export function asPsql(r: ActionRecord): string | null {
  const sql = sqlOf(r)
  if (!sql) return null
  const facts = r.parts?.[0]?.facts ?? {}
  const db = text(facts.database) ?? ''
  return `psql ${shell(`host=${r.host || r.dst?.split(':')[0] || 'HOST'}${db ? ` dbname=${db}` : ''}`)} -c ${shell(sql)}`
}

/** keptBody is the body that the configuration keeps of a request, '' without one. */
export function keptBody(facts: Record<string, unknown>): string {
  const text = (facts.body as { text?: unknown } | undefined)?.text
  return typeof text === 'string' ? text : ''
}

/** heldBack tells whether more of an action is recorded than was answered: what was
 * sent in its body, and came back in one, and was bound to a statement takes a fresh proof. */
export function heldBack(r: ActionRecord): boolean {
  if (r.answer?.withheld || r.parts?.some((p) => p.facts?.params_withheld)) return true
  const facts = r.parts?.[0]?.facts ?? {}
  const body = facts.body as { hidden?: unknown } | undefined
  return (!r.sample && (r.hidden ?? 0) > 0) || (body?.hidden === true && keptBody(facts) === '')
}
