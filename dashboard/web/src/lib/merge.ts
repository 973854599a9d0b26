// Two changes of one text, put together line by line where they do not meet.

export interface Chunk {
  kind: 'same' | 'mine' | 'theirs' | 'both' | 'conflict'
  base: string[]
  mine: string[]
  theirs: string[]
}

const most = 2000 // lines of difference that are looked for; beyond, a text is one block

/** pairs gives for each line of a the line of b that it stayed, or -1 (Myers, An
 * O(ND) Difference Algorithm). */
export function pairs(a: string[], b: string[]): number[] {
  const found = new Array<number>(a.length).fill(-1)
  let head = 0
  while (head < a.length && head < b.length && a[head] === b[head]) found[head] = head++
  let enda = a.length
  let endb = b.length
  while (enda > head && endb > head && a[enda - 1] === b[endb - 1]) found[--enda] = --endb
  const n = enda - head
  const m = endb - head
  const trace: Int32Array[] = []
  const v = new Int32Array(2 * (n + m) + 3)
  const mid = n + m + 1
  for (let d = 0; d <= n + m; d++) {
    if (d > most) return found
    trace.push(v.slice(mid - d - 1, mid + d + 2))
    for (let k = -d; k <= d; k += 2) {
      let x = k === -d || (k !== d && v[mid + k - 1]! < v[mid + k + 1]!) ? v[mid + k + 1]! : v[mid + k - 1]! + 1
      while (x < n && x - k < m && a[head + x] === b[head + x - k]) x++
      v[mid + k] = x
      if (x >= n && x - k >= m) return walk(found, trace, d, n, m, head)
    }
  }
  return found
}

/** walk goes back along the shortest way and notes the lines that stayed. */
function walk(found: number[], trace: Int32Array[], last: number, n: number, m: number, head: number): number[] {
  let x = n
  let y = m
  for (let d = last; d >= 0 && (x > 0 || y > 0); d--) {
    const v = (k: number) => trace[d]![k + d + 1]!
    const k = x - y
    const before = d === 0 ? 0 : k === -d || (k !== d && v(k - 1) < v(k + 1)) ? k + 1 : k - 1
    const bx = d === 0 ? 0 : v(before)
    const by = d === 0 ? 0 : bx - before
    while (x > bx && y > by) found[head + --x] = head + --y
    x = bx
    y = by
  }
  return found
}

const equal = (a: string[], b: string[]) => a.length === b.length && a.every((line, i) => line === b[i])

/** merge takes apart what two people made of base. */
export function merge(base: string, mine: string, theirs: string): Chunk[] {
  const [b, m, t] = [base.split('\n'), mine.split('\n'), theirs.split('\n')]
  const toMine = pairs(b, m)
  const toTheirs = pairs(b, t)
  const out: Chunk[] = []
  const at = { b: 0, m: 0, t: 0 }
  const put = (c: Chunk) => {
    const last = out.at(-1)
    if (last && last.kind === c.kind && c.kind === 'same') last.base.push(...c.base)
    else if (c.base.length + c.mine.length + c.theirs.length > 0) out.push(c)
  }
  const upTo = (eb: number, em: number, et: number) => {
    const c = { base: b.slice(at.b, eb), mine: m.slice(at.m, em), theirs: t.slice(at.t, et) }
    const byMe = !equal(c.base, c.mine)
    const byThem = !equal(c.base, c.theirs)
    put({ ...c, kind: byMe && byThem ? (equal(c.mine, c.theirs) ? 'both' : 'conflict') : byMe ? 'mine' : byThem ? 'theirs' : 'same' })
  }
  for (let i = 0; i < b.length; i++) {
    const [im, it] = [toMine[i]!, toTheirs[i]!]
    if (im < 0 || it < 0) continue
    upTo(i, im, it)
    put({ kind: 'same', base: [b[i]!], mine: [], theirs: [] })
    at.b = i + 1
    at.m = im + 1
    at.t = it + 1
  }
  upTo(b.length, m.length, t.length)
  return out
}

/** settled gives what a chunk comes to by itself; null where people must say. */
export function settled(c: Chunk): string[] | null {
  if (c.kind === 'conflict') return null
  return c.kind === 'same' ? c.base : c.kind === 'theirs' ? c.theirs : c.mine
}

/** where names the block that the end of the lines before stands in. */
export function where(before: string[]): string {
  for (let i = before.length - 1; i >= 0; i--) {
    const head = /^([a-z_]+(?: "[^"]*")*) ?\{/.exec(before[i]!)
    if (head) return before.slice(i + 1).some((l) => l === '}') ? '' : head[1]!
  }
  return ''
}
