import { useEffect, useRef, useState, type ReactNode } from 'react'
import { get, post, problem, type Problem } from '../lib/api'
import { canPasskey, usePasskey } from '../lib/passkey'
import { atProvider, pageHere, tellProven, whenProven } from '../lib/proof'
import { usePlace } from '../lib/router'
import type { Schemas } from '../lib/schema'
import type { Standing } from '../lib/types'
import { useWho } from '../lib/who'
import { Button, Command, Fault, Field, Foreign, Link, Modal, sentence } from '../ui/kit'

interface FormProps {
  fields: { name: string; label: string; type: 'text' | 'password'; auto: string; note?: string }[]
  verb: string
  act: (v: Record<string, string>) => Promise<void>
  children?: ReactNode
}

/** Form sends what its fields hold and says under them why that did not do. */
function Form({ fields, verb, act, children }: FormProps) {
  const [values, setValues] = useState<Record<string, string>>({})
  const [error, setError] = useState('')
  const [busy, setBusy] = useState(false)
  const submit = async () => {
    setBusy(true)
    setError('')
    try {
      await act(values)
    } catch (err) {
      const p = problem(err)
      setError(p.status === 429 ? 'Too many tries. Wait a moment, then try again.' : p.detail)
      setBusy(false)
    }
  }
  return (
    <form
      onSubmit={(e) => {
        e.preventDefault()
        void submit()
      }}
    >
      {fields.map((f, i) => (
        <Field key={f.name} label={f.label} note={f.note}>
          {(id, by) => (
            <input
              id={id}
              aria-describedby={by}
              name={f.name}
              type={f.type}
              autoComplete={f.auto}
              autoFocus={i === 0}
              required
              value={values[f.name] ?? ''}
              onChange={(e) => setValues({ ...values, [f.name]: e.target.value })}
            />
          )}
        </Field>
      ))}
      <p className="field-error" role="alert">{error && <Foreign text={sentence(error)} />}</p>
      <Button look="main" type="submit" busy={busy}>{verb}</Button>
      {children}
    </form>
  )
}

function Gate({ title, children, notes }: { title: string; children: ReactNode; notes?: string[] }) {
  return (
    <main className="gate" id="main">
      <div className="gate-box">
        <img src="/favicon.svg" alt="" width="36" height="36" />
        <h1>{title}</h1>
        {children}
        {(notes ?? []).map((n) => <p key={n} className="quiet small">{n}</p>)}
      </div>
    </main>
  )
}

/** PasskeyButton asks the browser for a passkey. */
function PasskeyButton({ label, onDone }: { label: string; onDone: () => void }) {
  const [error, setError] = useState('')
  const [busy, setBusy] = useState(false)
  const run = async () => {
    setBusy(true)
    setError('')
    try {
      await usePasskey()
      onDone()
    } catch (err) {
      setError(sentence(problem(err).detail))
      setBusy(false)
    }
  }
  return (
    <div>
      <Button icon="key" busy={busy} onClick={() => void run()}>{label}</Button>
      <p className="field-error" role="alert">{error && <Foreign text={error} />}</p>
    </div>
  )
}

export function LoginPage({ standing, onDone }: { standing: Standing; onDone: () => void }) {
  const { path, query } = usePlace()
  const place = path === '/login' || path === '/setup' ? '/' : path + (query.size > 0 ? `?${query}` : '')
  const login = async (v: Record<string, string>) => {
    await post('/session', { name: v.name, password: v.password }, { quiet: true })
    onDone()
  }
  return (
    <Gate title="Log in to Sallyport" notes={standing.notes}>
      {standing.setup && <p>No operator is there yet. Open the one-time link that <code>sallyport serve</code> printed.</p>}
      {standing.login.includes('oidc') && <p><a className="button main" href={atProvider(place, false)}>Log in with your provider</a></p>}
      {standing.login.includes('password') && (
        <Form
          verb="Log in"
          act={login}
          fields={[
            { name: 'name', label: 'Name', type: 'text', auto: 'username' },
            { name: 'password', label: 'Password', type: 'password', auto: 'current-password' },
          ]}
        />
      )}
      {standing.login.includes('passkey') && canPasskey() && <PasskeyButton label="Use a passkey" onDone={onDone} />}
    </Gate>
  )
}

/** lost says why a link makes nobody an operator. */
const lost: Record<string, string> = {
  used: 'It was used already, or an operator was made in another way.',
  expired: 'It was printed more than an hour ago.',
  unknown: 'The gateway that runs here did not print it: it is not whole, or of a start before this one.',
}

/** SetupPage makes the first operator of whoever has the link. */
export function SetupPage({ token, onDone, onLeave }: { token: string; onDone: () => void; onLeave: () => void }) {
  const [state, setState] = useState('')
  const [fault, setFault] = useState<Problem | null>(null)
  const look = () => {
    setFault(null)
    post<Schemas['door.LinkState']>('/setup/link', { token }, { quiet: true }).then((l) => setState(l.state), (err) => setFault(problem(err)))
  }
  useEffect(look, [token])
  const setup = async (v: Record<string, string>) => {
    try {
      await post('/setup', { token, name: v.name, password: v.password }, { quiet: true })
    } catch (err) {
      look() // somebody else may have been faster
      throw err
    }
    onDone()
  }
  if (fault) {
    return (
      <Gate title="Make the first operator">
        <Fault problem={fault} retry={look} />
      </Gate>
    )
  }
  if (state && state !== 'good') {
    return (
      <Gate title="This link does not hold">
        <p role="alert">{lost[state] ?? lost.unknown}</p>
        {state === 'used' ? <p>Log in as that operator. Nobody knows the password any more? Somebody on the host makes another one:</p> : <p>While nobody can log in, the gateway prints a new one whenever it starts. Without a restart, somebody on the host makes an operator:</p>}
        <Command text="sallyport operator add NAME --right admin" />
        <p><Link to="/login" onClick={onLeave}>Log in</Link></p>
      </Gate>
    )
  }
  return (
    <Gate title="Make the first operator">
      <p className="quiet">This link works once. Whoever uses it may do everything here.</p>
      {state === 'good' && (
        <Form
          verb="Make it"
          act={setup}
          fields={[
            { name: 'name', label: 'Name', type: 'text', auto: 'username', note: 'As in ana, or ana@acme.dev' },
            { name: 'password', label: 'Password', type: 'password', auto: 'new-password', note: 'At least 10 characters' },
          ]}
        />
      )}
    </Gate>
  )
}

/** NoRight is for somebody who is known and may do nothing here. */
export function NoRight({ name }: { name: string }) {
  return (
    <Gate title="You have no right here yet">
      <p>The gateway knows you as <strong><Foreign text={name} /></strong>. Ask an admin to name you in the <code>operators</code> block, or to run:</p>
      <div className="command"><code>sallyport operator add {name} --right viewer</code></div>
    </Gate>
  )
}

/** ProviderProof has somebody prove at their provider who they are, in a tab of its own:
 * the page stays as it is, with what was written, and goes on when that tab is back. */
function ProviderProof({ onDone, onOther }: { onDone: () => void; onOther: () => void }) {
  const who = useWho()
  const { path, query } = usePlace()
  const [error, setError] = useState('')
  const done = useRef({ onDone, onOther })
  done.current = { onDone, onOther }
  const name = who?.person.name
  useEffect(
    () =>
      whenProven(async () => {
        try {
          const { caller } = await get<Standing>('/session', { quiet: true })
          if (!caller || caller.person.name !== name) return done.current.onOther()
          if (caller.fresh) return done.current.onDone()
          setError('The provider does not say that you proved it just now. Try again, or take another way.')
        } catch (err) {
          setError(sentence(problem(err).detail))
        }
      }),
    [name],
  )
  const here = path + (query.size > 0 ? `?${query}` : '')
  return (
    <div>
      <p><a className="button" target="_blank" rel="noopener" href={atProvider(`/proven?${new URLSearchParams({ to: here })}`, true)}>Prove it at your provider</a></p>
      <p className="quiet small">It opens in a tab of its own. This page keeps what you wrote, and goes on by itself.</p>
      <p className="field-error" role="alert">{error && <Foreign text={error} />}</p>
    </div>
  )
}

/** ProvenPage is where the tab of a proof ends. */
export function ProvenPage({ name }: { name: string }) {
  const { query } = usePlace()
  useEffect(() => {
    tellProven()
    window.close() // a browser that does not let it shows the rest
  }, [])
  const to = query.get('to') ?? ''
  return (
    <Gate title="Proved">
      <p>You are <strong><Foreign text={name} /></strong>. What you were about to do goes on in the page that asked. This tab can be closed.</p>
      <p className="quiet">Is that page gone? <Link to={pageHere(to, location.origin)}>Go on here</Link></p>
    </Gate>
  )
}

interface StepUpProps {
  open: boolean
  ways: string[]
  onEnd: (proven: boolean) => void
  onOther: () => void // it is somebody else who proved it
}

/** StepUp asks once more who somebody is, before what matters most. */
export function StepUp({ open, ways, onEnd, onOther }: StepUpProps) {
  const prove = async (v: Record<string, string>) => {
    await post('/session/step-up', { password: v.password }, { quiet: true })
    onEnd(true)
  }
  return (
    <Modal title="Prove it is you" open={open} onClose={() => onEnd(false)} note="What you are about to do asks for a fresh proof.">
      {ways.includes('passkey') && canPasskey() && <PasskeyButton label="Use your passkey" onDone={() => onEnd(true)} />}
      {ways.includes('oidc') && <ProviderProof onDone={() => onEnd(true)} onOther={onOther} />}
      {ways.includes('password') ? (
        <Form verb="Go on" act={prove} fields={[{ name: 'password', label: 'Your password', type: 'password', auto: 'current-password' }]} />
      ) : ways.length > 0 ? null : (
        <p>There is no way to prove it here: you have no passkey, and no password that counts on this machine. An admin can give you one (<code>sallyport operator passwd NAME</code>); where an agent runs as well, take another machine.</p>
      )}
    </Modal>
  )
}
