import { count } from '../lib/format'
import { useResource } from '../lib/resource'
import type { Schemas } from '../lib/schema'
import { Badge, Button, Fault, Foreign, Link, Panel, Skeleton, Time } from '../ui/kit'
import { Code } from '../ui/code'

type Alert = Schemas['alerts.Alert']

const block = `gateway {
  alerts {
    notify = [slack("#ops"), webhook("https://hooks.acme.dev/alerts", secret.hook_key)]
    denied = 20
    window = "5m"
  }
}`

/** AlertsPanel shows what is wrong, what was told of it, and where that goes. */
export function AlertsPanel() {
  const { data, error, reload } = useResource<Schemas['alerts.State']>('/alerts')
  return (
    <Panel title="Alerts" tools={<Button onClick={reload}>Look again</Button>}>
      {error ? <Fault problem={error} retry={reload} /> : !data ? <Skeleton lines={3} /> : (
        <>
          {data.to.length === 0 ? (
            <>
              <p className="quiet">Nobody is told when something is wrong. Write who, into the configuration on the host:</p>
              <Code text={block} language="text" label="a block for alerts" />
              <p><Link to="/docs/channels">What is told, and how</Link></p>
            </>
          ) : (
            <p className="quiet">
              Warnings and alarms{data.denied ? `, and agents that are refused more than ${count(data.denied)} times in ${minutes(data.window_seconds ?? 0)},` : ''} are told to{' '}
              {data.to.map((o, i) => (
                <span key={o.kind + o.name}>{i > 0 && ', '}<Foreign text={o.target} />{o.problem && <> <Badge tone="deny">failing</Badge></>}</span>
              ))}.
            </p>
          )}
          {data.standing.length === 0 ? <p>Nothing is wrong now.</p> : <Lines title="What is wrong now" list={data.standing} />}
          {data.told.length > 0 && (
            <details>
              <summary>The last {count(data.told.length)} that were told</summary>
              <Lines title="What was told" list={data.told} />
            </details>
          )}
        </>
      )}
    </Panel>
  )
}

const minutes = (seconds: number) => (seconds % 60 === 0 ? `${count(seconds / 60)} min` : `${count(seconds)} s`)

function Lines({ title, list }: { title: string; list: Alert[] }) {
  return (
    <ul className="lines" aria-label={title}>
      {list.map((a, i) => (
        <li key={i} className="line">
          <span>
            {a.gone ? <Badge>over</Badge> : <Badge tone="ask">wrong</Badge>} <Foreign text={a.what} />{' '}
            <span className="quiet">
              {a.agent && <>agent <Foreign text={a.agent} />, </>}
              {a.service && <>service <Foreign text={a.service} />, </>}
              since <Time at={a.since} />
              {a.told && <>, told <Time at={a.told} /></>}
              {a.action && <>, <Link to={`/actions/${encodeURIComponent(a.action)}`}>record</Link></>}
            </span>
          </span>
        </li>
      ))}
    </ul>
  )
}
