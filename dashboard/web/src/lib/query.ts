// The query language of `sallyport log`, as far as the query bar needs to know it
// itself: to complete what is typed and to change one term of it. The gateway
// judges every query; this never decides what a query finds.

export const fields = [
  'agent', 'asked', 'host', 'id', 'kind', 'method', 'outcome', 'protocol', 'rule', 'secret', 'service', 'session', 'status', 'user', 'verdict',
] as const

const values: Record<string, string[]> = {
  verdict: ['allow', 'ask', 'deny'],
  asked: ['yes', 'no'],
  outcome: ['done', 'failed', 'refused', 'pending', 'unknown'],
  protocol: ['http', 'postgres', 'tcp'],
  since: ['15m', '1h', '24h', '7d'],
}

/** words splits a query at its spaces; a quoted value is one word with its field. */
export function words(q: string): string[] {
  return q.match(/(?:"(?:\\.|[^"\\])*"?|[^\s"&])+/g) ?? []
}

/** quote writes a value so that the language takes it as one. */
export function quote(v: string): string {
  return /^[^\s",&!:][^\s",&]*$/.test(v) ? v : JSON.stringify(v)
}

export const term = (field: string, value: string) => `${field}:${quote(value)}`

/** withTerm puts field:value into a query in place of that field's other terms. */
export function withTerm(q: string, field: string, value: string): string {
  const rest = words(q).filter((w) => !w.startsWith(field + ':') && !w.startsWith('!' + field + ':'))
  return [...rest, ...(value === '' ? [] : [term(field, value)])].join(' ')
}

export function valueOf(q: string, field: string): string {
  const found = words(q).find((w) => w.startsWith(field + ':'))
  if (!found) return ''
  const v = found.slice(field.length + 1)
  if (!v.startsWith('"')) return v
  try {
    return JSON.parse(v) as string
  } catch {
    return v
  }
}

export interface Completion {
  text: string // what the query becomes
  label: string
}

/** complete proposes what the last word of a query may become. */
export function complete(q: string, known: Record<string, string[]>): Completion[] {
  const at = Math.max(q.lastIndexOf(' '), q.lastIndexOf('&')) + 1
  const head = q.slice(0, at)
  const word = q.slice(at)
  const not = word.startsWith('!') ? '!' : ''
  const bare = word.slice(not.length)
  const colon = bare.indexOf(':')
  if (colon < 0) {
    return [...fields, 'since', 'until', 'limit']
      .filter((f) => f.startsWith(bare) && (bare !== '' || q.trim() === ''))
      .slice(0, 8)
      .map((f) => ({ text: `${head}${not}${f}:`, label: `${not}${f}:` }))
  }
  const field = bare.slice(0, colon)
  const typed = bare.slice(colon + 1)
  const comma = typed.lastIndexOf(',') + 1
  const begun = typed.slice(comma).replace(/^"/, '').toLowerCase()
  const list = values[field] ?? known[field] ?? []
  return list
    .filter((v) => v.toLowerCase().startsWith(begun) && v.toLowerCase() !== begun)
    .slice(0, 8)
    .map((v) => ({ text: `${head}${not}${field}:${typed.slice(0, comma)}${quote(v)} `, label: `${not}${field}:${v}` }))
}

/** worded reports whether a query looks for words, beside fields. */
export const worded = (q: string) => words(q).some((w) => !/^!?[a-z]+:/.test(w) || /^!?[a-z]+:\/\//.test(w))
