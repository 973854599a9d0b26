import { Fragment, useCallback, useEffect, useState } from 'react'
import { get, problem, type Problem } from '../lib/api'
import { absolute, clock, count, duration, plural } from '../lib/format'
import { useLive } from '../lib/live'
import { term } from '../lib/query'
import { useResource } from '../lib/resource'
import { setQuery, usePlace } from '../lib/router'
import type { Row } from '../lib/types'
import { money, promptOf, took } from '../lib/usage'
import { EndSession, livePath } from './endsession'
import { Badge, cx, Empty, Fault, Foreign, Link, PageHead, Skeleton, Time, VerdictBadge } from '../ui/kit'

const reach = 5000 // newest actions that the list of sessions is made of

interface Session {
  id: string
  agent: string
  from: string
  to: string
  actions: number
  denied: number
  asked: number
  failed: number
  services: string[]
  tokens: number
  cost: number
}

/** sessionsOf groups rows, which come newest first. */
export function sessionsOf(rows: Row[]): Session[] {
  const found = new Map<string, Session>()
  for (const r of rows) {
    if (!r.session) continue
    let s = found.get(r.session)
    if (!s) {
      s = { id: r.session, agent: r.agent.name ?? '', from: r.time, to: r.time, actions: 0, denied: 0, asked: 0, failed: 0, services: [], tokens: 0, cost: 0 }
      found.set(r.session, s)
    }
    s.from = r.time
    s.actions++
    if (r.usage) {
      s.tokens += promptOf(r.usage) + (r.usage.output ?? 0)
      s.cost += r.usage.cost_nano ?? 0
    }
    if (r.verdict === 'deny') s.denied++
    if (r.verdict === 'ask') s.asked++
    if (r.outcome === 'failed') s.failed++
    if (r.service && !s.services.includes(r.service)) s.services.push(r.service)
  }
  return [...found.values()]
}

function useActions(query: string, limit: number) {
  const [rows, setRows] = useState<Row[] | null>(null)
  const [error, setError] = useState<Problem | null>(null)
  const load = useCallback(() => {
    setError(null)
    get<Row[]>(`/actions/rows?q=${encodeURIComponent(`${query} limit:${limit}`)}`).then(setRows, (err) => setError(problem(err)))
  }, [query, limit])
  useEffect(load, [load])
  useLive(query, {
    onRows: (list) => setRows((old) => [...list.reverse(), ...(old ?? [])].slice(0, limit)),
    onLost: load,
    onBack: load,
  })
  return { rows, error, load }
}

export function SessionsPage() {
  const { rows, error, load } = useActions('', reach)
  const list = rows ? sessionsOf(rows) : []
  return (
    <>
      <PageHead title="Sessions" note={rows && rows.length >= reach ? `of the newest ${count(reach)} actions` : undefined} />
      {error ? (
        <Fault problem={error} retry={load} />
      ) : !rows ? (
        <Skeleton lines={8} />
      ) : list.length === 0 ? (
        <Empty title="No session yet">A session is one run of an agent: all it does until it is quiet for a while.</Empty>
      ) : (
        <div className="panel table-box" tabIndex={0} role="region" aria-label="Sessions">
          <table className="table stack">
            <thead>
              <tr><th scope="col">Agent</th><th scope="col">Began</th><th scope="col">Last</th><th scope="col" className="num">Actions</th><th scope="col">Denied, asked, failed</th><th scope="col" className="num">Tokens</th><th scope="col">Services</th></tr>
            </thead>
            <tbody>
              {list.map((s) => (
                <tr key={s.id}>
                  <th scope="row"><Link to={`/sessions/${encodeURIComponent(s.id)}`}><Foreign text={s.agent} /></Link></th>
                  <td data-label="Began"><Time at={s.from} /></td>
                  <td data-label="Last"><Time at={s.to} /></td>
                  <td data-label="Actions" className="num"><span>{count(s.actions)}</span></td>
                  <td>
                    {s.denied > 0 && <Badge tone="deny">{count(s.denied)} denied</Badge>} {s.asked > 0 && <Badge tone="ask">{count(s.asked)} asked</Badge>} {s.failed > 0 && <Badge>{count(s.failed)} failed</Badge>}
                  </td>
                  <td data-label={s.tokens > 0 ? 'Tokens' : undefined} className="num">{s.tokens > 0 && <>{count(s.tokens)}<span className="quiet block small">{s.cost > 0 ? money(s.cost) : 'no price'}</span></>}</td>
                  <td data-label="Services" className="clip"><Foreign text={s.services.join(', ')} /></td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  )
}

const most = 2000

export function SessionPage({ id }: { id: string }) {
  const { rows: read, error, load } = useActions(term('session', id), most)
  const live = useResource<{ live: boolean }[]>(livePath(id))
  const rows = live.data || live.error ? read : null // its buttons move nothing that is read already
  const list = rows ? [...rows].reverse() : []
  const first = list[0]
  const last = list.at(-1)
  const { query } = usePlace()
  const kind = query.get('kind') ?? ''
  const shown = kind === '' ? list : list.filter((r) => (kind === 'asked' ? wasAsked(r) : kindOf(r) === kind))
  const span = first && last ? new Date(last.time).getTime() - new Date(first.time).getTime() : 0
  return (
    <>
      <PageHead title={first?.agent.name ? `Session of ${first.agent.name}` : 'Session'} note={first && `${absolute(first.time)}, ${plural(list.length, 'action')} in ${duration(span * 1e6)}${spent(list)}`}>
        {first?.agent.name && <Link className="button" to={`/agents/${encodeURIComponent(first.agent.name)}`}>The agent</Link>}
        {first?.agent.name && <EndSession id={id} agent={first.agent.name} />}
        <Link className="button" to={`/activity?q=${encodeURIComponent(term('session', id))}`}>As a list</Link>
      </PageHead>
      {error ? <Fault problem={error} retry={load} /> : !rows ? <Skeleton lines={10} /> : list.length === 0 ? (
        <Empty title="Nothing is recorded of this session">Records older than the retention are gone.</Empty>
      ) : (
        <>
        <Kinds list={list} now={kind} onChange={(k) => setQuery({ kind: k })} />
        <ol className="timeline">
          {shown.map((r, i) => (
            <Fragment key={r.seq}>
            <Gap before={shown[i - 1]} now={r} />
            <li className={cx('moment', r.verdict)}>
              <time dateTime={r.time} title={absolute(r.time)}>{clock(r.time)}</time>
              <VerdictBadge verdict={r.verdict} />
              <div className="moment-text">
                <Link to={`/actions/${encodeURIComponent(r.id)}`} className="mono"><Foreign text={r.summary || r.kind} /></Link>
                <span className="quiet">
                  <span className="moment-kind">{kinds[kindOf(r)]}</span>
                  {r.turn?.names && <><Foreign text={r.turn.names.join(', ')} className="mono" /> · </>}
                  {r.usage && <><Foreign text={took(r.usage)} className="took" /> · </>}
                  <Foreign text={[r.service, r.status, r.duration_ns ? duration(r.duration_ns) : '', r.rows ? plural(r.rows, 'row') : ''].filter(Boolean).join(' · ')} />
                </span>
                {r.verdict !== 'allow' && r.reason && <span className="reason-line"><Foreign text={r.reason} /></span>}
              </div>
            </li>
            </Fragment>
          ))}
        </ol>
        </>
      )}
    </>
  )
}

type Kind = 'model' | 'tool' | 'rpc' | 'graphql' | 'sql' | 'http' | 'conn'

const kinds: Record<Kind, string> = { model: 'Model', tool: 'Tool', rpc: 'RPC', graphql: 'GraphQL', sql: 'SQL', http: 'HTTP', conn: 'Connection' }

/** kindOf says what a moment of a session is. */
export function kindOf(r: Row): Kind {
  if (r.turn) return r.turn.kind as Kind
  if (r.usage) return 'model'
  if (r.kind === 'connect' || r.kind === 'cancel' || r.protocol === 'tcp') return 'conn'
  return r.protocol === 'postgres' ? 'sql' : 'http'
}

/** Kinds narrows a timeline to one kind of moment, or to what people were asked. */
function Kinds({ list, now, onChange }: { list: Row[]; now: string; onChange: (k: string) => void }) {
  const there = (Object.keys(kinds) as Kind[]).map((k): [string, string, number] => [k, kinds[k], list.filter((r) => kindOf(r) === k).length]).filter(([, , n]) => n > 0)
  const asked = list.filter(wasAsked).length
  const all: [string, string, number][] = [['', 'All', list.length], ...there, ...(asked > 0 ? [['asked', 'Asked', asked] as [string, string, number]] : [])]
  if (all.length < 3) return null
  return (
    <div className="chips" role="group" aria-label="Show">
      {all.map(([k, name, n]) => (
        <button key={k} type="button" className="chip" aria-pressed={now === k} onClick={() => onChange(k)}>{name} <span className="quiet">{count(n)}</span></button>
      ))}
    </div>
  )
}

const wasAsked = (r: Row) => r.verdict === 'ask' || r.asked === true

/** spent is what the models of a session took. */
function spent(list: Row[]): string {
  const all = list.flatMap((r) => r.usage ?? [])
  if (all.length === 0) return ''
  const tokens = all.reduce((n, u) => n + promptOf(u) + (u.output ?? 0), 0)
  const cost = all.reduce((n, u) => n + (u.cost_nano ?? 0), 0)
  return `, ${plural(all.length, 'model call')}, ${count(tokens)} tokens, ${money(cost)}${all.some((u) => !u.price) ? ' and some without a price' : ''}`
}

function Gap({ before, now }: { before: Row | undefined; now: Row }) {
  if (!before) return null
  const ms = new Date(now.time).getTime() - new Date(before.time).getTime()
  return ms > 30_000 ? <li className="pause-line quiet">quiet for {duration(ms * 1e6)}</li> : null
}
