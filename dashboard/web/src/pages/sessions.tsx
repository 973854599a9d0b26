import { count } from '../lib/format'
import { useResource } from '../lib/resource'
import { usePlace } from '../lib/router'
import type { Row } from '../lib/types'
import { money, promptOf } from '../lib/usage'
import { QueryBar } from './querybar'
import { useActions } from './recorded'
import { SessionPage, Watchers } from './session'
import { Badge, Empty, Fault, Foreign, Link, PageHead, Skeleton, Time } from '../ui/kit'

export { SessionPage }

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

export function SessionsPage() {
  const { query } = usePlace()
  const q = query.get('q') ?? ''
  const { rows, error, load } = useActions(q, reach)
  const watched = useResource<{ id: string; watchers?: string[] }[]>('/sessions')
  const list = rows ? sessionsOf(rows) : []
  const watchers = new Map((watched.data ?? []).map((s) => [s.id, s.watchers ?? []]))
  return (
    <>
      <PageHead title="Sessions" note={rows && rows.length >= reach ? `of the newest ${count(reach)} actions` : undefined} />
      <div className="bar"><QueryBar q={q} /></div>
      {error ? (
        <Fault problem={error} retry={load} />
      ) : !rows ? (
        <Skeleton lines={8} />
      ) : list.length === 0 && q !== '' ? (
        <Empty title="No session has an action that meets this query">
          Words are looked for in who acted, in what they asked for and in what became of it. <Link to="/sessions">Show every session</Link>
        </Empty>
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
                  <th scope="row"><Link to={`/sessions/${encodeURIComponent(s.id)}`}><Foreign text={s.agent} /></Link><Watchers names={watchers.get(s.id) ?? []} /></th>
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
