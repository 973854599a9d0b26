import type { Row } from './types'
import { promptOf } from './usage'

// What leaves the browser as a file. A spreadsheet takes a cell that begins with
// one of these for a formula; an agent chooses what stands in many cells.
const formula = /^[=+\-@\t\r\n\uff0b\uff0d\uff1d\uff20]/

/** cell guards and quotes one value of a CSV file (RFC 4180). */
export function cell(v: unknown): string {
  let s = v === undefined || v === null ? '' : String(v)
  if (typeof v !== 'number' && formula.test(s.trimStart() === '' ? s : s.replace(/^ +/, ''))) s = "'" + s
  return /[",\r\n]/.test(s) ? '"' + s.replaceAll('"', '""') + '"' : s
}

const columns: [string, (r: Row) => unknown][] = [
  ['seq', (r) => r.seq],
  ['id', (r) => r.id],
  ['time', (r) => r.time],
  ['agent', (r) => r.agent.name],
  ['service', (r) => r.service],
  ['protocol', (r) => r.protocol],
  ['host', (r) => r.host],
  ['kind', (r) => r.kind],
  ['method', (r) => r.method],
  ['summary', (r) => r.summary],
  ['verdict', (r) => r.verdict],
  ['rule', (r) => r.rule],
  ['reason', (r) => r.reason],
  ['outcome', (r) => r.outcome],
  ['status', (r) => r.status],
  ['duration_ms', (r) => (r.duration_ns === undefined ? '' : r.duration_ns / 1e6)],
  ['sent', (r) => r.sent],
  ['received', (r) => r.received],
  ['session', (r) => r.session],
  ['provider', (r) => r.usage?.provider],
  ['model', (r) => r.usage && (r.usage.model || r.usage.asked)],
  ['input_tokens', (r) => r.usage && promptOf(r.usage)],
  ['cached_tokens', (r) => r.usage && (r.usage.cache_read ?? 0)],
  ['output_tokens', (r) => r.usage && (r.usage.output ?? 0)],
  ['reasoning_tokens', (r) => r.usage && (r.usage.reasoning ?? 0)],
  ['estimated', (r) => r.usage && Boolean(r.usage.estimated)],
  ['cost_usd', (r) => (r.usage?.price ? dollars(r.usage.cost_nano ?? 0) : '')], // empty: it has no price
]

/** dollars writes billionths of a dollar as a number that a spreadsheet adds up. */
const dollars = (nano: number) => Number((nano / 1e9).toFixed(9))

/** flat is a row with its tokens and its cost beside the rest, under the names that
 * the columns have. */
const flat = (r: Row) => {
  if (!r.usage) return r
  const own = columns.slice(columns.findIndex(([name]) => name === 'input_tokens')).map(([name, of]) => [name, of(r)])
  return { ...r, ...Object.fromEntries(own.filter(([, v]) => v !== '')) }
}

export function csv(rows: Iterable<Row>): string {
  const lines = [columns.map(([name]) => name).join(',')]
  for (const r of rows) lines.push(columns.map(([, of]) => cell(of(r))).join(','))
  return lines.join('\r\n') + '\r\n'
}

export function ndjson(rows: Iterable<Row>): string {
  let out = ''
  for (const r of rows) out += JSON.stringify(flat(r)) + '\n'
  return out
}

export function save(name: string, type: string, text: string) {
  const url = URL.createObjectURL(new Blob([text], { type }))
  const a = document.createElement('a')
  a.href = url
  a.download = name
  a.click()
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}
