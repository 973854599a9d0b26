import { heldBack, readSample, sqlOf, type Field } from './command'
import type { ActionRecord, Draft, Verdict } from './types'

// A recorded action as a test of the policy.

export interface TrialForm {
  name: string
  roles: string[]
  expect: Verdict
  at: boolean // the time of day counts
}

/** trialOf gives what of an action a test states; null where no test can be made of
 * it, with the reason. */
export function trialOf(r: ActionRecord): { attributes: Record<string, unknown>; short?: string } | { why: string } {
  const facts = r.parts?.[0]?.facts ?? {}
  const text = (v: unknown) => (typeof v === 'string' ? v : '')
  if (!r.service) return { why: 'It reached no service, so there is no rule to test.' }
  if (r.protocol === 'postgres') {
    const sql = sqlOf(r)
    if (!sql || !/^(query|parse|execute)$/.test(r.kind)) return { why: 'A test of a database takes a statement, which this is not.' }
    const database = text(facts.database)
    return { attributes: { service: { ref: `service.${r.service}` }, sql, ...(database ? { database } : {}) } }
  }
  if (r.protocol !== 'http') return { why: `A test takes a request or a statement; ${r.protocol ?? 'this'} has neither.` }
  const m = r.sample ? readSample(r.sample) : null
  const method = m?.method ?? text(facts.method)
  const path = text(facts.path)
  if (!method || (!m && !path)) return { why: 'The record does not tell the request.' }
  const fields = (v: unknown) => (Array.isArray(v) ? (v as Field[]) : [])
  const query = fields(facts.query).flatMap((f) => (f.hidden ? [] : (f.values ?? [''])).map((v) => `${encodeURIComponent(f.name)}=${encodeURIComponent(v)}`))
  const url = m?.url ?? `https://${r.host || text(facts.host)}${path}${query.length > 0 ? '?' + query.join('&') : ''}`
  const type = text(facts.content_type)
  const attributes: Record<string, unknown> = { request: `${method} ${url}` }
  if (type) attributes.headers = { object: { 'content-type': type } }
  if (m?.body) attributes.body = m.body
  const sent = typeof facts.size === 'number' && facts.size !== 0
  const short = heldBack(r) ? 'The body is not shown, so the test is without it.' : sent && !m?.body ? 'The body is not kept, so the test is without it.' : (r.hidden ?? 0) > 0 ? 'The record holds only the beginning of the body, and so will the test.' : undefined
  return { attributes, ...(short ? { short } : {}) }
}

export function beginTrial(r: ActionRecord, roles: string[]): TrialForm {
  const what = (r.summary ?? r.kind).replace(/\s+/g, ' ').replace(/[^\x20-\x7e]/g, '').slice(0, 60).trim()
  return { name: `${r.verdict === 'deny' ? 'no ' : ''}${what}`.replaceAll('"', "'"), roles, expect: (r.asks ?? []).length > 0 ? 'ask' : (r.verdict ?? 'deny'), at: false }
}

export function trialDraft(f: TrialForm, r: ActionRecord, attributes: Record<string, unknown>): Draft {
  const roles = f.roles.map((x) => ({ ref: `role.${x}` }))
  const block = { attributes: { role: roles.length === 1 ? roles[0] : roles, ...attributes, ...(f.at ? { at: new Date(r.time).toISOString() } : {}), expect: f.expect } }
  return { edits: [{ op: 'add', kind: 'test', name: f.name.trim(), block }] }
}
