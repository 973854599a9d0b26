import { useState, type ReactNode } from 'react'
import { del, post, put } from '../lib/api'
import { changed } from '../lib/resource'
import type { Secret } from '../lib/types'
import { useMay } from '../lib/who'
import { Button, Confirm, Field, Foreign, Modal, Time } from '../ui/kit'
import { attempt, say } from '../ui/toast'

const at = (name: string) => `/secrets/${encodeURIComponent(name)}`

interface Props {
  list: Secret[]
  usedBy: (n: string) => string[]
  set: (n: string) => void
  connects: (n: string) => boolean
  connect: (n: string) => void
}

export function SecretTable({ list, usedBy, set, connects, connect }: Props) {
  const may = useMay()
  const [removing, setRemoving] = useState('')
  const [back, setBack] = useState<Secret | null>(null)
  const before = back?.older?.at(-1)
  return (
    <>
      <div className="table-box" tabIndex={0} role="region" aria-label="All secrets">
        <table className="table stack">
          <thead>
            <tr>
              <th scope="col">Secret</th><th scope="col">Value</th><th scope="col">Version</th><th scope="col">Set</th>
              <th scope="col">Last used</th><th scope="col">Used by</th><th scope="col"><span className="sr">Do</span></th>
            </tr>
          </thead>
          <tbody>
            {list.map((s) => (
              <tr key={s.name}>
                <th scope="row" className="mono">{s.name}</th>
                <td data-label="Value">
                  {s.problem ? <span className="bad"><Foreign text={s.problem} /></span> : s.source === 'sealed' ? 'sealed' : <Foreign text={`from ${s.source}`} />}
                  {s.expires && <span className={new Date(s.expires).getTime() - Date.now() < 14 * 864e5 ? 'sub warn-line' : 'sub'}>ends <Time at={s.expires} /></span>}
                  {s.short && <span className="sub warn-line">too short to be looked for in answers</span>}
                </td>
                <td data-label="Version">
                  {s.version ?? <span className="quiet">none</span>}
                  {(s.older ?? []).length > 0 && <span className="sub">{`before it ${s.older!.join(', ')}`}</span>}
                </td>
                <td data-label="Set"><Time at={s.created} />{s.by && <span className="sub">by <Foreign text={s.by} /></span>}</td>
                <td data-label="Last used">{s.used ? <Time at={s.used} /> : <span className="quiet" title="It went out with no request, as far as the gateway remembers">never</span>}</td>
                <td data-label="Used by">{usedBy(s.name).join(', ') || <span className="quiet">no service</span>}</td>
                <td className="row-tools">
                  {s.source === 'sealed' && may('admin') && (
                    <>
                      {connects(s.name) && <Button onClick={() => connect(s.name)}>{s.version ? 'Connect again' : 'Connect'}</Button>}
                      <Button onClick={() => set(s.name)}>{s.version ? 'Replace' : 'Set'}</Button>
                      {(s.older ?? []).length > 0 && <Button onClick={() => setBack(s)} aria-label={`Roll back ${s.name}`}>Roll back</Button>}
                      {s.version !== undefined && <Button look="bare" icon="close" aria-label={`Remove ${s.name}`} title="Remove" onClick={() => setRemoving(s.name)} />}
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
          await attempt(() => del(at(removing)), `${removing} is removed`)
          changed('/secrets', '/status')
        }}
      />
      <Confirm
        title={`Roll ${back?.name ?? ''} back?`}
        note={`The value of version ${before ?? ''} becomes the next version; the next action that needs it gets that one. What stands now is kept, and can be gone back to as well.`}
        verb="Roll back"
        open={back !== null}
        onClose={() => setBack(null)}
        act={async () => {
          await attempt(() => post(`${at(back!.name)}/rollback`), `${back!.name} has the value of version ${before} again`)
          changed('/secrets', '/status')
        }}
      />
    </>
  )
}

const mostBytes = 64 << 10

/** SecretValue takes a value, which nobody sees again. */
export function SecretValue({ name, onSet, children }: { name: string; onSet: () => void; children?: (busy: boolean, empty: boolean) => ReactNode }) {
  const [value, setValue] = useState('')
  const [busy, setBusy] = useState(false)
  const [file, setFile] = useState('')
  const read = async (from: HTMLInputElement) => {
    const chosen = from.files?.[0]
    from.value = ''
    if (!chosen) return
    if (chosen.size > mostBytes) return say(`${chosen.name} is larger than 64 KiB; that is no secret.`, 'failed')
    setValue((await chosen.text()).trimEnd())
    setFile(`read from ${chosen.name}`)
  }
  const submit = async () => {
    setBusy(true)
    let notes: string[] = []
    const ok = await attempt(async () => {
      notes = (await put<{ notes?: string[] }>(at(name), { value })).notes ?? []
    }, `${name} has its new value`)
    for (const note of notes) say(note, 'failed')
    setBusy(false)
    changed('/secrets', '/status')
    if (ok) {
      setValue('')
      setFile('')
      onSet()
    }
  }
  return (
    <form
      onSubmit={(e) => {
        e.preventDefault()
        void submit()
      }}
    >
      <Field label="Value">
        {(id, by) => <textarea id={id} aria-describedby={by} className="mono veiled" rows={3} value={value} onChange={(e) => setValue(e.target.value)} autoComplete="off" spellCheck={false} required />}
      </Field>
      <p className="quiet small from-file">
        <label className="linkish">or read it from a file<input type="file" className="sr" onChange={(e) => void read(e.target)} /></label>
        {file && <> <Foreign text={file} /></>}
      </p>
      {children ? children(busy, !name || !value) : <Button look="main" type="submit" busy={busy} disabled={!name || !value}>Save</Button>}
    </form>
  )
}

export function SecretForm({ name, known, onClose }: { name: string; known: string[]; onClose: () => void }) {
  const [what, setWhat] = useState(name)
  return (
    <Modal title={known.includes(what) ? `Replace ${what}` : 'Set a secret'} open onClose={onClose} note="The value goes in and never comes out: nobody can read it here again.">
      <Field label="Name" note="As the policy says it: secret.NAME">
        {(id, by) => <input id={id} aria-describedby={by} className="mono" value={what} readOnly={name !== ''} onChange={(e) => setWhat(e.target.value)} autoComplete="off" spellCheck={false} required />}
      </Field>
      <SecretValue name={what} onSet={onClose}>
        {(busy, empty) => (
          <footer className="dialog-foot">
            <Button onClick={onClose}>Cancel</Button>
            <Button look="main" type="submit" busy={busy} disabled={empty}>Save</Button>
          </footer>
        )}
      </SecretValue>
    </Modal>
  )
}
