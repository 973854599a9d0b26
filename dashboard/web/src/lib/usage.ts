// What language models took, as people read it.
import { count } from './format'
import type { Schemas } from './schema'

export type Usage = Schemas['action.Usage']
export type Report = Schemas['usage.Report']
export type Group = Schemas['usage.Group']
export type Sum = Schemas['usage.Sum']

/** money says billionths of a dollar. */
export function money(nano: number): string {
  if (nano === 0) return '$0'
  if (nano < 50_000) return '<$0.0001'
  const dollars = nano / 1e9
  return '$' + dollars.toLocaleString('en', dollars < 10 ? { minimumFractionDigits: 4, maximumFractionDigits: 4 } : { minimumFractionDigits: 2, maximumFractionDigits: 2 })
}

export const promptOf = (s: { input?: number; cache_read?: number; cache_write?: number; cache_write_long?: number }) =>
  (s.input ?? 0) + (s.cache_read ?? 0) + (s.cache_write ?? 0) + (s.cache_write_long ?? 0)

export const tokensOf = (s: Sum) => promptOf(s) + s.output

/** costOf is the money of a sum, and that some of it has no price. */
export function costOf(s: Sum): string {
  const without = s.unpriced ?? 0
  if (without > 0 && without === s.requests) return 'no price'
  return money(s.cost_nano) + (without > 0 ? ' + no price' : '')
}

/** took is one call in a line. */
export function took(u: Usage): string {
  const tokens = `${u.estimated ? '≈ ' : ''}${count(promptOf(u))} → ${count(u.output ?? 0)} tokens`
  return [u.model || u.asked, tokens, u.price ? money(u.cost_nano ?? 0) : 'no price'].filter(Boolean).join(' · ')
}

/** share says a part of a whole. */
export const share = (part: number, whole: number) => (whole > 0 ? `${Math.round((100 * part) / whole)} %` : '–')
