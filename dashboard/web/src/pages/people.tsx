import { useState } from 'react'
import { del, post, problem, put } from '../lib/api'
import { changed, useResource } from '../lib/resource'
import type { Operators, Right, Token } from '../lib/types'
import { canPasskey, makePasskey } from '../lib/passkey'
import { useMay, useWho } from '../lib/who'
import { Badge, Button, Confirm, CopyButton, Fault, Field, Foreign, Modal, Panel, sentence, Skeleton, Time } from '../ui/kit'
import { attempt } from '../ui/toast'

const rights: [Right, string][] = [
  ['viewer', 'looks at everything, changes nothing'],
  ['approver', 'answers what is asked'],
  ['editor', 'edits the policy and freezes agents'],
  ['admin', 'does everything'],
]

function RightsPicker({ chosen, onChange, only }: { chosen: Right[]; onChange: (r: Right[]) => void; only?: Right[] }) {
  return (
    <fieldset className="field">
      <legend>Rights</legend>
      {rights
        .filter(([r]) => !only || only.includes(r))
        .map(([r, what]) => (
          <label key={r} className="check">
            <input type="checkbox" checked={chosen.includes(r)} onChange={(e) => onChange(e.target.checked ? [...chosen, r] : chosen.filter((x) => x !== r))} />
            <span>
              {r} <span className="quiet">{what}</span>
            </span>
          </label>
        ))}
    </fieldset>
  )
}

/** OperatorsPanel shows who may do something here, and makes local operators. */
export function OperatorsPanel() {
  const { data, error, reload } = useResource<Operators>('/operators')
  const may = useMay()
  const [adding, setAdding] = useState(false)
  const [removing, setRemoving] = useState('')
  const [changing, setChanging] = useState<Operators['local'][number] | null>(null)
  const named = Object.entries(data?.config ?? {}).flatMap(([right, list]) => (list ?? []).map((who) => ({ right, who })))
  return (
    <Panel title="Operators" tools={may('admin') && <Button icon="plus" onClick={() => setAdding(true)}>Add an operator</Button>}>
      {error ? (
        <Fault problem={error} retry={reload} />
      ) : !data ? (
        <Skeleton lines={3} />
      ) : (
        <div className="table-box" tabIndex={0} role="region" aria-label="Who may do something here">
          <table className="table stack">
            <thead>
              <tr><th scope="col">Who</th><th scope="col">May</th><th scope="col">By</th><th scope="col"><span className="sr">Do</span></th></tr>
            </thead>
            <tbody>
              {(data.local ?? []).map((o) => (
                <tr key={o.name}>
                  <th scope="row"><Foreign text={o.name} /></th>
                  <td data-label="May">{(o.rights ?? []).join(', ') || <span className="quiet">nothing more</span>}</td>
                  <td data-label="By">{o.password ? 'password' : 'no password'}{(o.passkeys ?? []).length > 0 && `, ${o.passkeys!.length} passkeys`}</td>
                  <td className="row-tools">
                    {may('admin') && (
                      <>
                        <Button onClick={() => setChanging(o)}>Rights</Button>
                        <Button look="bare" icon="close" aria-label={`Remove ${o.name}`} title="Remove" onClick={() => setRemoving(o.name)} />
                      </>
                    )}
                  </td>
                </tr>
              ))}
              {named.map(({ right, who }) => (
                <tr key={right + who}>
                  <th scope="row"><Foreign text={who} /></th>
                  <td data-label="May">{right}</td>
                  <td data-label="By" className="quiet">the operators block of the configuration</td>
                  <td />
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {adding && <NewOperator onClose={() => setAdding(false)} />}
      {changing && <ChangeRights o={changing} onClose={() => setChanging(null)} />}
      <Confirm
        title={`Remove ${removing}?`}
        note="Their sessions and API tokens end at once."
        verb="Remove"
        danger
        open={removing !== ''}
        onClose={() => setRemoving('')}
        act={async () => {
          await attempt(() => del(`/operators/${encodeURIComponent(removing)}`), `${removing} is removed`)
          changed('/operators', '/tokens')
        }}
      />
    </Panel>
  )
}

function ChangeRights({ o, onClose }: { o: Operators['local'][number]; onClose: () => void }) {
  const [chosen, setChosen] = useState<Right[]>(o.rights ?? [])
  const save = () =>
    attempt(() => put(`/operators/${encodeURIComponent(o.name)}/rights`, { rights: chosen }), `${o.name} has other rights`).then((ok) => {
      changed('/operators')
      if (ok) onClose()
    })
  return (
    <Modal title={`Rights of ${o.name}`} open onClose={onClose} note="Beside what the configuration gives.">
      <RightsPicker chosen={chosen} onChange={setChosen} />
      <footer className="dialog-foot">
        <Button onClick={onClose}>Cancel</Button>
        <Button look="main" onClick={() => void save()}>Save</Button>
      </footer>
    </Modal>
  )
}

function NewOperator({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState('')
  const [password, setPassword] = useState('')
  const [chosen, setChosen] = useState<Right[]>(['viewer'])
  const [error, setError] = useState('')
  const submit = async () => {
    setError('')
    try {
      await post('/operators', { name, password, rights: chosen })
      changed('/operators')
      onClose()
    } catch (err) {
      setError(sentence(problem(err).detail))
    }
  }
  return (
    <Modal title="Add an operator" open onClose={onClose}>
      <form
        onSubmit={(e) => {
          e.preventDefault()
          void submit()
        }}
      >
        <Field label="Name" note="As in bo, or bo@acme.dev">
          {(id, by) => <input id={id} aria-describedby={by} value={name} onChange={(e) => setName(e.target.value)} autoComplete="off" required />}
        </Field>
        <Field label="First password" note="Without one they come by the tailnet only.">
          {(id, by) => <input id={id} aria-describedby={by} type="password" value={password} onChange={(e) => setPassword(e.target.value)} autoComplete="new-password" />}
        </Field>
        <RightsPicker chosen={chosen} onChange={setChosen} />
        <p className="field-error" role="alert">{error && <Foreign text={error} />}</p>
        <footer className="dialog-foot">
          <Button onClick={onClose}>Cancel</Button>
          <Button look="main" type="submit" disabled={!name || chosen.length === 0}>Add</Button>
        </footer>
      </form>
    </Modal>
  )
}

/** PasskeysPanel shows the operator's own passkeys, and makes one. */
export function PasskeysPanel() {
  const { data } = useResource<{ name: string; created: string }[]>('/passkeys')
  const [name, setName] = useState('')
  const [adding, setAdding] = useState(false)
  const make = () =>
    attempt(() => makePasskey(name), `The passkey ${name} is registered`).then((ok) => {
      changed('/passkeys', '/session')
      if (ok) setAdding(false)
    })
  const forget = (n: string) => attempt(() => del(`/passkeys/${encodeURIComponent(n)}`), `${n} is removed`).then(() => changed('/passkeys'))
  return (
    <Panel title="Your passkeys" tools={canPasskey() && <Button icon="key" onClick={() => setAdding(true)}>Add a passkey</Button>}>
      {!canPasskey() && <p className="quiet">Passkeys need HTTPS, or localhost, and a browser that has them.</p>}
      {data && data.length === 0 && canPasskey() && <p className="quiet">None. With one you log in and prove who you are without a password.</p>}
      <ul className="lines">
        {(data ?? []).map((k) => (
          <li key={k.name} className="line">
            <span><strong><Foreign text={k.name} /></strong> <span className="quiet"><Time at={k.created} /></span></span>
            <Button onClick={() => void forget(k.name)}>Remove</Button>
          </li>
        ))}
      </ul>
      <Modal title="Add a passkey" open={adding} onClose={() => setAdding(false)}>
        <form
          onSubmit={(e) => {
            e.preventDefault()
            void make()
          }}
        >
          <Field label="Name" note="As in laptop, or blue-key">
            {(id, by) => <input id={id} aria-describedby={by} value={name} onChange={(e) => setName(e.target.value)} autoComplete="off" required />}
          </Field>
          <footer className="dialog-foot">
            <Button onClick={() => setAdding(false)}>Cancel</Button>
            <Button look="main" type="submit" disabled={!name}>Add it</Button>
          </footer>
        </form>
      </Modal>
    </Panel>
  )
}

/** TokensPanel shows API tokens, and makes one. */
export function TokensPanel() {
  const { data, error, reload } = useResource<Token[]>('/tokens')
  const may = useMay()
  const [adding, setAdding] = useState(false)
  const end = (t: Token) =>
    attempt(() => del(`/tokens/${encodeURIComponent(t.id)}`), `${t.name} is ended`).then(() => changed('/tokens'))
  return (
    <Panel title="API tokens" tools={may('viewer') && <Button icon="plus" onClick={() => setAdding(true)}>Make a token</Button>}>
      {error ? (
        <Fault problem={error} retry={reload} />
      ) : !data ? (
        <Skeleton lines={3} />
      ) : data.length === 0 ? (
        <p className="quiet">None. A program uses one as <code>SALLYPORT_TOKEN</code>.</p>
      ) : (
        <div className="table-box" tabIndex={0} role="region" aria-label="All tokens">
          <table className="table stack">
            <thead>
              <tr><th scope="col">Token</th><th scope="col">Of</th><th scope="col">May</th><th scope="col">Made</th><th scope="col">Expires</th><th scope="col"><span className="sr">Do</span></th></tr>
            </thead>
            <tbody>
              {data.map((t) => (
                <tr key={t.id}>
                  <th scope="row"><Foreign text={t.name} /></th>
                  <td data-label="Of"><Foreign text={t.owner.name} /></td>
                  <td data-label="May"><span>{(t.scope ?? []).map((r) => <Badge key={r}>{r}</Badge>)}</span></td>
                  <td data-label="Made"><Time at={t.created} /></td>
                  <td data-label="Expires"><Time at={t.expires} /></td>
                  <td className="row-tools"><Button onClick={() => void end(t)}>End it</Button></td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {adding && <NewToken onClose={() => setAdding(false)} />}
    </Panel>
  )
}

function NewToken({ onClose }: { onClose: () => void }) {
  const who = useWho()
  const [name, setName] = useState('')
  const [expires, setExpires] = useState('720h')
  const [chosen, setChosen] = useState<Right[]>(['viewer'])
  const [secret, setSecret] = useState('')
  const [error, setError] = useState('')
  const submit = async () => {
    setError('')
    try {
      setSecret((await post<{ secret: string }>('/tokens', { name, scope: chosen, expires })).secret)
      changed('/tokens')
    } catch (err) {
      setError(sentence(problem(err).detail))
    }
  }
  if (secret) {
    return (
      <Modal title={name} open onClose={onClose} note="This is shown once. Keep it where secrets are kept." once>
        <div className="command"><code>{secret}</code><CopyButton text={secret} label="Copy the token" /></div>
        <footer className="dialog-foot"><Button look="main" onClick={onClose}>I have it</Button></footer>
      </Modal>
    )
  }
  return (
    <Modal title="Make an API token" open onClose={onClose} note="It does what you may do, as far as its scope goes.">
      <form
        onSubmit={(e) => {
          e.preventDefault()
          void submit()
        }}
      >
        <Field label="Name">{(id, by) => <input id={id} aria-describedby={by} value={name} onChange={(e) => setName(e.target.value)} autoComplete="off" required />}</Field>
        <RightsPicker chosen={chosen} onChange={setChosen} only={who?.rights} />
        <Field label="Expires">
          {(id, by) => (
            <select id={id} aria-describedby={by} value={expires} onChange={(e) => setExpires(e.target.value)}>
              <option value="24h">in a day</option>
              <option value="168h">in a week</option>
              <option value="720h">in 30 days</option>
              <option value="2160h">in 90 days</option>
              <option value="8760h">in a year</option>
            </select>
          )}
        </Field>
        <p className="field-error" role="alert">{error && <Foreign text={error} />}</p>
        <footer className="dialog-foot">
          <Button onClick={onClose}>Cancel</Button>
          <Button look="main" type="submit" disabled={!name || chosen.length === 0}>Make it</Button>
        </footer>
      </form>
    </Modal>
  )
}
