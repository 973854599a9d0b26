import { lazy, Suspense, useState } from 'react'
import { useResource } from '../lib/resource'
import type { Schemas } from '../lib/schema'
import type { Secret, Service, Status } from '../lib/types'
import { useMay } from '../lib/who'
import { TestModal } from '../ui/contact'
import { Badge, Button, Empty, Fault, Foreign, Link, PageHead, Panel, Skeleton } from '../ui/kit'
import { Icon } from '../ui/icons'
import { SecretForm, SecretTable } from './secrets'

const ConnectForm = lazy(() => import('./connect').then((m) => ({ default: m.ConnectForm })))

export function ServicesPage() {
  const services = useResource<Service[]>('/services')
  const secrets = useResource<Secret[]>('/secrets')
  const status = useResource<Status>('/status')
  const may = useMay()
  const connectable = useResource<Schemas['connect.Connectable'][]>('/connections')
  const [setting, setSetting] = useState<string | null>(null)
  const [connecting, setConnecting] = useState('')
  const connects = (name: string) => (connectable.data ?? []).some((c) => c.secret === name)
  const give = (name: string) => (connects(name) ? setConnecting(name) : setSetting(name))
  const known = secrets.data ?? []
  const usedBy = (name: string) => (services.data ?? []).filter((s) => s.secrets?.includes(name)).map((s) => s.name)
  const missing = [...new Set((services.data ?? []).flatMap((s) => s.secrets ?? []))].filter((n) => !known.some((s) => s.name === n && (!s.problem || s.source !== 'sealed')))
  // All of it at once: what comes later would push down what is read already.
  const ready = (services.data || services.error) && (secrets.data || secrets.error) && (status.data || status.error)
  return (
    <>
      <PageHead title="Services and secrets">
        {may('admin') && <Button icon="key" onClick={() => setSetting('')}>Set a secret</Button>}
        {may('editor') && <Link className="button main" to="/services/new"><Icon name="plus" />Add a service</Link>}
      </PageHead>
      {!ready && <Skeleton lines={10} />}
      {ready && missing.length > 0 && (
        <Panel title="Secrets without a value" className="attention">
          <ul className="lines">
            {missing.map((n) => (
              <li key={n} className="line">
                <span><strong className="mono">{n}</strong> <span className="quiet">used by {usedBy(n).join(', ')}; until it has a value, what needs it fails</span></span>
                {may('admin') ? <Button look="main" onClick={() => give(n)}>{connects(n) ? 'Connect' : 'Set it'}</Button> : <span className="quiet">an admin sets it</span>}
              </li>
            ))}
          </ul>
        </Panel>
      )}
      {ready && <Panel title="Services">
        {services.error ? (
          <Fault problem={services.error} retry={services.reload} />
        ) : !services.data ? (
          <Skeleton lines={4} />
        ) : services.data.length === 0 ? (
          <Empty title="No service is declared" command="sallyport presets ls">
            A service is somewhere agents may go. <Link to="/services/new">Pick one</Link>; what is known of it is a preset, as this lists them:
          </Empty>
        ) : (
          <ServiceTable list={services.data} warnings={status.data?.account_warnings ?? {}} />
        )}
      </Panel>}
      {ready && <Panel title="Secrets">
        {secrets.error ? (
          <Fault problem={secrets.error} retry={secrets.reload} />
        ) : !secrets.data ? (
          <Skeleton lines={4} />
        ) : known.length === 0 ? (
          <Empty title="No secret is kept" command="sallyport secret set github">
            The gateway keeps them sealed and puts them in where a service says so; no agent and no operator sees one again.
          </Empty>
        ) : (
          <SecretTable list={known} usedBy={usedBy} set={setSetting} connects={connects} connect={setConnecting} />
        )}
      </Panel>}
      {connecting && (
        <Suspense>
          <ConnectForm name={connecting} onClose={() => setConnecting('')} />
        </Suspense>
      )}
      {setting !== null && <SecretForm name={setting} known={known.map((s) => s.name)} onClose={() => setSetting(null)} />}
    </>
  )
}

function ServiceTable({ list, warnings }: { list: Service[]; warnings: Record<string, string[]> }) {
  const may = useMay()
  const [testing, setTesting] = useState<Service | null>(null)
  return (
    <>
      <div className="table-box" tabIndex={0} role="region" aria-label="All services">
        <table className="table stack">
          <thead>
            <tr>
              <th scope="col">Service</th><th scope="col">Protocol</th><th scope="col">Where</th><th scope="col">Without a rule</th>
              <th scope="col">Secret</th><th scope="col">Roles</th><th scope="col"><span className="sr">Do</span></th>
            </tr>
          </thead>
          <tbody>
            {list.map((s) => (
              <tr key={s.name}>
                <th scope="row">
                  <Link to={`/activity?q=${encodeURIComponent('service:' + s.name)}`}>{s.name}</Link>
                  {s.description && <span className="sub">{s.description}</span>}
                  {(warnings[s.name] ?? []).map((w) => <span key={w} className="sub warn-line"><Foreign text={w} /></span>)}
                </th>
                <td data-label="Protocol">{s.protocol}</td>
                <td data-label="Where" className="mono small">{(s.hosts ?? []).slice(0, 3).join(' ')}{(s.hosts ?? []).length > 3 && ` and ${s.hosts.length - 3} more`}</td>
                <td data-label="Without a rule" className="small"><Posture tone="allow" list={s.allowed} /><Posture tone="ask" list={s.asked} /><Posture tone="deny" list={s.denied} /></td>
                <td data-label="Secret" className="mono small">{s.secrets?.join(', ') ?? <span className="quiet">none</span>}</td>
                <td data-label="Roles" className="small">{s.roles?.join(', ') ?? <span className="quiet">none</span>}</td>
                <td className="row-tools">
                  {may('editor') && s.protocol !== 'tcp' && <Link className="button" aria-label={`Account of ${s.name}`} to={`/services/new?account=${encodeURIComponent(s.name)}`}>Account</Link>}
                  {may('editor') && <Button aria-label={`Test ${s.name}`} onClick={() => setTesting(s)}>Test</Button>}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {testing && <TestModal service={testing.name} hosts={testing.hosts ?? []} roles={testing.roles ?? []} onClose={() => setTesting(null)} />}
    </>
  )
}

const Posture = ({ tone, list }: { tone: 'allow' | 'ask' | 'deny'; list?: string[] }) =>
  list && list.length > 0 ? <span className="posture"><Badge tone={tone}>{tone}</Badge> {list.join(', ')}</span> : null
