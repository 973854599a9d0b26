import { lazy, Suspense, useState } from 'react'
import { del, post } from '../lib/api'
import { bytes } from '../lib/format'
import { useKeys } from '../lib/keys'
import { changed, useResource } from '../lib/resource'
import { go } from '../lib/router'
import type { Agent, Enrolled, ManifestService } from '../lib/types'
import { Badge, Button, Confirm, CopyButton, Empty, Facts, Fault, Field, Foreign, Link, Modal, PageHead, Panel, sentence, Skeleton, StateBadge, Time } from '../ui/kit'
import { attempt } from '../ui/toast'
import { Roles } from './role'
import { problem } from '../lib/api'
import { save } from '../lib/export'

const QR = lazy(() => import('../ui/qr'))

export function AgentsPage() {
  const { data, error, reload } = useResource<Agent[]>('/agents')
  const [adding, setAdding] = useState(false)
  const [freezing, setFreezing] = useState(false)
  useKeys({ n: () => setAdding(true) })
  const list = data ?? []
  const waiting = list.filter((a) => a.state === 'waiting')
  const rest = list.filter((a) => a.state !== 'waiting')
  const frozen = rest.length > 0 && rest.every((a) => a.state === 'frozen')
  return (
    <>
      <PageHead title="Agents and roles">
        {rest.length > 0 &&
          (frozen ? (
            <Button icon="play" onClick={() => void attempt(() => post('/agents/unfreeze'), 'All agents may act again').then(() => changed('/agents', '/status'))}>Unfreeze all</Button>
          ) : (
            <Button icon="freeze" onClick={() => setFreezing(true)}>Freeze all</Button>
          ))}
        <Button look="main" icon="plus" onClick={() => setAdding(true)}>Enrol an agent</Button>
      </PageHead>
      {error ? (
        <Fault problem={error} retry={reload} />
      ) : !data ? (
        <Skeleton lines={8} />
      ) : list.length === 0 ? (
        <Empty title="No agent is enrolled yet" command="sallyport agent add laptop --conf laptop.conf">
          An agent is a machine, a container or a job whose traffic goes through this gateway. Enrol one here, or in a terminal:
        </Empty>
      ) : (
        <>
          {waiting.length > 0 && <Waiting list={waiting} />}
          {rest.length > 0 && <AgentTable list={rest} />}
        </>
      )}
      {(data || error) && <Roles agents={list} />}
      <EnrolWizard open={adding} onClose={() => setAdding(false)} />
      <Confirm
        title="Freeze every agent?"
        note="Their open connections end at once and nothing they try gets through until you unfreeze them."
        verb="Freeze all"
        danger
        open={freezing}
        onClose={() => setFreezing(false)}
        act={async () => {
          await attempt(() => post('/agents/freeze'), 'Every agent is frozen')
          changed('/agents', '/status')
        }}
      />
    </>
  )
}

function Waiting({ list }: { list: Agent[] }) {
  return (
    <Panel title="Waiting to be let in" className="attention">
      <ul className="lines">
        {list.map((a) => (
          <li key={a.id} className="line">
            <div>
              <strong><Foreign text={a.name} /></strong>{' '}
              <span className="quiet">
                {a.user && <Foreign text={a.user} />} {a.tags?.join(' ')} {a.address}
              </span>
            </div>
            <ApproveNode agent={a} />
          </li>
        ))}
      </ul>
    </Panel>
  )
}

function ApproveNode({ agent }: { agent: Agent }) {
  const [open, setOpen] = useState(false)
  const [roles, setRoles] = useState<string[]>([])
  const approve = () =>
    attempt(() => post(`/agents/${encodeURIComponent(agent.name)}/approve`, { name: agent.name, roles }), `${agent.name} is let in`).then((ok) => {
      changed('/agents', '/status')
      if (ok) setOpen(false)
    })
  return (
    <>
      <Button look="main" onClick={() => setOpen(true)}>Let in</Button>
      <Modal title={`Let ${agent.name} in`} open={open} onClose={() => setOpen(false)} note="It gets what its roles may use, and nothing else.">
        <RolePicker chosen={roles} onChange={setRoles} />
        <footer className="dialog-foot">
          <Button onClick={() => setOpen(false)}>Cancel</Button>
          <Button look="main" onClick={() => void approve()}>Let in</Button>
        </footer>
      </Modal>
    </>
  )
}

function AgentTable({ list }: { list: Agent[] }) {
  return (
    <div className="panel table-box" tabIndex={0} role="region" aria-label="Agents">
      <table className="table stack">
        <thead>
          <tr>
            <th scope="col">Agent</th><th scope="col">State</th><th scope="col">Roles</th><th scope="col">Address</th>
            <th scope="col">Last seen</th><th scope="col" className="num">Traffic</th><th scope="col"><span className="sr">Do</span></th>
          </tr>
        </thead>
        <tbody>
          {list.map((a) => (
            <tr key={a.id}>
              <th scope="row"><Link to={`/agents/${encodeURIComponent(a.name)}`}><Foreign text={a.name} /></Link></th>
              <td data-label="State"><span><StateBadge state={a.state} /></span></td>
              <td data-label="Roles">{a.roles?.join(', ') || <span className="quiet">{a.node ? 'by tag or user' : 'none'}</span>}</td>
              <td data-label="Address" className="mono">{a.address}</td>
              <td data-label="Last seen">{a.node ? <span className="quiet">by the tailnet</span> : <Time at={a.link.last_handshake} />}</td>
              <td data-label="Traffic" className="num quiet">{a.link.received_bytes + a.link.sent_bytes > 0 ? bytes(a.link.received_bytes + a.link.sent_bytes) : ''}</td>
              <td className="row-tools"><FreezeButton a={a} /></td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function FreezeButton({ a }: { a: Agent }) {
  const frozen = a.state === 'frozen'
  const what = frozen ? 'unfreeze' : 'freeze'
  return (
    <Button
      icon={frozen ? 'play' : 'freeze'}
      aria-label={`${frozen ? 'Unfreeze' : 'Freeze'} ${a.name}`}
      title={frozen ? 'Unfreeze' : 'Freeze: its connections end at once'}
      onClick={() =>
        void attempt(() => post(`/agents/${encodeURIComponent(a.name)}/${what}`), `${a.name} is ${frozen ? 'no longer frozen' : 'frozen'}`).then(() => changed('/agents'))
      }
    >
      {frozen ? 'Unfreeze' : 'Freeze'}
    </Button>
  )
}

export function AgentPage({ name }: { name: string }) {
  const path = `/agents/${encodeURIComponent(name)}`
  const { data: a, error, reload } = useResource<Agent>(path)
  const [removing, setRemoving] = useState(false)
  const [enrolled, setEnrolled] = useState<Enrolled | null>(null)
  const rekey = () =>
    attempt(async () => setEnrolled(await post<Enrolled>(`${path}/rekey`)), 'The old key no longer works')
  if (error) {
    return (
      <>
        <PageHead title={name} />
        <Fault problem={error} retry={reload} />
      </>
    )
  }
  return (
    <>
      <PageHead title={name} note={a && <StateBadge state={a.state} />}>
        {a && (
          <>
            <Link className="button" to={`/activity?q=${encodeURIComponent('agent:' + name)}`}>Its activity</Link>
            <FreezeButton a={a} />
            {!a.node && <Button icon="key" onClick={() => void rekey()}>New key</Button>}
            <Button look="danger" onClick={() => setRemoving(true)}>Revoke</Button>
          </>
        )}
      </PageHead>
      {!a ? (
        <Skeleton lines={8} />
      ) : (
        <>
          <Panel title="Who it is">
            <Facts
              rows={[
                ['Address', <code key="a">{a.address}</code>],
                ['Comes by', a.node ? 'the tailnet' : 'WireGuard'],
                ['User', a.user && <Foreign key="u" text={a.user} />],
                ['Tags', a.tags?.join(', ')],
                ['Enrolled', <Time key="c" at={a.created} />],
                ['Expires', a.expires ? <Time key="e" at={a.expires} /> : ''],
                ['Last handshake', a.node ? '' : <Time key="h" at={a.link.last_handshake} />],
                ['Traffic', `${bytes(a.link.received_bytes)} in, ${bytes(a.link.sent_bytes)} out`],
                ['Id', <code key="i">{a.id}</code>],
              ]}
            />
          </Panel>
          <Panel title="What it can do" tools={<span className="quiet">roles: {(a.manifest?.roles ?? []).join(', ') || 'none'}</span>}>
            {(a.manifest?.services ?? []).length === 0 ? (
              <Empty title="Nothing">No role of this agent uses a service, so everything it tries is denied. Give one of its roles a service in the policy.</Empty>
            ) : (
              <div className="services">{a.manifest!.services.map((s) => <ServiceAccess key={s.name} s={s} />)}</div>
            )}
          </Panel>
        </>
      )}
      <Confirm
        title={`Revoke ${name}?`}
        note="Its key stops working and its connections end. To use it again it must be enrolled anew."
        verb="Revoke"
        danger
        open={removing}
        onClose={() => setRemoving(false)}
        act={async () => {
          const ok = await attempt(() => del(path), `${name} is revoked`)
          changed('/agents', '/status')
          if (ok) go('/agents')
        }}
      />
      <Modal title="A new key" open={enrolled !== null} onClose={() => setEnrolled(null)} wide once>
        {enrolled && <ConfigBox e={enrolled} />}
      </Modal>
    </>
  )
}

function ServiceAccess({ s }: { s: ManifestService }) {
  const say = (tone: 'allow' | 'ask' | 'deny', list?: string[]) =>
    list && list.length > 0 ? <span><Badge tone={tone}>{tone}</Badge> {list.join(', ')}</span> : null
  return (
    <section className="access">
      <h3>{s.name} <span className="quiet">{s.protocol}</span></h3>
      {s.description && <p className="quiet">{s.description}</p>}
      <p className="mono small">{(s.hosts ?? []).join('  ')}</p>
      <p className="access-line">{say('allow', s.allowed)}{say('ask', s.asked)}{say('deny', s.denied)}</p>
      {(s.rules ?? []).length > 0 && (
        <ul className="access-rules small">
          {s.rules!.map((r) => (
            <li key={r.name}><Badge tone={r.verdict === 'allow' || r.verdict === 'deny' ? r.verdict : 'ask'}>{r.verdict}</Badge> <Link to={`/policy/new?rule=${encodeURIComponent(r.name)}`}>{r.name}</Link> <span className="quiet">{r.about}</span></li>
          ))}
        </ul>
      )}
    </section>
  )
}

function RolePicker({ chosen, onChange }: { chosen: string[]; onChange: (r: string[]) => void }) {
  const { data } = useResource<{ name: string }[]>('/roles')
  const roles = data ?? []
  if (data && roles.length === 0) return <p className="warn-line">The configuration has no role; an agent in none can do nothing. Add a role block to the policy first.</p>
  return (
    <fieldset className="field">
      <legend>Roles</legend>
      <div className="checks-row">
        {roles.map((r) => (
          <label key={r.name} className="check">
            <input
              type="checkbox"
              checked={chosen.includes(r.name)}
              onChange={(e) => onChange(e.target.checked ? [...chosen, r.name] : chosen.filter((x) => x !== r.name))}
            />
            {r.name}
          </label>
        ))}
      </div>
      <p className="field-note">{roles.length === 1 ? 'Without a choice it gets the only one there is.' : 'What an agent may use, its roles say.'}</p>
    </fieldset>
  )
}

const nameRule = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/

export function EnrolWizard({ open, onClose }: { open: boolean; onClose: () => void }) {
  const [enrolled, setEnrolled] = useState<Enrolled | null>(null)
  const close = () => {
    setEnrolled(null)
    onClose()
  }
  return (
    <Modal title={enrolled ? `${enrolled.agent.name} is enrolled` : 'Enrol an agent'} open={open} onClose={close} wide={enrolled !== null} once={enrolled !== null}>
      {enrolled ? <ConfigBox e={enrolled} done={close} /> : <EnrolForm onClose={close} onDone={setEnrolled} />}
    </Modal>
  )
}

function EnrolForm({ onClose, onDone }: { onClose: () => void; onDone: (e: Enrolled) => void }) {
  const [name, setName] = useState('')
  const [roles, setRoles] = useState<string[]>([])
  const [expires, setExpires] = useState('')
  const [split, setSplit] = useState(false)
  const [error, setError] = useState('')
  const [busy, setBusy] = useState(false)
  const bad = name !== '' && !nameRule.test(name) ? 'Small letters, digits and hyphens, as in ci-runner-1.' : ''
  const submit = async () => {
    setBusy(true)
    setError('')
    try {
      onDone(await post<Enrolled>('/agents', { name, roles, split, ...(expires ? { expires } : {}) }))
      changed('/agents', '/status')
    } catch (err) {
      setError(problem(err).detail)
    } finally {
      setBusy(false)
    }
  }
  return (
    <form
      onSubmit={(e) => {
        e.preventDefault()
        if (name && !bad) void submit()
      }}
    >
      <Field label="Name" note="How rules and records call it." error={bad || undefined}>
        {(id, by) => <input id={id} aria-describedby={by} className="mono" value={name} onChange={(e) => setName(e.target.value)} autoComplete="off" spellCheck={false} required />}
      </Field>
      <RolePicker chosen={roles} onChange={setRoles} />
      <Field label="Expires">
        {(id, by) => (
          <select id={id} aria-describedby={by} value={expires} onChange={(e) => setExpires(e.target.value)}>
            <option value="">never</option>
            <option value="1h">in an hour</option>
            <option value="8h">in 8 hours</option>
            <option value="24h">in a day</option>
            <option value="168h">in a week</option>
            <option value="720h">in 30 days</option>
          </select>
        )}
      </Field>
      <label className="check">
        <input type="checkbox" checked={split} onChange={(e) => setSplit(e.target.checked)} />
        Split tunnel: only declared services go through the gateway. It is no firewall for the rest.
      </label>
      {error && <p className="field-error" role="alert"><Foreign text={error} /></p>}
      <footer className="dialog-foot">
        <Button onClick={onClose}>Cancel</Button>
        <Button look="main" type="submit" busy={busy} disabled={!name || bad !== ''}>Enrol</Button>
      </footer>
    </form>
  )
}

function ConfigBox({ e, done }: { e: Enrolled; done?: () => void }) {
  const file = `${e.agent.name}.conf`
  return (
    <div className="enrolled">
      <p>This WireGuard configuration holds the private key. It is shown this once and kept nowhere: copy it, save it, or scan it now.</p>
      {e.notice && <p className="warn-line"><Foreign text={sentence(e.notice)} /></p>}
      <div className="enrol-grid">
        <div>
          <div className="code-box">
            <div className="code-tools"><CopyButton text={e.config} label="Copy the configuration" /></div>
            <pre className="code" tabIndex={0} role="region" aria-label="The configuration"><code>{e.config}</code></pre>
          </div>
          <p className="quiet small">On the agent's machine, with the file as <code>{file}</code>:</p>
          <div className="command"><code>wg-quick up ./{file}</code><CopyButton text={`wg-quick up ./${file}`} label="Copy the command" /></div>
          <p className="quiet small">and let it trust the gateway's CA:</p>
          <div className="command"><code>curl -fsS http://sallyport.internal/ca.pem</code><CopyButton text="curl -fsS http://sallyport.internal/ca.pem" label="Copy the command" /></div>
        </div>
        <Suspense fallback={<div className="qr" />}>
          <QR text={e.config} />
        </Suspense>
      </div>
      <footer className="dialog-foot">
        <Button icon="down" onClick={() => save(file, 'text/plain', e.config)}>Save {file}</Button>
        {done && <Button look="main" onClick={done}>I have it</Button>}
      </footer>
    </div>
  )
}
