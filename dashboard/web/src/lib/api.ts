// Every call of the pages goes through here, so that one place knows what a
// refusal looks like and what becomes of a session that ended.

import type { Schemas } from './schema'

const base = '/api/v1'

/** A Problem is a refusal as the API words it (RFC 9457), or that nobody answered. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly detail: string,
    readonly type = '',
  ) {
    super(detail)
  }

  get stepUp() {
    return this.type.endsWith('/step-up')
  }

  /** cure says what to do about it. */
  get cure(): string {
    switch (this.status) {
      case 0:
        return 'Look whether the gateway runs: sallyport status'
      case 401:
        return 'Log in again.'
      case 403:
        return this.stepUp ? 'Prove once more who you are.' : 'Ask an admin for the right, or for another one to do it.'
      case 404:
        return 'It may have been removed meanwhile. Reload the list.'
      case 409:
      case 412:
        return 'It changed meanwhile. Reload and look at it again.'
      case 429:
        return 'Wait a moment, then try again.'
      default:
        return this.status >= 500 ? 'The log of the gateway says more: journalctl -u sallyport' : ''
    }
  }
}

type Handler = () => Promise<boolean>

// What the shell does when a session is missing or must be proven anew.
const on: { login: (() => void) | null; stepUp: Handler | null } = { login: null, stepUp: null }

export function whenRefused(login: () => void, stepUp: Handler) {
  on.login = login
  on.stepUp = stepUp
}

export interface Options {
  signal?: AbortSignal
  headers?: Record<string, string>
  /** quiet: a missing session is the caller's business */
  quiet?: boolean
}

export async function call<T>(method: string, path: string, body?: unknown, o: Options = {}): Promise<T> {
  const answer = await send(method, path, body, o)
  if (answer.ok) return (await answer.json()) as T
  const problem = await problemOf(answer)
  if (problem.status === 401 && !o.quiet) on.login?.()
  if (!problem.stepUp || !on.stepUp) throw problem
  return (await inTurn(problem, on.stepUp, () => send(method, path, body, o))) as T
}

let before: Promise<unknown> | null = null // whoever is being asked for a proof

/** inTurn has somebody prove who they are, for one call after the other: beside an agent
 * a proof is good for one of them, elsewhere for all that wait. */
async function inTurn(problem: Problem, prove: Handler, send: () => Promise<Response>): Promise<unknown> {
  const others = before
  const turn = async () => {
    if (others) {
      await others.catch(() => {})
      const answer = await send()
      if (answer.ok) return answer.json()
      problem = await problemOf(answer)
      if (!problem.stepUp) throw problem
    }
    if (!(await prove())) throw problem
    const answer = await send()
    if (answer.ok) return answer.json()
    throw await problemOf(answer)
  }
  const mine: Promise<unknown> = turn().finally(() => {
    if (before === mine) before = null
  })
  before = mine
  return mine
}

export const get = <T>(path: string, o?: Options) => call<T>('GET', path, undefined, o)
export const post = <T>(path: string, body?: unknown, o?: Options) => call<T>('POST', path, body, o)
export const put = <T>(path: string, body: unknown, o?: Options) => call<T>('PUT', path, body, o)
export const del = <T>(path: string, o?: Options) => call<T>('DELETE', path, undefined, o)

/** open gives the raw answer, for streams. */
export async function open(path: string, o: Options = {}): Promise<Response> {
  const answer = await send('GET', path, undefined, o)
  if (answer.ok) return answer
  const problem = await problemOf(answer)
  if (problem.status === 401) on.login?.()
  throw problem
}

async function send(method: string, path: string, body: unknown, o: Options): Promise<Response> {
  const headers: Record<string, string> = { Accept: 'application/json', ...o.headers }
  if (body !== undefined) headers['Content-Type'] = 'application/json'
  try {
    return await fetch(base + path, {
      method,
      headers,
      body: body === undefined ? null : JSON.stringify(body),
      signal: o.signal ?? null,
      credentials: 'same-origin',
      redirect: 'error',
      cache: 'no-store',
    })
  } catch (err) {
    if (o.signal?.aborted) throw err
    throw new Problem(0, 'The gateway does not answer.')
  }
}

async function problemOf(answer: Response): Promise<Problem> {
  try {
    const p = (await answer.json()) as Partial<Schemas['route.Problem']>
    return new Problem(answer.status, p.detail || p.title || answer.statusText, p.type)
  } catch {
    return new Problem(answer.status, answer.statusText || `status ${answer.status}`)
  }
}

export function problem(err: unknown): Problem {
  if (err instanceof Problem) return err
  return new Problem(-1, err instanceof Error ? err.message : String(err))
}
