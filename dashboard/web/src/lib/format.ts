// Words and figures as people read them.

const rel = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'narrow' })

export function ago(then: number, now: number): string {
  const s = Math.round((then - now) / 1000)
  const a = Math.abs(s)
  if (a < 5) return 'now'
  if (a < 60) return rel.format(s, 'second')
  if (a < 3600) return rel.format(Math.trunc(s / 60), 'minute')
  if (a < 86400) return rel.format(Math.trunc(s / 3600), 'hour')
  return rel.format(Math.trunc(s / 86400), 'day')
}

const two = (n: number) => String(n).padStart(2, '0')

/** clock is the time of day, for lists that stand in order anyway. */
export function clock(iso: string): string {
  const d = new Date(iso)
  if (Number.isNaN(d.getTime())) return '–'
  return `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`
}

/** until is a moment that is still to come, as people write it: with its day unless that
 * is today. */
export function until(iso: string, now: number): string {
  const d = new Date(iso)
  if (Number.isNaN(d.getTime())) return iso
  const time = `${two(d.getHours())}:${two(d.getMinutes())}`
  if (d.toDateString() === new Date(now).toDateString()) return time
  return `${d.toLocaleDateString('en-GB', { day: 'numeric', month: 'short' })}, ${time}`
}

export function absolute(iso: string): string {
  const d = new Date(iso)
  if (Number.isNaN(d.getTime())) return iso
  const off = -d.getTimezoneOffset()
  const sign = off < 0 ? '-' : '+'
  const zone = `${sign}${two(Math.trunc(Math.abs(off) / 60))}:${two(Math.abs(off) % 60)}`
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${clock(iso)} ${zone}`
}

export function duration(ns: number): string {
  const ms = ns / 1e6
  if (ms < 1) return `${(ns / 1000).toFixed(0)} µs`
  if (ms < 10) return `${ms.toFixed(1)} ms`
  if (ms < 1000) return `${ms.toFixed(0)} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`
}

/** countdown is what is left until then, as m:ss. */
export function countdown(then: number, now: number): string {
  const s = Math.max(0, Math.ceil((then - now) / 1000))
  if (s >= 3600) return `${Math.floor(s / 3600)}:${two(Math.floor((s % 3600) / 60))}:${two(s % 60)}`
  return `${Math.floor(s / 60)}:${two(s % 60)}`
}

/** bytes says a size as the command line does, in powers of 1024. */
export function bytes(n: number): string {
  if (n < 1024) return `${n} B`
  const units = ['KiB', 'MiB', 'GiB', 'TiB']
  let v = n / 1024
  let i = 0
  for (; v >= 1024 && i < units.length - 1; i++) v /= 1024
  return `${v.toFixed(1)} ${units[i]}`
}

const plain = new Intl.NumberFormat('en')
export const count = (n: number) => plain.format(n)

export const plural = (n: number, one: string, many = one + 's') => `${count(n)} ${n === 1 ? one : many}`
