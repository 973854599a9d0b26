import { post } from '../lib/api'
import { count } from '../lib/format'
import { changed, useResource } from '../lib/resource'
import { useMay } from '../lib/who'
import { Badge, Button, Fault, Foreign, Link, Panel, Skeleton, Time } from '../ui/kit'
import { attempt } from '../ui/toast'

interface Outlet {
  kind: 'syslog' | 'records' | 'webhook' | 'slack'
  name: string
  target: string
  of?: string[]
  alerts?: boolean
  delivered?: string
  problem?: string
  since?: string
  records?: { arrived: number; behind: number; lost?: number }
  can_test?: boolean
}

const kinds = { syslog: 'records by syslog', records: 'records by webhook', webhook: 'by webhook', slack: 'in Slack' }

/** what says what somebody is told of. */
function what(o: Outlet) {
  if (o.records) return kinds[o.kind]
  return [o.of && 'asks', o.alerts && 'alerts'].filter(Boolean).join(' and ') + ' ' + kinds[o.kind]
}

/** OutletsPanel shows whom the gateway tells, and how that goes. */
export function OutletsPanel() {
  const { data, error, reload } = useResource<Outlet[]>('/outlets')
  const may = useMay()
  const test = (o: Outlet) => attempt(() => post(`/outlets/${encodeURIComponent(o.name)}/test`), `${o.name} took it`).then(() => { changed('/outlets'); changed('/alerts') })
  return (
    <Panel title="Who is told" tools={<Button onClick={reload}>Look again</Button>}>
      {error ? <Fault problem={error} retry={reload} /> : !data ? <Skeleton lines={3} /> : data.length === 0 ? (
        <>
          <p className="quiet">Nobody is told but by these pages. An approver with <code>notify</code> is told of asks by Slack or a signed webhook, an <code>alerts</code> block tells when something is wrong; a <code>forward</code> block of the gateway hands every record to a SIEM.</p>
          <p><Link to="/docs/channels">How to be told elsewhere</Link></p>
        </>
      ) : (
        <div className="table-box" tabIndex={0} role="region" aria-label="Whom the gateway tells">
          <table className="table stack">
            <thead>
              <tr><th scope="col">To</th><th scope="col">What</th><th scope="col">State</th><th scope="col">Last arrived</th><th scope="col"><span className="sr">Do</span></th></tr>
            </thead>
            <tbody>
              {data.map((o) => (
                <tr key={o.kind + o.name}>
                  <th scope="row"><Foreign text={o.name} /> <span className="quiet"><Foreign text={o.target} /></span></th>
                  <td data-label="What">{what(o)}{o.of && <span className="quiet"> of {o.of.join(', ')}</span>}</td>
                  <td data-label="State">
                    <State o={o} />
                    {o.problem && <span className="reason-line"><Foreign text={o.problem} /></span>}
                  </td>
                  <td data-label="Last arrived">{o.delivered ? <Time at={o.delivered} /> : <span className="quiet">not yet</span>}</td>
                  <td className="row-tools">{o.can_test && may('editor') && <Button onClick={() => void test(o)}>Try it</Button>}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  )
}

function State({ o }: { o: Outlet }) {
  const r = o.records
  return (
    <>
      <Badge tone={o.problem ? 'deny' : r?.lost ? 'ask' : 'allow'}>{o.problem ? 'failing' : 'well'}</Badge>
      {o.problem && o.since && <span className="quiet"> since <Time at={o.since} /></span>}
      {r && r.behind > 0 && <span className="quiet"> {count(r.behind)} behind</span>}
      {r && (r.lost ?? 0) > 0 && <span className="quiet"> {count(r.lost!)} lost by age</span>}
    </>
  )
}
