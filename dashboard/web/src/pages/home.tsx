import { useEffect } from 'react'
import { count, plural } from '../lib/format'
import { useResource } from '../lib/resource'
import { money, tokensOf, type Report } from '../lib/usage'
import type { Agent, Approval, Secret, Status } from '../lib/types'
import { Badge, Command, cx, Empty, Fault, Foreign, Link, PageHead, Panel, Skeleton, StateBadge, Time, sentence } from '../ui/kit'
import { Icon } from '../ui/icons'
import { useActions } from './recorded'

const mostDenied = 200 // that are counted

export function HomePage() {
  const status = useResource<Status>('/status')
  const agents = useResource<Agent[]>('/agents')
  const secrets = useResource<Secret[]>('/secrets')
  const asks = useResource<Approval[]>('/approvals?past=30')
  const denied = useActions('verdict:deny since:24h', mostDenied)
  const first = useActions('', 1, false)
  const spent = useResource<Report>(spentToday)
  const s = status.data
  const pending = (asks.data ?? []).filter((a) => a.state === 'pending')
  const steps = s && agents.data && secrets.data && first.rows ? setup(s, agents.data, first.rows.length > 0) : null
  // All of it at once: what comes later would push down what is read already.
  if (![status, agents, secrets, asks, spent].every((r) => r.data || r.error) || ![denied, first].every((r) => r.rows || r.error)) {
    return (
      <>
        <PageHead title="Home" />
        <Skeleton lines={12} />
      </>
    )
  }
  return (
    <>
      <PageHead title="Home" />
      {status.error && <Fault problem={status.error} retry={status.reload} />}
      {s?.config_error && (
        <div className="fault" role="alert">
          <Icon name="warn" />
          <div>
            <p>The changed configuration is not in force; the rules read <Time at={s.loaded} /> stay.</p>
            <pre className="code" tabIndex={0} role="region" aria-label="What is wrong with it"><code>{s.config_error}</code></pre>
          </div>
        </div>
      )}
      <div className="tiles">
        <Tile label="Waiting for an answer" value={asks.data ? count(pending.length) : '…'} to="/approvals" tone={pending.length > 0 ? 'ask' : undefined} />
        <Tile label="Denied in 24 hours" value={denied.rows ? count(denied.rows.length) + (denied.rows.length >= mostDenied ? '+' : '') : '…'} to="/activity?q=verdict:deny&since=24h" tone={denied.rows && denied.rows.length > 0 ? 'deny' : undefined} />
        <Spent />
        <Tile label="Agents" value={agents.data ? count(agents.data.length) : '…'} to="/agents" note={agents.data && online(agents.data)} />
        <Tile label="Services" value={s ? count(s.services) : '…'} to="/services" note={s && plural(s.rules, 'rule')} />
      </div>
      {steps && !steps.every((x) => x.done) && <Checklist steps={steps} />}
      {(s?.warnings ?? []).length > 0 && (
        <Panel title="Look at this" className="attention">
          <ul className="lines">
            {s!.warnings!.map((w) => (
              <li key={w} className="line"><span><Foreign text={sentence(w)} /></span>{/^secret /.test(w) && <Link to="/services">Services and secrets</Link>}</li>
            ))}
          </ul>
        </Panel>
      )}
      <div className="columns">
        <Panel title="Pending approvals" tools={<Link to="/approvals">All</Link>}>
          {!asks.data ? <Skeleton lines={3} /> : pending.length === 0 ? <Empty title="Nothing waits for an answer" /> : (
            <ul className="lines">
              {pending.slice(0, 6).map((a) => (
                <li key={a.id} className="line">
                  <Link to={`/approvals?id=${a.id}`} className="mono clip"><Foreign text={a.summary} /></Link>
                  <span className="quiet"><Foreign text={a.agent} /> · <Time at={a.created} /></span>
                </li>
              ))}
            </ul>
          )}
        </Panel>
        <Panel title="Denied lately" tools={<Link to="/activity?q=verdict:deny">All</Link>}>
          {denied.error ? <Fault problem={denied.error} /> : !denied.rows ? <Skeleton lines={3} /> : denied.rows.length === 0 ? <Empty title="Nothing was denied in 24 hours" /> : (
            <ul className="lines">
              {denied.rows.slice(0, 8).map((r) => (
                <li key={r.seq} className="line">
                  <Link to={`/actions/${encodeURIComponent(r.id)}`} className="mono clip"><Foreign text={r.summary ?? r.kind} /></Link>
                  <span className="quiet"><Foreign text={r.agent.name ?? ''} /> · <Time at={r.time} /></span>
                </li>
              ))}
            </ul>
          )}
        </Panel>
        <Panel title="Agents" tools={<Link to="/agents">All</Link>}>
          {!agents.data ? <Skeleton lines={3} /> : agents.data.length === 0 ? <Empty title="No agent is enrolled" command="sallyport agent add laptop" /> : (
            <ul className="lines">
              {[...agents.data].sort(byLast).slice(0, 8).map((a) => (
                <li key={a.id} className="line">
                  <Link to={`/agents/${encodeURIComponent(a.name)}`}><Foreign text={a.name} /></Link>
                  <span className="quiet">{a.state === 'active' ? <Time at={a.link.last_handshake} /> : <StateBadge state={a.state} />}</span>
                </li>
              ))}
            </ul>
          )}
        </Panel>
      </div>
    </>
  )
}

const spentToday = '/usage?since=today&by=total'

/** Spent looks again once a minute while somebody may be looking. */
function Spent() {
  const { data, reload } = useResource<Report>(spentToday)
  useEffect(() => {
    const timer = setInterval(() => document.visibilityState === 'visible' && reload(), 60_000)
    return () => clearInterval(timer)
  }, [])
  const t = data?.total
  return (
    <Tile
      label="Spent on models today"
      value={t ? money(t.cost_nano) : '…'}
      to="/usage?since=today"
      note={t && (t.requests === 0 ? 'no model has answered' : `${count(tokensOf(t))} tokens` + (t.unpriced ? `, ${count(t.unpriced)} unpriced` : ''))}
    />
  )
}

const seen = (a: Agent) => (a.link.last_handshake ? new Date(a.link.last_handshake).getTime() : 0)
const byLast = (a: Agent, b: Agent) => seen(b) - seen(a)

function online(list: Agent[]): string {
  const n = list.filter((a) => Date.now() - seen(a) < 180_000).length
  return n > 0 ? `${count(n)} online` : 'none online now'
}

function Tile({ label, value, to, tone, note }: { label: string; value: string; to: string; tone?: 'ask' | 'deny'; note?: string }) {
  return (
    <Link to={to} className={cx('tile', tone)}>
      <span className="tile-value">{value}</span>
      <span className="tile-label">{label}</span>
      {note && <span className="tile-note">{note}</span>}
    </Link>
  )
}

interface Step {
  done: boolean
  title: string
  how: string
  command?: string
  to?: string
}

function setup(s: Status, agents: Agent[], acted: boolean): Step[] {
  const unset = (s.warnings ?? []).some((w) => w.startsWith('secret '))
  return [
    { done: s.services > 0, title: 'Declare a service', how: 'Pick what it is: GitHub, a database, a model, any API.', to: '/services/new' },
    { done: s.services > 0 && !unset, title: 'Give its secret a value', how: 'It goes in once and never comes out.', to: '/services' },
    { done: agents.length > 0, title: 'Enrol an agent', how: 'A machine, a container or a job.', to: '/agents' },
    { done: acted, title: 'See it act', how: 'The first request, statement or refusal shows up under Activity.', to: '/activity' },
  ]
}

function Checklist({ steps }: { steps: Step[] }) {
  const done = steps.filter((s) => s.done).length
  const next = steps.findIndex((s) => !s.done)
  return (
    <Panel title="Set it up" tools={<Badge tone="accent">{`${done} of ${plural(steps.length, 'step')}`}</Badge>}>
      <ol className="steps">
        {steps.map((s, i) => (
          <li key={s.title} className={cx('step', s.done && 'done', i === next && 'next')}>
            <span className="step-mark">{s.done ? <Icon name="check" /> : i + 1}</span>
            <div>
              <strong>{s.title}</strong>
              {s.done ? <span className="sr"> (done)</span> : <p className="quiet">{s.how}</p>}
              {i === next && s.command && <Command text={s.command} />}
              {i === next && s.to && <Link to={s.to}>Do it now</Link>}
            </div>
          </li>
        ))}
      </ol>
    </Panel>
  )
}
