import type { BlockValues, Draft, Preview } from './types'

// A rule, or a role, as a form has it, and the edit that it becomes. What is not touched goes
// back as it came; what no field can show is kept as it stands.

export type Edit = Extract<Draft, { edits: unknown }>['edits'][number]

export type Protocol = 'http' | 'postgres' | 'all'

/** A Field is one attribute of a rule. */
export interface Field {
  key: string
  label: string
  is: 'refs' | 'set' | 'words' | 'items' | 'condition' | 'choice' | 'text'
  on: Protocol
  rare?: boolean
  note?: string
  choices?: readonly string[]
}

const words = (key: string, label: string, on: Protocol, note: string, rare = false): Field => ({ key, label, is: 'items', on, note, rare })

const verdicts = ['allow', 'ask', 'deny'] as const

/** fields lists what the form shows, as far as a person states it. */
export const fields: readonly Field[] = [
  { key: 'on', label: 'Services', is: 'refs', on: 'all' },
  { key: 'roles', label: 'Roles', is: 'refs', on: 'all' },
  { key: 'approvers', label: 'Who is asked', is: 'refs', on: 'all' },
  { key: 'effects', label: 'Effects', is: 'set', on: 'all' },
  { key: 'methods', label: 'Methods', is: 'words', on: 'http', note: 'GET, POST, DELETE; empty is any' },
  words('paths', 'Paths', 'http', '/repos/acme/*, /repos/**; empty is any'),
  words('operations', 'Operations', 'http', 'By name, as the preset has them: pulls.merge'),
  { key: 'verbs', label: 'Verbs', is: 'words', on: 'postgres', note: 'select, insert, update, delete; empty is any' },
  words('tables', 'Tables', 'postgres', 'shop.orders, shop.*; a bare name is any schema'),
  words('columns', 'Columns', 'postgres', 'customers.email: any mention of it', true),
  words('functions', 'Functions', 'postgres', 'pg_read_file, audit.*', true),
  words('databases', 'Databases', 'postgres', 'app, reports', true),
  words('tools', 'Tools', 'http', 'Of MCP and of models: delete_*', true),
  words('models', 'Models', 'http', 'gpt-5*, claude-*', true),
  words('hosts', 'Hosts', 'all', '*.example.com, where the service has several', true),
  { key: 'when', label: 'When', is: 'condition', on: 'all' },
  { key: 'unless', label: 'Unless', is: 'condition', on: 'all' },
  { key: 'hours', label: 'Hours', is: 'items', on: 'all', note: 'mon-fri 09:00-18:00 Europe/Berlin; several with ; between' },
  { key: 'limit', label: 'At most', is: 'text', on: 'all', note: '20/hour, 3/day; empty is any number' },
  { key: 'per', label: 'Counted for each', is: 'choice', on: 'all', choices: ['agent', 'role', 'all'] },
  { key: 'otherwise', label: 'Otherwise', is: 'choice', on: 'all', choices: verdicts },
  { key: 'until', label: 'In force until', is: 'text', on: 'all', note: '2026-12-31 or 2026-12-31T18:00:00Z; empty is for good' },
  { key: 'verdict', label: 'Verdict', is: 'choice', on: 'all', choices: verdicts },
  { key: 'mode', label: 'Mode', is: 'choice', on: 'all', choices: ['enforce', 'observe'] },
  { key: 'reason', label: 'Reason', is: 'text', on: 'all', note: 'The agent reads it when it is refused.' },
]

/** roleFields lists what the form of a role shows. */
export const roleFields: readonly Field[] = [
  { key: 'use', label: 'May use', is: 'refs', on: 'all' },
  words('members', 'Members', 'all', 'tag:ci, user:ana@acme.dev, agent:laptop, or * for every agent. Who is enrolled into it is in it, too.'),
  { key: 'until', label: 'Until', is: 'text', on: 'all', note: '2026-12-31 or 2026-12-31T18:00:00Z; then it has no members. Empty is for good.' },
]

export const effects = ['read', 'write', 'destructive', 'admin', 'unknown'] as const

export interface Form {
  name: string
  texts: Record<string, string> // by key; of refs and sets the names with spaces between
  was: Record<string, unknown> // the attributes as they came
  others: Edit[] // what else the draft changes
  old?: BlockValues // of the block that is edited
  role?: boolean // it is one, not a rule
}

const fieldsOf = (form: Pick<Form, 'role'>) => (form.role ? roleFields : fields)

export const blank: Form = { name: '', texts: { verdict: 'ask' }, was: {}, others: [] }

/** separates says how the elements of a list are told apart. */
const separates = (f: Field) => (f.key === 'hours' ? ';' : f.is === 'items' ? ',' : ' ')

/** elements are what a text lists. */
export function elements(f: Field, text: string): string[] {
  const parts = f.key === 'hours' ? text.split(/[;\n]/) : f.is === 'items' ? text.split(/[,\n]/) : text.split(/[,\s]+/)
  return parts.map((p) => p.trim()).filter(Boolean)
}

const isRef = (v: unknown): v is { ref: string } => typeof (v as { ref?: unknown } | null)?.ref === 'string' && Object.keys(v as object).length === 1

/** show is a value as its field has it; null where it cannot. */
export function show(f: Field, v: unknown): string | null {
  if (f.is === 'condition') {
    const { keep, expr, ref } = (v ?? {}) as { keep?: unknown; expr?: unknown; ref?: unknown }
    const text = keep ?? expr ?? ref
    return typeof text === 'string' ? bare(text) : null
  }
  if (f.is === 'refs') {
    if (v === '*') return '*'
    const list = Array.isArray(v) ? v : [v]
    return list.length > 0 && list.every(isRef) ? list.map((r) => (r as { ref: string }).ref).join(' ') : null
  }
  if (f.is === 'text' || f.is === 'choice') {
    const fits = typeof v === 'string' && v.trim() === v && v !== '' && !/[\r\n]/.test(v) && (!f.choices || f.choices.includes(v))
    return fits ? v : null
  }
  const list = typeof v === 'string' ? [v] : v
  if (!Array.isArray(list) || list.length === 0 || !list.every((w) => typeof w === 'string')) return null
  const text = list.join(f.is === 'items' ? separates(f) + ' ' : f.is === 'words' ? ', ' : ' ')
  const back = elements(f, text)
  const whole = back.length === list.length && back.every((w, i) => w === list[i])
  return whole && (f.is !== 'set' || back.every((w) => (effects as readonly string[]).includes(w))) ? text : null
}

/** write is the value of what a field has. */
function write(f: Field, text: string): unknown {
  if (f.is === 'condition') return { expr: text.trim() }
  if (f.is === 'text' || f.is === 'choice') return text.trim()
  if (f.is === 'refs') return text === '*' ? '*' : elements(f, text).map((ref) => ({ ref }))
  return elements(f, text)
}

/** formOf takes the attributes of a block apart. */
export function formOf(name: string, attributes: Record<string, unknown>, more: Partial<Form> = {}): Form {
  const texts: Record<string, string> = {}
  for (const f of fieldsOf(more)) {
    const text = f.key in attributes ? show(f, attributes[f.key]) : null
    if (text !== null) texts[f.key] = text
  }
  return { name, texts, was: attributes, others: [], ...more }
}

/** hidden lists the attributes that no field shows. */
export const hidden = (form: Form): [string, unknown][] =>
  Object.entries(form.was).filter(([key, v]) => {
    const f = fieldsOf(form).find((x) => x.key === key)
    return !f || show(f, v) === null
  })

/** shows reports whether the form has a field for it: not where what stands there
 * cannot be shown in one. */
export const shows = (form: Form, key: string) => !hidden(form).some(([k]) => k === key)

/** attributesOf is the rule as it is filled in. */
export function attributesOf(form: Form): Record<string, unknown> {
  const out: Record<string, unknown> = Object.fromEntries(hidden(form))
  for (const f of fieldsOf(form)) {
    if (f.key in out) continue
    const text = (form.texts[f.key] ?? '').trim()
    if (text === '') continue
    const stands = f.key in form.was && show(f, form.was[f.key])?.trim() === text
    out[f.key] = stands ? form.was[f.key] : write(f, text)
  }
  return out
}

/** draftOf is the edit that it becomes. */
export function draftOf(form: Form): Draft {
  const attributes = attributesOf(form)
  const kind = form.role ? 'role' : 'rule'
  if (form.old) return { edits: [...form.others, { op: 'replace', kind, name: form.name, block: { ...form.old, attributes } }] }
  const add: Edit[] = form.name.trim() ? [{ op: 'add', kind, name: form.name.trim(), block: { attributes } }] : []
  return { edits: [...form.others, ...add] }
}

/** lacks says what is still to be filled in. */
export function lacks(form: Form): string {
  const said = (key: string) => (form.texts[key] ?? '').trim() !== '' || !shows(form, key)
  if (form.name.trim() === '') return form.others.length > 0 && !form.old ? '' : 'Give it a name.'
  if (form.role) return /^[a-zA-Z_][\w-]*$/.test(form.name.trim()) ? '' : 'A name is made of letters, digits, _ and -, and begins with a letter.'
  if (!said('on')) return 'Say which services it is for.'
  if (said('limit') && !said('otherwise')) return 'Say what becomes of more than that: Otherwise.'
  return ''
}

/** bare takes the parentheses off that a condition of several lines stands in. */
export function bare(text: string): string {
  const t = text.trim()
  if (!t.startsWith('(') || !t.endsWith(')')) return t
  let depth = 0
  let quoted = false
  for (let i = 0; i < t.length; i++) {
    const c = t[i]
    if (quoted) {
      if (c === '\\') i++
      else if (c === '"') quoted = false
    } else if (c === '"') quoted = true
    else if (c === '(') depth++
    else if (c === ')' && --depth === 0 && i < t.length - 1) return t
  }
  return t.slice(1, -1).split('\n').map((l) => l.trim()).join('\n').trim()
}

/** quoted is a string as the language writes it. */
export const quoted = (s: string) => JSON.stringify(s).replace(/[$%](?=\{)/g, (c) => c + c)

/** onlyFor adds to a condition that it is about one agent, user or tag; of the same
 * kind, one of several. */
export function onlyFor(condition: string, fact: 'agent.name' | 'agent.user' | 'agent.tags', value: string): string {
  const q = quoted(value)
  const now = condition.trim()
  const name = fact.replace('.', '\\.')
  const str = '"(?:[^"\\\\]|\\\\.)*"'
  if (fact === 'agent.tags') {
    const has = new RegExp(`^contains\\(${name}, ${str}\\)$`).exec(now)
    if (has) return `${now} || contains(${fact}, ${q})`
    return join(now, `contains(${fact}, ${q})`)
  }
  const alike = new RegExp(`^(?:${name} == (${str})|contains\\(\\[(${str}(?:, ${str})*)\\], ${name}\\))$`)
  for (const [from, to] of conjuncts(now)) {
    const m = alike.exec(now.slice(from, to))
    if (m) return now.slice(0, from) + `contains([${m[1] ?? m[2]}, ${q}], ${fact})` + now.slice(to)
  }
  return join(now, `${fact} == ${q}`)
}

/** conjuncts are the places of the parts of a condition that must all hold; none where
 * what must hold is not that plain: a part of a negation or of a choice is no such one. */
function conjuncts(text: string): [number, number][] {
  const places: [number, number][] = []
  let begin = 0
  const part = (end: number) => {
    const inside = text.slice(begin, end)
    const from = begin + inside.length - inside.trimStart().length
    places.push([from, begin + inside.trimEnd().length])
  }
  if (/[$%]\{/.test(text.replace(/\$\$\{|%%\{/g, '')) || text.includes('<<')) return [] // strings with code in them
  let depth = 0
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!
    const two = text.slice(i, i + 2)
    if (c === '"') {
      for (i++; i < text.length && text[i] !== '"'; i++) if (text[i] === '\\') i++
    } else if (c === '#' || two === '//' || two === '/*') return []
    else if ('([{'.includes(c)) depth++
    else if (')]}'.includes(c)) depth--
    else if (depth === 0 && (c === '?' || two === '||')) return []
    else if (depth === 0 && two === '&&') {
      part(i)
      begin = ++i + 1
    }
  }
  part(text.length)
  return places
}

function join(now: string, more: string): string {
  if (now === '') return more
  if (/#|\/\/|\/\*/.test(now)) return `(${now}\n) && ${more}` // a comment may end it
  return `${/\|\||\?/.test(now) ? `(${now})` : now} && ${more}`
}

/** A Remark is what is wrong in a text, and where. */
export interface Remark {
  severity: string
  summary: string
  detail?: string
  from: number
  to: number
}

const solid = (s: string) => s.replace(/\s/g, '').length

/** spot finds the place behind n letters of a text that are not layout. */
function spot(text: string, n: number): number {
  let left = n
  for (let i = 0; i < text.length; i++) {
    if (/\s/.test(text[i]!)) continue
    if (left-- === 0) return i
  }
  return text.length
}

/** remarksOn gives what the check of a draft says of one attribute of its rule, by
 * places of the text in the field. */
export function remarksOn(preview: Preview | null, name: string, key: string, text: string): Remark[] {
  const at = preview?.placed?.find((p) => p.kind === 'rule' && p.name === name)
  const file = at && preview?.texts?.[at.file]
  if (!at?.line || !file || text.trim() === '') return []
  const begin = file.split('\n').slice(0, at.line - 1).reduce((n, l) => n + l.length + 1, 0)
  const head = new RegExp(`^[ \\t]*${key}[ \\t]*=[ \\t]*`, 'm').exec(file.slice(begin))
  if (!head) return []
  const from = begin + head.index + head[0].length
  const framed = file[from] === '(' && !text.trim().startsWith('(') ? 1 : 0
  const most = solid(text) + 2 * framed
  return (preview.findings ?? []).flatMap((f) => {
    if (f.file !== at.file || !f.start || f.start.offset < from - head[0].trimStart().length) return []
    const n = Math.max(0, solid(file.slice(from, Math.max(from, f.start.offset))) - framed)
    if (solid(file.slice(from, Math.max(from, f.start.offset))) >= most) return []
    const length = f.end ? solid(file.slice(Math.max(from, f.start.offset), Math.max(from, f.end.offset))) : 1
    const start = spot(text, n)
    return [{ severity: f.severity, summary: f.summary, detail: f.detail, from: start, to: Math.max(start + 1, spot(text, n + length - 1) + 1) }]
  })
}

/** misspelt reads where the gateway found no expression at all. */
export function misspelt(detail: string, key: string, text: string): Remark[] {
  const m = new RegExp(`\\b${key}: it is no expression \\(line (\\d+), column (\\d+)\\): (.*)$`, 's').exec(detail)
  if (!m) return []
  const lines = text.split('\n')
  const from = lines.slice(0, Number(m[1]) - 1).reduce((n, l) => n + l.length + 1, 0) + Number(m[2]) - 1
  const at = Math.min(from, Math.max(0, text.length - 1))
  return [{ severity: 'error', summary: 'No expression', detail: m[3], from: at, to: at + 1 }]
}
