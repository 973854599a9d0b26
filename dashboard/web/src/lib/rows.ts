import type { Row } from './types'

/** What a list holds at most; the oldest go first. */
export const maxRows = 100_000

/** before puts rows that came in, oldest first, before those that are there. One that
 * was read already, and then came, stays once. */
export function before(list: Row[], old: Row[]): Row[] {
  const have = new Set(old.map((r) => r.seq))
  return [...list.filter((r) => !have.has(r.seq)).reverse(), ...old]
}

/** again puts a page that was read anew, newest first, behind what came in after it. */
export function again(page: Row[], old: Row[]): Row[] {
  const first = page[0]?.seq ?? 0
  return [...old.filter((r) => r.seq > first), ...page]
}

/**
 * Rows are records in the order of their seq, newest first. What is new comes in
 * at the front and older pages at the back without moving what is there. While
 * held, new ones wait where nobody sees them.
 */
export class Rows {
  private newer: Row[] = [] // oldest first
  private older: Row[] = [] // newest first
  private waiting: Row[] = [] // oldest first
  held = false
  read = false // the newest page is there
  version = 0
  lost = 0 // that the gateway could not send in time
  private readonly watchers = new Set<() => void>()
  private readonly most: number

  constructor(most = maxRows) {
    this.most = most
  }

  get length() {
    return this.newer.length + this.older.length
  }

  get waitingCount() {
    return this.waiting.length
  }

  at(i: number): Row | undefined {
    const n = this.newer.length
    return i < n ? this.newer[n - 1 - i] : this.older[i - n]
  }

  get newest(): number {
    return this.waiting.at(-1)?.seq ?? this.at(0)?.seq ?? 0
  }

  get oldest(): number {
    return this.at(this.length - 1)?.seq ?? 0
  }

  indexOf(id: string): number {
    for (let i = 0; i < this.length; i++) if (this.at(i)!.id === id) return i
    return -1
  }

  /** reset begins anew with the newest page. What came in live meanwhile and is
   * newer stays. */
  reset(page: Row[]) {
    const first = page[0]?.seq ?? 0
    const live = [...this.newer, ...this.waiting].filter((r) => r.seq > first)
    this.read = true
    this.older = [...page]
    this.newer = live
    this.waiting = []
    this.lost = 0
    this.tell()
  }

  clear() {
    this.newer = []
    this.older = []
    this.waiting = []
    this.lost = 0
    this.tell()
  }

  /** add takes rows that came in, oldest first; those it has it does not take. */
  add(list: Row[]) {
    let newest = this.newest
    const into = this.held ? this.waiting : this.newer
    for (const r of list) {
      if (r.seq <= newest) continue
      newest = r.seq
      into.push(r)
    }
    if (this.waiting.length > this.most) this.waiting.splice(0, this.waiting.length - this.most)
    this.trim()
    this.tell()
  }

  /** append takes the page after the oldest one. */
  append(page: Row[]) {
    const oldest = this.oldest || Infinity
    for (const r of page) if (r.seq < oldest) this.older.push(r)
    this.trim()
    this.tell()
  }

  hold(held: boolean) {
    if (held === this.held) return
    this.held = held
    if (!held) {
      for (const r of this.waiting) this.newer.push(r)
      this.waiting = []
      this.trim()
    }
    this.tell()
  }

  get full() {
    return this.length >= this.most
  }

  private trim() {
    let over = this.length - this.most
    if (over <= 0) return
    const fromOlder = Math.min(over, this.older.length)
    this.older.length -= fromOlder
    over -= fromOlder
    if (over > 0) this.newer = this.newer.slice(over)
  }

  *[Symbol.iterator](): Iterator<Row> {
    for (let i = 0; i < this.length; i++) yield this.at(i)!
  }

  subscribe = (w: () => void) => {
    this.watchers.add(w)
    return () => {
      this.watchers.delete(w)
    }
  }

  tell() {
    this.version++
    for (const w of this.watchers) w()
  }
}
