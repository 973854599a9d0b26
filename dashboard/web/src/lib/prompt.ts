// What a turn of a language model says, out of the bodies that went there and came
// back: Anthropic's messages, OpenAI's chat and responses, Gemini's contents, and
// calls of tools by JSON-RPC. Every word is an agent's or a model's.

export interface Said {
  role: string // "system", "user", "assistant", "tool" or what the body calls it
  kind: 'text' | 'call' | 'result' | 'other'
  name?: string // of the tool
  text: string
}

type Bag = Record<string, unknown>

const bag = (v: unknown): Bag => (v !== null && typeof v === 'object' && !Array.isArray(v) ? (v as Bag) : {})
const list = (v: unknown): unknown[] => (Array.isArray(v) ? v : [])
const str = (v: unknown): string => (typeof v === 'string' ? v : '')
const shown = (v: unknown): string => (typeof v === 'string' ? v : v === undefined ? '' : JSON.stringify(v))

/** promptIn gives what a request said to a model or a tool; null for a body of another
 * kind, or one that is not whole. */
export function promptIn(body: string): Said[] | null {
  let doc: Bag
  try {
    doc = bag(JSON.parse(body))
  } catch {
    return null
  }
  const out: Said[] = []
  if (doc.method === 'tools/call') {
    const p = bag(doc.params)
    return [{ role: 'tool', kind: 'call', name: str(p.name), text: shown(p.arguments) }]
  }
  const system = doc.system ?? doc.instructions ?? doc.systemInstruction ?? doc.system_instruction
  if (system !== undefined) out.push(...pieces('system', bag(system).parts ?? system))
  if (typeof doc.input === 'string' || typeof doc.prompt === 'string') out.push({ role: 'user', kind: 'text', text: str(doc.input) || str(doc.prompt) })
  for (const m of [...list(doc.messages), ...list(doc.input), ...list(doc.contents)]) out.push(...message(bag(m)))
  return out.length > 0 ? out : null
}

function message(m: Bag): Said[] {
  const type = str(m.type)
  if (type === 'function_call') return [{ role: 'assistant', kind: 'call', name: str(m.name), text: shown(m.arguments) }]
  if (type === 'function_call_output') return [{ role: 'tool', kind: 'result', text: shown(m.output) }]
  const role = str(m.role) || type || 'user'
  const out = role === 'tool' ? [{ role, kind: 'result' as const, text: words(m.content) }] : pieces(role, m.parts ?? m.content)
  for (const c of list(m.tool_calls)) {
    const f = bag(bag(c).function)
    out.push({ role, kind: 'call', name: str(f.name), text: shown(f.arguments) })
  }
  return out
}

/** words is the text of a content, whatever its parts are. */
const words = (v: unknown): string => (typeof v === 'string' ? v : list(v).map((p) => str(bag(p).text) || shown(p)).join('\n'))

function pieces(role: string, content: unknown): Said[] {
  if (typeof content === 'string') return content === '' ? [] : [{ role, kind: 'text', text: content }]
  const parts = Array.isArray(content) ? content : content === undefined || content === null ? [] : [content]
  return parts.map((part): Said => {
    if (typeof part === 'string') return { role, kind: 'text', text: part }
    const p = bag(part)
    const call = bag(p.functionCall ?? p.function_call)
    const answer = bag(p.functionResponse ?? p.function_response)
    if (p.type === 'tool_use') return { role, kind: 'call', name: str(p.name), text: shown(p.input) }
    if (p.type === 'tool_result') return { role: 'tool', kind: 'result', text: words(p.content) }
    if (call.name) return { role, kind: 'call', name: str(call.name), text: shown(call.args) }
    if (answer.name) return { role: 'tool', kind: 'result', name: str(answer.name), text: shown(answer.response) }
    if (typeof p.text === 'string') return { role, kind: 'text', text: p.text }
    return { role, kind: 'other', text: str(p.type) || Object.keys(p)[0] || 'something' }
  })
}

/** answerIn gives what a model answered, whole or in events; null where it is neither. */
export function answerIn(body: string): Said[] | null {
  try {
    return reply(bag(JSON.parse(body)))
  } catch {
    return streamed(body)
  }
}

function reply(doc: Bag): Said[] | null {
  const out: Said[] = []
  for (const c of list(doc.choices)) out.push(...message(bag(bag(c).message)))
  for (const c of list(doc.candidates)) out.push(...pieces('assistant', bag(bag(c).content).parts))
  for (const m of list(doc.output)) out.push(...message(bag(m)))
  if (doc.type === 'message') out.push(...pieces('assistant', doc.content))
  for (const p of list(bag(doc.result).content)) out.push({ role: 'tool', kind: 'result', text: words([p]) })
  return out.length > 0 ? out : null
}

/** streamed puts the pieces of events together. */
function streamed(body: string): Said[] | null {
  let text = ''
  const calls: Said[] = []
  for (const line of body.split('\n')) {
    if (!line.startsWith('data:')) continue
    let e: Bag
    try {
      e = bag(JSON.parse(line.slice(5)))
    } catch {
      continue // "[DONE]", and an event that was cut
    }
    const delta = bag(e.delta)
    text += str(e.type === 'response.output_text.delta' ? e.delta : delta.text)
    if (str(bag(e.content_block).type) === 'tool_use') calls.push({ role: 'assistant', kind: 'call', name: str(bag(e.content_block).name), text: '' })
    if (delta.type === 'input_json_delta' && calls.length > 0) calls.at(-1)!.text += str(delta.partial_json)
    for (const c of list(e.choices)) {
      const d = bag(bag(c).delta)
      text += str(d.content)
      for (const t of list(d.tool_calls)) {
        const f = bag(bag(t).function)
        if (str(f.name)) calls.push({ role: 'assistant', kind: 'call', name: str(f.name), text: '' })
        if (calls.length > 0) calls.at(-1)!.text += str(f.arguments)
      }
    }
    for (const c of list(e.candidates)) text += pieces('assistant', bag(bag(c).content).parts).map((p) => p.text).join('')
  }
  const out: Said[] = text ? [{ role: 'assistant', kind: 'text', text }, ...calls] : calls
  return out.length > 0 ? out : null
}

/** alike is how much of what one turn said stood in the one before already: a client
 * sends the whole conversation each time. */
export function alike(before: Said[], now: Said[]): number {
  let n = 0
  while (n < before.length && n < now.length && same(before[n]!, now[n]!)) n++
  return n
}

const same = (a: Said, b: Said) => a.role === b.role && a.kind === b.kind && a.name === b.name && a.text === b.text

/** A Fold is a moment, or a run of them that say the same. */
export interface Fold<T> {
  first: T
  rows: T[]
}

const worth = 3 // so many of the same are one line

/** fold puts together what follows itself. */
export function fold<T>(rows: T[], key: (r: T) => string): Fold<T>[] {
  const runs: Fold<T>[] = []
  let last = ''
  for (const r of rows) {
    const k = key(r)
    if (runs.length > 0 && k === last) runs.at(-1)!.rows.push(r)
    else runs.push({ first: r, rows: [r] })
    last = k
  }
  return runs.flatMap((f) => (f.rows.length < worth ? f.rows.map((r) => ({ first: r, rows: [r] })) : [f]))
}
