import { lazy, Suspense, useMemo } from 'react'
import { count, plural } from '../lib/format'
import { cell, save } from '../lib/export'
import { useResource } from '../lib/resource'
import { setQuery, usePlace } from '../lib/router'
import { costOf, money, promptOf, share, tokensOf, type Group, type Report } from '../lib/usage'
import { Button, cx, Empty, Fault, Foreign, Link, PageHead, Panel, Skeleton } from '../ui/kit'
import type { Line } from '../ui/chart'
import './usage.css'

const Chart = lazy(() => import('../ui/chart'))

const ranges = [['today', 'today (UTC)'], ['24h', '24 hours'], ['7d', '7 days'], ['30d', '30 days'], ['90d', '90 days']] as const
const kinds = ['agent', 'model', 'service', 'role', 'provider', 'user'] as const
const shows = { cost: 'Cost', tokens: 'Tokens', requests: 'Requests' } as const
type Show = keyof typeof shows

const lines = 6 // of the chart, beside all others

function pick<T extends string>(value: string | null, of: readonly T[], or: T): T {
  return of.find((x) => x === value) ?? or
}

export function UsagePage() {
  const { query } = usePlace()
  const since = pick(query.get('since'), ranges.map(([v]) => v), '7d')
  const by = pick(query.get('by'), kinds, 'agent')
  const show = pick(query.get('show'), Object.keys(shows) as Show[], 'cost')
  const step = since === 'today' || since === '24h' ? 'hour' : 'day'
  const { data, error, reload } = useResource<Report>(`/usage?since=${since}&by=${by}&step=${step}`)
  const none = data && data.total.requests === 0
  return (
    <>
      <PageHead title="Usage" note="Tokens and money of language models, as their answers state them">
        {data && !none && <Button icon="down" onClick={() => save(`usage-${by}-${since}.csv`, 'text/csv', table(data))}>CSV</Button>}
      </PageHead>
      <div className="usage-bar">
        <label>Time<select value={since} onChange={(e) => setQuery({ since: e.target.value })}>{ranges.map(([v, name]) => <option key={v} value={v}>{name}</option>)}</select></label>
        <div className="chips" role="group" aria-label="Group by">
          {kinds.map((k) => <button key={k} type="button" className="chip" aria-pressed={by === k} onClick={() => setQuery({ by: k })}>{k[0]!.toUpperCase() + k.slice(1)}</button>)}
        </div>
        <div className="chips" role="group" aria-label="Show">
          {(Object.keys(shows) as Show[]).map((k) => <button key={k} type="button" className="chip" aria-pressed={show === k} onClick={() => setQuery({ show: k })}>{shows[k]}</button>)}
        </div>
      </div>
      {error && <Fault problem={error} retry={reload} />}
      {!data ? !error && <Skeleton lines={10} /> : none ? <Nothing since={since} /> : <Numbers data={data} by={by} show={show} step={step} />}
    </>
  )
}

function Nothing({ since }: { since: string }) {
  return (
    <Empty title={`No language model has answered ${since === 'today' ? 'today' : `in ${ranges.find(([v]) => v === since)![1]}`}`} command="sallyport usage --since 90d">
      Agents reach models through a service. <Link to="/services/new">Add one from the gallery</Link>: what its answers take shows up here.
    </Empty>
  )
}

function Numbers({ data, by, show, step }: { data: Report; by: string; show: Show; step: 'hour' | 'day' }) {
  const t = data.total
  const prompt = promptOf(t)
  const seconds = useMemo(() => (data.times ?? []).map((x) => new Date(x).getTime() / 1000), [data])
  const stacked = useMemo(() => linesOf(data, show, by), [data, show, by])
  return (
    <>
      <div className="tiles">
        <Figure label="Cost" value={money(t.cost_nano)} note={t.unpriced ? `${plural(t.unpriced, 'request')} without a price` : 'of every request'} />
        <Figure label="Requests" value={count(t.requests)} note={t.estimated ? `${count(t.estimated)} estimated` : undefined} />
        <Figure label="Tokens" value={count(tokensOf(t))} note={`${count(prompt)} in, ${count(t.output)} out`} />
        <Figure label="From a cache" value={share(t.cache_read, prompt)} note={`${count(t.cache_read)} of what went in`} />
      </div>
      <Panel title={`${shows[show]} by ${by}, each ${step}`}>
        <div className="chart-room">
          <Suspense fallback={<Skeleton lines={8} />}>
            <Chart label={`${shows[show]} by ${by} over time, stacked; the table below has the sums`} times={seconds} step={step} lines={stacked} say={show === 'cost' ? money : compact} />
          </Suspense>
        </div>
      </Panel>
      <Sums data={data} by={by} show={show} />
      {(data.unpriced ?? []).length > 0 && <Unpriced data={data} />}
    </>
  )
}

const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })
const compact = (n: number) => short.format(n)

const of = (p: { requests: number; tokens: number; cost_nano: number }, show: Show) => (show === 'cost' ? p.cost_nano : show === 'tokens' ? p.tokens : p.requests)

/** linesOf gives the largest groups and, where groups do not overlap, the rest. */
function linesOf(data: Report, show: Show, by: string): Line[] {
  const whole = (g: Group) => of({ requests: g.requests, tokens: tokensOf(g), cost_nano: g.cost_nano }, show)
  const drawn = data.groups.filter((g) => g.line).sort((a, b) => whole(b) - whole(a)).slice(0, lines)
  const list = drawn.map((g) => ({ name: nameOf(g, by), values: g.line!.map((p) => of(p, show)) }))
  if (by !== 'role' && data.groups.length > drawn.length && data.line) {
    list.push({ name: 'all others', values: data.line.map((p, i) => Math.max(0, of(p, show) - list.reduce((n, l) => n + l.values[i]!, 0))) })
  }
  return list
}

const nameOf = (g: Group, by: string) => (g.rest ? `${count(g.rest)} others` : g.key[0] || `no ${by}`)

function Sums({ data, by, show }: { data: Report; by: string; show: Show }) {
  const whole = (g: { requests: number; cost_nano: number } & Parameters<typeof tokensOf>[0]) => of({ requests: g.requests, tokens: tokensOf(g), cost_nano: g.cost_nano }, show)
  const most = Math.max(1, ...data.groups.map(whole))
  const list = [...data.groups].sort((a, b) => (a.rest ?? 0) - (b.rest ?? 0) || whole(b) - whole(a))
  return (
    <div className="panel table-box" tabIndex={0} role="region" aria-label={`Usage by ${by}`}>
      <table className="table stack">
        <thead>
          <tr>
            <th scope="col">{by[0]!.toUpperCase() + by.slice(1)}</th><th scope="col" className="num">Requests</th><th scope="col" className="num">In</th><th scope="col" className="num">From a cache</th>
            <th scope="col" className="num">Out</th><th scope="col" className="num">Reasoning</th><th scope="col" className="num">Cost</th><th scope="col">Share</th>
          </tr>
        </thead>
        <tbody>
          {list.map((g) => (
            <tr key={g.key.join('\0') + (g.rest ?? '')}>
              <th scope="row"><Name g={g} by={by} /></th>
              <td data-label="Requests" className="num">{count(g.requests)}</td>
              <td data-label="In" className="num">{count(promptOf(g))}</td>
              <td data-label="From a cache" className="num">{share(g.cache_read, promptOf(g))}</td>
              <td data-label="Out" className="num">{count(g.output)}</td>
              <td data-label="Reasoning" className="num">{count(g.reasoning)}</td>
              <td data-label="Cost" className={cx('num', g.unpriced === g.requests && 'quiet')}>{costOf(g)}</td>
              <td data-label="Share" className="bar-cell"><meter min={0} max={most} value={whole(g)} aria-label={`${nameOf(g, by)}: share of ${shows[show].toLowerCase()}`} /></td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function Name({ g, by }: { g: Group; by: string }) {
  const name = g.key[0]
  if (g.rest || !name) return <span className="quiet">{nameOf(g, by)}</span>
  if (by === 'agent') return <Link to={`/agents/${encodeURIComponent(name)}`}><Foreign text={name} /></Link>
  return <Foreign text={name} />
}

// Whoever answers chooses the name: only a plain one is put where somebody copies it.
const plainName = (model: string) => (/^[\w.:/-]{1,64}$/.test(model) ? model : 'NAME')

function Unpriced({ data }: { data: Report }) {
  return (
    <Panel title="Without a price">
      <p className="quiet">These models stand in no price list that the gateway knows, so their tokens are counted and their cost is not: nothing is guessed. A block <code>price "{plainName(data.unpriced![0]!.model)}" {'{ … }'}</code> in the <Link to="/policy">policy</Link> gives a model one, for the calls that come.</p>
      <ul className="lines">
        {data.unpriced!.map((u) => (
          <li key={u.provider + u.model} className="line">
            <span className="mono"><Foreign text={u.model || 'a model without a name'} /></span>
            <span className="quiet"><Foreign text={u.provider} /> · {plural(u.requests, 'request')} · {count(u.tokens)} tokens</span>
          </li>
        ))}
      </ul>
    </Panel>
  )
}

function Figure({ label, value, note }: { label: string; value: string; note?: string | undefined }) {
  return (
    <div className="tile">
      <span className="tile-value">{value}</span>
      <span className="tile-label">{label}</span>
      {note && <span className="tile-note">{note}</span>}
    </div>
  )
}

function table(data: Report): string {
  const head = [...data.by, 'requests', 'estimated', 'unpriced', 'input', 'cache_read', 'cache_write', 'output', 'reasoning', 'cost_usd']
  const rows = data.groups.map((g) => [...(g.rest ? [`${g.rest} others`] : g.key), g.requests, g.estimated ?? 0, g.unpriced ?? 0, g.input, g.cache_read, g.cache_write, g.output, g.reasoning, g.cost_nano / 1e9])
  return [head, ...rows].map((r) => r.map(cell).join(',')).join('\r\n') + '\r\n'
}
