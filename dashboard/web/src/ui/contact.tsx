import { useState } from 'react'
import { post, problem, type Problem } from '../lib/api'
import { absolute, duration } from '../lib/format'
import type { Contact } from '../lib/types'
import { Button, Facts, Fault, Field, Foreign, Link, Modal, Skeleton } from './kit'
import { Icon, type IconName } from './icons'
import './contact.css'

const names: Record<string, string> = { dns: 'Look-up', tcp: 'Connection', tls: 'TLS', account: 'Account' }
const marks: Record<string, IconName> = { ok: 'check', failed: 'close', unsure: 'warn', skipped: 'right' }

/** Steps shows how far the gateway came on its way to a service. */
export function Steps({ c }: { c: Contact }) {
  return (
    <div className="contact">
      <ol className="contact-steps" aria-label="The way there">
        {c.steps.map((s) => (
          <li key={s.name} className={s.state}>
            <span className="contact-mark" aria-hidden="true"><Icon name={marks[s.state] ?? 'right'} /></span>
            <strong>{names[s.name] ?? s.name}<span className="sr"> {s.state}</span></strong>
            <span className="contact-says"><Foreign text={s.says} /></span>
            <span className="quiet small">{s.took_ns ? duration(s.took_ns) : ''}</span>
          </li>
        ))}
      </ol>
      <Facts
        rows={[
          ['Asked for', <code key="h"><Foreign text={c.host} /></code>],
          ['Account of role', c.role],
          ['Verified name', c.certificate && <code key="n"><Foreign text={c.certificate.name} /></code>],
          ['Signed by', c.certificate && <Foreign key="i" text={c.certificate.issuer} />],
          ['Good until', c.certificate && absolute(c.certificate.expires)],
        ]}
      />
    </div>
  )
}

/** ConnectionTest tries the way to a service when it is told to, or at once. */
export function ConnectionTest({ service, hosts, roles }: { service: string; hosts: string[]; roles: string[] }) {
  const single = hosts.filter((h) => !/[*/]/.test(h))
  const [host, setHost] = useState(single[0] ?? '')
  const [role, setRole] = useState(roles[0] ?? '')
  const [contact, setContact] = useState<Contact | null>(null)
  const [fault, setFault] = useState<Problem | null>(null)
  const [busy, setBusy] = useState(false)
  const run = async () => {
    setBusy(true)
    setFault(null)
    try {
      setContact(await post<Contact>(`/services/${encodeURIComponent(service)}/test`, { host, role }))
    } catch (err) {
      setContact(null)
      setFault(problem(err))
    } finally {
      setBusy(false)
    }
  }
  return (
    <form
      className="contact-test"
      onSubmit={(e) => {
        e.preventDefault()
        void run()
      }}
    >
      <div className="contact-ask">
        {hosts.length > 1 || single.length === 0 ? (
          <Field label="Host" note={single.length === 0 ? `One of ${hosts.join(', ')}` : undefined}>
            {(id, by) =>
              single.length === hosts.length ? (
                <select id={id} aria-describedby={by} value={host} onChange={(e) => setHost(e.target.value)}>
                  {single.map((h) => <option key={h}>{h}</option>)}
                </select>
              ) : (
                <input id={id} aria-describedby={by} className="mono" value={host} onChange={(e) => setHost(e.target.value)} autoComplete="off" spellCheck={false} />
              )
            }
          </Field>
        ) : null}
        {roles.length > 1 && (
          <Field label="Account of role">
            {(id, by) => (
              <select id={id} aria-describedby={by} value={role} onChange={(e) => setRole(e.target.value)}>
                {roles.map((r) => <option key={r}>{r}</option>)}
              </select>
            )}
          </Field>
        )}
        <Button look="main" type="submit" busy={busy} disabled={roles.length === 0}>{contact || fault ? 'Test again' : 'Test the connection'}</Button>
      </div>
      <div aria-live="polite">
        {roles.length === 0 && <p className="quiet">No role uses it, so nobody gets there. Give it to a role in the <Link to="/policy">policy</Link> first.</p>}
        {fault && <Fault problem={fault} />}
        {busy && !contact ? <Skeleton lines={4} /> : contact && <Steps c={contact} />}
      </div>
    </form>
  )
}

export function TestModal({ service, hosts, roles, onClose }: { service: string; hosts: string[]; roles: string[]; onClose: () => void }) {
  return (
    <Modal title={`Test ${service}`} note="The gateway goes there by itself, as it would for an agent, with the same account. Nothing secret comes back." open onClose={onClose} wide>
      <ConnectionTest service={service} hosts={hosts} roles={roles} />
    </Modal>
  )
}
