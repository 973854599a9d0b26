// Letters that are not there to be seen: they turn text around, hide it or move
// the cursor. Wherever an agent chose a string, they are shown as marks.

export interface Piece {
  text: string
  ghost: boolean
}

// prettier-ignore
const ghosts = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]|\udb40[\udc00-\udfff]/g

const names: Record<string, string> = {
  '\u202e': 'RIGHT-TO-LEFT OVERRIDE',
  '\u202d': 'LEFT-TO-RIGHT OVERRIDE',
  '\u202a': 'LEFT-TO-RIGHT EMBEDDING',
  '\u202b': 'RIGHT-TO-LEFT EMBEDDING',
  '\u202c': 'POP DIRECTIONAL FORMATTING',
  '\u2066': 'LEFT-TO-RIGHT ISOLATE',
  '\u2067': 'RIGHT-TO-LEFT ISOLATE',
  '\u2068': 'FIRST STRONG ISOLATE',
  '\u2069': 'POP DIRECTIONAL ISOLATE',
  '\u200b': 'ZERO WIDTH SPACE',
  '\u200c': 'ZERO WIDTH NON-JOINER',
  '\u200d': 'ZERO WIDTH JOINER',
  '\u200e': 'LEFT-TO-RIGHT MARK',
  '\u200f': 'RIGHT-TO-LEFT MARK',
  '\u2060': 'WORD JOINER',
  '\ufeff': 'ZERO WIDTH NO-BREAK SPACE',
  '\u00ad': 'SOFT HYPHEN',
  '\u061c': 'ARABIC LETTER MARK',
  '\u001b': 'ESCAPE',
  '\u0000': 'NULL',
}

export function codePoint(s: string): string {
  return 'U+' + s.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')
}

export function ghostName(s: string): string {
  const name = names[s]
  return name ? `${codePoint(s)} ${name}` : `${codePoint(s)}, a letter that is not seen`
}

/** pieces splits text into what can be shown as it is and what must be marked. */
export function pieces(text: string): Piece[] {
  const out: Piece[] = []
  let from = 0
  for (const m of text.matchAll(ghosts)) {
    if (m.index > from) out.push({ text: text.slice(from, m.index), ghost: false })
    out.push({ text: m[0], ghost: true })
    from = m.index + m[0].length
  }
  if (from < text.length || out.length === 0) out.push({ text: text.slice(from), ghost: false })
  return out
}

/** hidden counts what pieces would mark. */
export function hidden(text: string): number {
  return text.match(ghosts)?.length ?? 0
}
