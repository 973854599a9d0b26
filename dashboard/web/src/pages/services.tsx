import { useState } from 'react'
import { del, put } from '../lib/api'
import { changed, useResource } from '../lib/resource'
import type { Secret, Service, Status } from '../lib/types'
import { Badge, Button, Confirm, Empty, Fault, Field, Foreign, Link, Modal, PageHead, Panel, Skeleton, Time } from '../ui/kit'
import { attempt } from '../ui/toast'

export function ServicesPage() {
  const services = useResource<Service[]>('/services')
  const secrets = useResource<Secret[]>('/secrets')
  const status = useResource<Status>('/status')
  const [setting, setSetting] = useState<string | null>(null)
  const known = secrets.data ?? []
  const usedBy = (name: string) => (services.data ?? []).filter((s) => s.secrets?.includes(name)).map((s) => s.name)
  const missing = [...new Set((services.data ?? []).flatMap((s) => s.secrets ?? []))].filter((n) => !known.some((s) => s.name === n && !s.problem))
  return (
    <>
      <PageHead title="Services and secrets">
        <Button look="main" icon="key" onClick={() => setSetting('')}>Set a secret</Button>
      </PageHead>
      {missing.length > 0 && (
        <Panel title="Secrets without a value" className="attention">
          <ul className="lines">
            {missing.map((n) => (
              <li key={n} className="line">
                <span><strong className="mono">{n}</strong> <span className="quiet">used by {usedBy(n).join(', ')}; until it has a value, what needs it fails</span></span>
                <Button look="main" onClick={() => setSetting(n)}>Set it</Button>
              </li>
            ))}
          </ul>
        </Panel>
      )}
      <Panel title="Services">
        {services.error ? (
          <Fault problem={services.error} retry={services.reload} />
        ) : !services.data ? (
          <Skeleton lines={4} />
        ) : services.data.length === 0 ? (
          <Empty title="No service is declared" command="sallyport presets ls">
            A service is somewhere agents may go. Add one to the policy; for many there is a preset:
          </Empty>
        ) : (
          <ServiceTable list={services.data} warnings={status.data?.account_warnings ?? {}} />
        )}
      </Panel>
      <Panel title="Secrets">
        {secrets.error ? (
          <Fault problem={secrets.error} retry={secrets.reload} />
        ) : !secrets.data ? (
          <Skeleton lines={4} />
        ) : known.length === 0 ? (
          <Empty title="No secret is kept" command="sallyport secret set github">
            The gateway keeps them sealed and puts them in where a service says so; no agent and no operator sees one again.
          </Empty>
        ) : (
          <SecretTable list={known} usedBy={usedBy} set={setSetting} />
        )}
      </Panel>
      {setting !== null && <SecretForm name={setting} known={known.map((s) => s.name)} onClose={() => setSetting(null)} />}
    </>
  )
}

function ServiceTable({ list, warnings }: { list: Service[]; warnings: Record<string, string[]> }) {
  return (
    <div className="table-box" tabIndex={0} role="region" aria-label="All services">
      <table className="table">
        <thead>
          <tr><th scope="col">Service</th><th scope="col">Protocol</th><th scope="col">Where</th><th scope="col">Without a rule</th><th scope="col">Secret</th><th scope="col">Roles</th></tr>
        </thead>
        <tbody>
          {list.map((s) => (
            <tr key={s.name}>
              <th scope="row">
                <Link to={`/activity?q=${encodeURIComponent('service:' + s.name)}`}>{s.name}</Link>
                {s.description && <span className="sub">{s.description}</span>}
                {(warnings[s.name] ?? []).map((w) => <span key={w} className="sub warn-line"><Foreign text={w} /></span>)}
              </th>
              <td>{s.protocol}</td>
              <td className="mono small">{(s.hosts ?? []).slice(0, 3).join(' ')}{(s.hosts ?? []).length > 3 && ` and ${s.hosts.length - 3} more`}</td>
              <td className="small"><Posture tone="allow" list={s.allowed} /><Posture tone="ask" list={s.asked} /><Posture tone="deny" list={s.denied} /></td>
              <td className="mono small">{s.secrets?.join(', ') ?? <span className="quiet">none</span>}</td>
              <td className="small">{s.roles?.join(', ') ?? <span className="quiet">none</span>}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

const Posture = ({ tone, list }: { tone: 'allow' | 'ask' | 'deny'; list?: string[] }) =>
  list && list.length > 0 ? <span className="posture"><Badge tone={tone}>{tone}</Badge> {list.join(', ')}</span> : null

function SecretTable({ list, usedBy, set }: { list: Secret[]; usedBy: (n: string) => string[]; set: (n: string) => void }) {
  const [removing, setRemoving] = useState('')
  return (
    <>
      <div className="table-box" tabIndex={0} role="region" aria-label="All secrets">
        <table className="table">
          <thead>
            <tr><th scope="col">Secret</th><th scope="col">Value</th><th scope="col" className="num">Version</th><th scope="col">Set</th><th scope="col">Used by</th><th scope="col"><span className="sr">Do</span></th></tr>
          </thead>
          <tbody>
            {list.map((s) => (
              <tr key={s.name}>
                <th scope="row" className="mono">{s.name}</th>
                <td>{s.problem ? <span className="bad"><Foreign text={s.problem} /></span> : s.source === 'sealed' ? 'sealed' : <Foreign text={`from ${s.source}`} />}</td>
                <td className="num">{s.version ?? ''}</td>
                <td><Time at={s.created} /></td>
                <td>{usedBy(s.name).join(', ') || <span className="quiet">no service</span>}</td>
                <td className="row-tools">
                  {s.source === 'sealed' && (
                    <>
                      <Button onClick={() => set(s.name)}>Replace</Button>
                      <Button look="bare" icon="close" aria-label={`Remove ${s.name}`} title="Remove" onClick={() => setRemoving(s.name)} />
                    </>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <Confirm
        title={`Remove ${removing}?`}
        note={usedBy(removing).length > 0 ? `It is used by ${usedBy(removing).join(', ')}; their actions fail until it has a value again.` : 'No service uses it.'}
        verb="Remove"
        danger
        open={removing !== ''}
        onClose={() => setRemoving('')}
        act={async () => {
          await attempt(() => del(`/secrets/${encodeURIComponent(removing)}`), `${removing} is removed`)
          changed('/secrets', '/status')
        }}
      />
    </>
  )
}

function SecretForm({ name, known, onClose }: { name: string; known: string[]; onClose: () => void }) {
  const [what, setWhat] = useState(name)
  const [value, setValue] = useState('')
  const [busy, setBusy] = useState(false)
  const submit = async () => {
    setBusy(true)
    const ok = await attempt(() => put(`/secrets/${encodeURIComponent(what)}`, { value }), `${what} has its new value`)
    setBusy(false)
    changed('/secrets', '/status')
    if (ok) onClose()
  }
  return (
    <Modal title={known.includes(what) ? `Replace ${what}` : 'Set a secret'} open onClose={onClose} note="The value goes in and never comes out: nobody can read it here again.">
      <form
        onSubmit={(e) => {
          e.preventDefault()
          void submit()
        }}
      >
        <Field label="Name" note="As the policy says it: secret.NAME">
          {(id, by) => <input id={id} aria-describedby={by} className="mono" value={what} readOnly={name !== ''} onChange={(e) => setWhat(e.target.value)} autoComplete="off" spellCheck={false} required />}
        </Field>
        <Field label="Value">
          {(id, by) => <textarea id={id} aria-describedby={by} className="mono veiled" rows={3} value={value} onChange={(e) => setValue(e.target.value)} autoComplete="off" spellCheck={false} required />}
        </Field>
        <footer className="dialog-foot">
          <Button onClick={onClose}>Cancel</Button>
          <Button look="main" type="submit" busy={busy} disabled={!what || !value}>Save</Button>
        </footer>
      </form>
    </Modal>
  )
}
