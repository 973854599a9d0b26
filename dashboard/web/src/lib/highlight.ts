// Text as coloured pieces. Nothing here makes markup: a page puts every piece into
// a text node of its own.

export interface Token {
  text: string
  kind: '' | 'key' | 'str' | 'num' | 'word' | 'note' | 'mark'
}

const json = /("(?:\\.|[^"\\])*"?)(\s*:)?|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|\b(true|false|null)\b/g

export function tokensOfJSON(s: string): Token[] {
  return collect(s, json, (m) => (m[1] ? (m[2] ? 'key' : 'str') : m[3] ? 'num' : 'word'), (m) => m[1] ?? m[0])
}

const keywords =
  'select|from|where|and|or|not|in|is|null|insert|into|values|update|set|delete|truncate|create|table|index|view|drop|alter|add|column|join|left|right|full|inner|outer|cross|lateral|on|using|group|by|order|having|limit|offset|union|all|except|intersect|distinct|as|with|recursive|case|when|then|else|end|begin|commit|rollback|savepoint|release|grant|revoke|copy|to|returning|exists|between|like|ilike|asc|desc|cascade|true|false|for|do|nothing|conflict|call|explain|analyze|set|show|prepare|execute|declare|fetch|close|listen|notify|lock|vacuum|merge|matched|over|partition|window|filter|cast'
const sql = new RegExp(
  `(--[^\\n]*|/\\*[\\s\\S]*?(?:\\*/|$))|('(?:''|[^'])*'?|\\$([A-Za-z_]\\w*)?\\$[\\s\\S]*?(?:\\$\\3\\$|$))|("(?:""|[^"])*"?)|(\\$\\d+|\\b\\d+(?:\\.\\d+)?\\b)|\\b(${keywords})\\b`,
  'gi',
)

export function tokensOfSQL(s: string): Token[] {
  return collect(s, sql, (m) => (m[1] ? 'note' : m[2] ? 'str' : m[4] ? 'key' : m[5] ? 'num' : 'word'))
}

const escapes = /<U\+[0-9A-F]{4,6}>|<0x[0-9A-F]{2}>/g

/** tokensOfSample marks the escapes that the gateway wrote for unseen letters. */
export function tokensOfSample(s: string): Token[] {
  return collect(s, escapes, () => 'mark')
}

function collect(
  s: string,
  re: RegExp,
  kind: (m: RegExpExecArray) => Token['kind'],
  text: (m: RegExpExecArray) => string = (m) => m[0],
): Token[] {
  const out: Token[] = []
  let from = 0
  re.lastIndex = 0
  for (let m = re.exec(s); m; m = re.exec(s)) {
    if (m[0] === '') {
      re.lastIndex++
      continue
    }
    if (m.index > from) out.push({ text: s.slice(from, m.index), kind: '' })
    const t = text(m)
    out.push({ text: t, kind: kind(m) })
    from = m.index + t.length
    re.lastIndex = from
  }
  if (from < s.length) out.push({ text: s.slice(from), kind: '' })
  return out
}

/** most is how many letters are laid out and coloured; more is shown plain. */
export const most = 200_000

const deepest = 40 // levels that are indented: whoever wrote the text chose how deep it is

/** prettyJSON gives s laid out, or null where it is no JSON or becomes too long; a cut
 * one is the beginning of some. Numbers are kept as they stand, because parsing them
 * would round long ones. */
export function prettyJSON(s: string, cut = false): string | null {
  const t = s.trim()
  if (t[0] !== '{' && t[0] !== '[') return null
  try {
    if (!cut) JSON.parse(t)
  } catch {
    return null
  }
  let out = ''
  let depth = 0
  const line = () => '\n' + '  '.repeat(Math.min(depth, deepest))
  for (let i = 0; i < t.length; i++) {
    if (out.length > most) return null
    const c = t[i]!
    if (c === '"') {
      let end = i + 1
      while (end < t.length && t[end] !== '"') end += t[end] === '\\' ? 2 : 1
      out += t.slice(i, end + 1)
      i = end
    } else if (c === '{' || c === '[') {
      const close = c === '{' ? '}' : ']'
      let next = i + 1
      while (next < t.length && /\s/.test(t[next]!)) next++
      if (t[next] === close) {
        out += c + close
        i = next
        continue
      }
      depth++
      out += c + line()
    } else if (c === '}' || c === ']') {
      depth--
      out += line() + c
    } else if (c === ',') out += c + line()
    else if (c === ':') out += ': '
    else if (!/\s/.test(c)) out += c
  }
  return out.length > most ? null : out
}

const field = /^(data|event|id|retry)(: ?)(.*)$/

/** prettyEvents lays out what events, or lines of JSON, hold; null where that becomes
 * too long. */
export function prettyEvents(s: string): string | null {
  const out: string[] = []
  let length = 0
  for (const line of s.split('\n')) {
    const m = field.exec(line)
    const laid = m ? m[1]! + m[2]! + (prettyJSON(m[3]!) ?? m[3]!) : (prettyJSON(line) ?? line)
    length += laid.length + 1
    if (length > most) return null
    out.push(laid)
  }
  return out.join('\n')
}

export function tokensOfEvents(s: string): Token[] {
  return s.split(/(?<=\n)/).flatMap((line): Token[] => {
    const m = /^(data|event|id|retry)(?=:)/.exec(line)
    if (line.startsWith(':')) return [{ text: line, kind: 'note' }]
    return m ? [{ text: m[0], kind: 'word' }, ...tokensOfJSON(line.slice(m[0].length))] : tokensOfJSON(line)
  })
}

const gone = /\[hidden\]|%5Bhidden%5D|\*{12,}/g

/** marksOf splits a text at what stands in it where the gateway took something out. */
export function marksOf(s: string): { text: string; gone: boolean }[] {
  return collect(s, gone, () => 'mark').map((t) => ({ text: t.text, gone: t.kind === 'mark' }))
}

const breaks = /^(select|from|where|group|order|having|limit|offset|union|except|intersect|values|set|returning|left|right|full|inner|cross|join|and|or|with)$/i
const joins = /^(left|right|full|inner|cross)$/i

/** prettySQL puts the clauses of SQL on lines of their own. It changes nothing but
 * spaces, and none inside of strings, names and comments. */
export function prettySQL(s: string): string {
  let out = ''
  let depth = 0
  let last = ''
  for (const t of tokensOfSQL(s)) {
    if (t.kind === '') {
      for (const c of t.text.replace(/\s+/g, ' ')) {
        if (c === '(') depth++
        if (c === ')') depth = Math.max(0, depth - 1)
        out += c
      }
      continue
    }
    if (t.kind === 'word') {
      const w = t.text
      const goesOn = (/^join$/i.test(w) && joins.test(last)) || (/^from$/i.test(w) && /^(delete|distinct)$/i.test(last))
      if (breaks.test(w) && !goesOn && out.trim() !== '' && depth === 0) {
        out = out.trimEnd() + '\n' + (/^(and|or)$/i.test(w) ? '  ' : '')
      }
      last = w
    }
    out += t.text
    if (t.kind === 'note' && t.text.startsWith('--')) out += '\n'
  }
  return out.trim()
}
