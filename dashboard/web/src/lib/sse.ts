import { open, problem, type Problem } from './api'

// Server-sent events over fetch: unlike EventSource it tells why a stream was
// refused, and events are handed over in batches, ten times a second at most.

export interface Message {
  id: string
  event: string
  data: string
}

/** Parser takes a stream apart (HTML Living Standard, 9.2.6). */
export class Parser {
  private rest = ''
  private event = ''
  private data: string[] = []
  id = ''

  push(text: string): Message[] {
    const out: Message[] = []
    const lines = (this.rest + text).split('\n')
    this.rest = lines.pop()!
    for (const raw of lines) {
      const line = raw.endsWith('\r') ? raw.slice(0, -1) : raw
      if (line === '') {
        if (this.data.length > 0) out.push({ id: this.id, event: this.event || 'message', data: this.data.join('\n') })
        this.event = ''
        this.data = []
        continue
      }
      if (line.startsWith(':')) continue
      const at = line.indexOf(':')
      const field = at < 0 ? line : line.slice(0, at)
      let value = at < 0 ? '' : line.slice(at + 1)
      if (value.startsWith(' ')) value = value.slice(1)
      if (field === 'data') this.data.push(value)
      else if (field === 'event') this.event = value
      else if (field === 'id') this.id = value
    }
    return out
  }
}

export type StreamState = 'connecting' | 'live' | 'lost'

export interface Follower {
  onMessages: (batch: Message[]) => void
  onState: (s: StreamState, why?: Problem) => void
}

const batchEvery = 100
const retryFrom = 500
const retryTo = 15_000
const silence = 40_000 // no heartbeat for so long: the connection is gone

/** follow reads path until stop is called, connecting again when it breaks. It begins
 * behind the event lastID; "": with what comes. */
export function follow(path: string, f: Follower, lastID = ''): () => void {
  const ended = new AbortController()
  void run(path, f, lastID, ended.signal)
  return () => ended.abort()
}

async function run(path: string, f: Follower, lastID: string, ended: AbortSignal) {
  let wait = retryFrom
  while (!ended.aborted) {
    f.onState('connecting')
    const one = new AbortController()
    const stop = () => one.abort()
    ended.addEventListener('abort', stop)
    try {
      const headers: Record<string, string> = { Accept: 'text/event-stream' }
      if (lastID) headers['Last-Event-ID'] = lastID
      const answer = await open(path, { signal: one.signal, headers })
      f.onState('live')
      wait = retryFrom
      await pump(answer, f, stop, (id) => (lastID = id || lastID))
      f.onState('lost')
    } catch (err) {
      if (ended.aborted) return
      const why = problem(err)
      f.onState('lost', why)
      if (why.status >= 400 && why.status < 500 && why.status !== 429) return // asking again would not help
    } finally {
      ended.removeEventListener('abort', stop)
      one.abort()
    }
    await sleep(wait, ended)
    wait = Math.min(wait * 2, retryTo)
  }
}

async function pump(answer: Response, f: Follower, stop: () => void, seen: (id: string) => void) {
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader()
  const parser = new Parser()
  let batch: Message[] = []
  let timer = 0
  let watchdog = window.setTimeout(stop, silence)
  const flush = () => {
    timer = 0
    const got = batch
    batch = []
    if (got.length > 0) f.onMessages(got)
  }
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      clearTimeout(watchdog)
      watchdog = window.setTimeout(stop, silence)
      const got = parser.push(value)
      if (got.length === 0) continue
      seen(parser.id)
      for (const m of got) batch.push(m)
      if (!timer) timer = window.setTimeout(flush, batchEvery)
    }
  } finally {
    clearTimeout(watchdog)
    clearTimeout(timer)
    flush()
  }
}

function sleep(ms: number, ended: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const timer = setTimeout(done, ms)
    ended.addEventListener('abort', () => {
      clearTimeout(timer)
      done()
    })
  })
}
