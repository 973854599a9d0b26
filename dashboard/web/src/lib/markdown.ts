// Markdown as the documentation uses it, taken apart. Nothing here makes markup:
// a page makes an element of each piece and puts its words into text.

export type Inline =
  | { kind: 'text' | 'code'; text: string }
  | { kind: 'strong' | 'em'; inside: Inline[] }
  | { kind: 'link'; to: string; inside: Inline[] }
  | { kind: 'image'; to: string; text: string }

export type Block =
  | { kind: 'heading'; level: number; anchor: string; inside: Inline[] }
  | { kind: 'paragraph'; inside: Inline[] }
  | { kind: 'code'; language: string; text: string }
  | { kind: 'list'; ordered: boolean; items: Block[][] }
  | { kind: 'table'; head: Inline[][]; rows: Inline[][][] }
  | { kind: 'quote'; inside: Block[] }
  | { kind: 'rule' }

/** anchorOf makes the name of a heading, as the gateway does. */
export function anchorOf(title: string, taken: Map<string, number>): string {
  const name = title
    .toLowerCase()
    .replace(/[^\p{L}\p{Nd} _-]/gu, '')
    .replaceAll(' ', '-')
  const n = taken.get(name) ?? 0
  taken.set(name, n + 1)
  return n > 0 ? `${name}-${n}` : name
}

const fence = /^(\s*)```(\S*)\s*$/
const heading = /^(#{1,6}) +(.*?)\s*#*\s*$/
const item = /^(\s*)([-*+]|\d+[.)]) +(.*)$/
const ruler = /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/

export function parse(text: string): Block[] {
  return blocks(text.split(/\r?\n/), new Map(), 0, { first: true })
}

function blocks(lines: string[], taken: Map<string, number>, depth: number, state: { first: boolean }): Block[] {
  const out: Block[] = []
  let i = 0
  while (i < lines.length) {
    const line = lines[i]!
    if (line.trim() === '') {
      i++
      continue
    }
    const f = fence.exec(line)
    if (f) {
      const body: string[] = []
      for (i++; i < lines.length && !/^\s*```\s*$/.test(lines[i]!); i++) body.push(lines[i]!.slice(Math.min(f[1]!.length, lines[i]!.length - lines[i]!.trimStart().length)))
      i++
      out.push({ kind: 'code', language: f[2]!, text: body.join('\n') })
      continue
    }
    const h = heading.exec(line)
    if (h) {
      // The first heading is the page's own, which is no place in it.
      const anchor = state.first ? '' : anchorOf(h[2]!, taken)
      state.first = false
      out.push({ kind: 'heading', level: h[1]!.length, anchor, inside: inline(h[2]!) })
      i++
      continue
    }
    if (/^\s*([-*_])(\s*\1){2,}\s*$/.test(line)) {
      out.push({ kind: 'rule' })
      i++
      continue
    }
    if (line.includes('|') && ruler.test(lines[i + 1] ?? '') && lines[i + 1]!.includes('-')) {
      const rows: Inline[][][] = []
      const head = cells(line)
      for (i += 2; i < lines.length && lines[i]!.includes('|') && lines[i]!.trim() !== ''; i++) rows.push(cells(lines[i]!))
      out.push({ kind: 'table', head, rows })
      continue
    }
    if (line.startsWith('>') && depth < 8) {
      const inside: string[] = []
      for (; i < lines.length && lines[i]!.startsWith('>'); i++) inside.push(lines[i]!.replace(/^> ?/, ''))
      out.push({ kind: 'quote', inside: blocks(inside, taken, depth + 1, state) })
      continue
    }
    if (item.test(line) && depth < 8) {
      const [list, next] = listAt(lines, i, taken, depth, state)
      out.push(list)
      i = next
      continue
    }
    const words: string[] = [line.trim()]
    for (i++; i < lines.length && !begins(lines[i]!, lines[i + 1] ?? ''); i++) words.push(lines[i]!.trim())
    out.push({ kind: 'paragraph', inside: inline(words.join(' ')) })
  }
  return out
}

const begins = (line: string, next: string) =>
  line.trim() === '' || fence.test(line) || heading.test(line) || line.startsWith('>') || item.test(line) || (line.includes('|') && ruler.test(next) && next.includes('-'))

function listAt(lines: string[], at: number, taken: Map<string, number>, depth: number, state: { first: boolean }): [Block, number] {
  const first = item.exec(lines[at]!)!
  const indent = first[1]!.length
  const ordered = /\d/.test(first[2]!)
  const items: string[][] = []
  let i = at
  for (; i < lines.length; i++) {
    const line = lines[i]!
    const m = item.exec(line)
    const deep = line.length - line.trimStart().length
    if (m && m[1]!.length === indent && /\d/.test(m[2]!) === ordered) {
      items.push([m[3]!])
    } else if (line.trim() === '') {
      const next = lines[i + 1] ?? ''
      if (next.trim() === '' || (next.length - next.trimStart().length <= indent && !item.test(next))) break
      items.at(-1)!.push('')
    } else if (deep > indent) {
      items.at(-1)!.push(line.slice(Math.min(deep, indent + m1(first))))
    } else if (m || begins(line, lines[i + 1] ?? '')) {
      break
    } else {
      items.at(-1)!.push(line.trim())
    }
  }
  return [{ kind: 'list', ordered, items: items.map((x) => blocks(x, taken, depth + 1, state)) }, i]
}

const m1 = (m: RegExpExecArray) => m[2]!.length + 1

/** cells takes a row of a table apart; a bar in code, or behind a \, is none. */
function cells(line: string): Inline[][] {
  const out: string[] = []
  let now = ''
  let code = false
  const inner = line.trim().replace(/^\|/, '').replace(/(?<!\\)\|$/, '')
  for (let i = 0; i < inner.length; i++) {
    const c = inner[i]!
    if (c === '\\' && inner[i + 1] === '|') {
      now += '|'
      i++
    } else if (c === '|' && !code) {
      out.push(now)
      now = ''
    } else {
      if (c === '`') code = !code
      now += c
    }
  }
  out.push(now)
  return out.map((c) => inline(c.trim()))
}

const reach = 1000 // letters that a mark may stand before its end

/** ends finds the end of what begins at from; -1 where nothing near is it. */
function ends(s: string, mark: string, from: number): number {
  const at = s.slice(from, from + reach).indexOf(mark)
  return at < 0 ? -1 : from + at
}

/** inline takes the words of a line apart. */
export function inline(s: string, depth = 0): Inline[] {
  const out: Inline[] = []
  let now = ''
  const put = (x: Inline) => {
    if (now !== '') out.push({ kind: 'text', text: now })
    now = ''
    out.push(x)
  }
  for (let i = 0; i < s.length; ) {
    const found = depth > 6 ? null : at(s, i, depth)
    if (!found) {
      now += s[i++]
      continue
    }
    if (typeof found.piece === 'string') now += found.piece
    else put(found.piece)
    i = found.next
  }
  if (now !== '') out.push({ kind: 'text', text: now })
  return out
}

type Found = { piece: Inline | string; next: number } | null

const letter = /[\p{L}\p{N}_]/u

/** at gives what begins at a place, if anything does. */
function at(s: string, i: number, depth: number): Found {
  switch (s[i]) {
    case '\\':
      return /[\\`*_{}[\]()#+.!|<>-]/.test(s[i + 1] ?? '') ? { piece: s[i + 1]!, next: i + 2 } : null
    case '`':
      return code(s, i)
    case '!':
      return s[i + 1] === '[' ? link(s, i + 1, depth, true) : null
    case '[':
      return link(s, i, depth, false)
    case '<': {
      const end = /^<https?:\/\//.test(s.slice(i, i + 9)) ? ends(s, '>', i) : -1
      const to = s.slice(i + 1, end)
      return end < 0 || /\s/.test(to) ? null : { piece: { kind: 'link', to, inside: [{ kind: 'text', text: to }] }, next: end + 1 }
    }
    case '*':
    case '_':
      return emphasis(s, i, depth)
  }
  return null
}

function code(s: string, i: number): Found {
  let n = 1
  while (s[i + n] === '`') n++
  const mark = '`'.repeat(n)
  if (n > 3) return { piece: mark, next: i + n }
  for (let end = ends(s, mark, i + n); end >= 0; end = ends(s, mark, end)) {
    let m = n
    while (s[end + m] === '`') m++
    if (m === n && end > i + n) return { piece: { kind: 'code', text: s.slice(i + n, end).replace(/^ (.*) $/, '$1') }, next: end + n }
    end += m
  }
  return { piece: mark, next: i + n }
}

function link(s: string, i: number, depth: number, image: boolean): Found {
  let open = 0
  for (let j = i; j < s.length && j < i + reach; j++) {
    if (s[j] === '\\') j++
    else if (s[j] === '[') open++
    else if (s[j] === ']' && --open === 0) {
      const end = s[j + 1] === '(' ? ends(s, ')', j + 2) : -1
      const to = s.slice(j + 2, end)
      if (end < 0 || /\s/.test(to)) return null
      const text = s.slice(i + 1, j)
      return { piece: image ? { kind: 'image', to, text } : { kind: 'link', to, inside: inline(text, depth + 1) }, next: end + 1 }
    }
  }
  return null
}

function emphasis(s: string, i: number, depth: number): Found {
  const c = s[i]!
  const strong = s[i + 1] === c
  if (c === '_' && (strong || letter.test(s[i - 1] ?? ''))) return null
  const mark = strong ? c + c : c
  const from = i + mark.length
  if (/\s|\*/.test(s[from] ?? ' ') || (!strong && letter.test(s[i - 1] ?? ''))) return null
  const end = ends(s, mark, from)
  if (end <= from || /\s/.test(s[end - 1]!)) return null
  if (!strong && (s[end + 1] === c || letter.test(s[end + 1] ?? ''))) return null
  return { piece: { kind: strong ? 'strong' : 'em', inside: inline(s.slice(from, end), depth + 1) }, next: end + mark.length }
}

/** leads says where a link of a page goes: to another page, out, or nowhere that
 * can be reached from here. */
export function leads(to: string, page: string): { path: string } | { out: string } | null {
  if (/^https?:\/\/[^\s]+$/.test(to)) return { out: to }
  if (to.startsWith('#')) return { path: `/docs/${page}${to}` }
  const m = /^([\w-]+)\.md(#[\w-]*)?$/.exec(to)
  return m ? { path: `/docs/${m[1]}${m[2] ?? ''}` } : null
}
