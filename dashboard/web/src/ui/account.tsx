import { kindOf, kinds, usual, valueOf, type Account, type Part } from '../lib/account'
import { Field } from './kit'

interface Each {
  roles: string[]
  of: (role: string) => Account
  set: (role: string, a: Account) => void
  base: string
  on: 'http' | 'postgres'
  known: string[]
}

/** EachRole is an account for every role. */
export const EachRole = ({ roles, of, set, base, on, known }: Each) =>
  roles.map((role) => (
    <fieldset key={role} className="account-role">
      <legend>Agents in <code>{role}</code></legend>
      <AccountForm a={of(role)} set={(a) => set(role, a)} base={`${base}_${role}`} on={on} known={known} />
    </fieldset>
  ))

interface Props {
  a: Account
  set: (a: Account) => void
  base: string // what its secrets are usually called
  on: 'http' | 'postgres'
  /** what the select offers beside the kinds: how it is now, or as the preset has it */
  others?: [kind: string, label: string][]
  known: string[] // secrets that are there
}

/** AccountForm is one account: which kind, and what that is made of. No value of a
 * secret stands in it, only names. */
export function AccountForm({ a, set, base, on, others = [], known }: Props) {
  const kind = kindOf(a)
  const put = (key: string, v: string) => set({ ...a, values: { ...a.values, [key]: v } })
  return (
    <>
      <Field label="Account" note={kind?.note}>
        {(id, by) => (
          <select id={id} aria-describedby={by} value={a.kind} onChange={(e) => set({ ...a, kind: e.target.value })}>
            {others.map(([k, label]) => <option key={k} value={k}>{label}</option>)}
            {kinds.filter((k) => k.on === on).map((k) => <option key={k.id} value={k.id}>{k.label}</option>)}
          </select>
        )}
      </Field>
      {kind && (
        <div className="account-parts">
          {kind.parts.map((p) => <PartField key={p.key} p={p} a={a} base={base} known={known} put={put} />)}
          {on === 'http' && !kind.bare && (
            <Field label="Agents hold a dummy in" note="A variable; the account is put in only where its dummy is shown.">
              {(id, by) => <input id={id} aria-describedby={by} className="mono" value={a.dummy} placeholder="none" onChange={(e) => set({ ...a, dummy: e.target.value })} autoComplete="off" spellCheck={false} />}
            </Field>
          )}
        </div>
      )}
    </>
  )
}

function PartField({ p, a, base, known, put }: { p: Part; a: Account; base: string; known: string[]; put: (key: string, v: string) => void }) {
  const there = p.is === 'secret' && known.includes(valueOf(a, p, base))
  const note = there ? 'There is such a secret; its value is used.' : (p.note ?? (p.is === 'secret' ? 'Its value comes in the next step.' : p.may && typeof p.is !== 'object' ? 'May stay empty.' : undefined))
  return (
    <Field label={p.is === 'secret' && p.label !== 'Secret' ? `${p.label} is kept as` : p.label} note={note}>
      {(id, by) =>
        typeof p.is === 'object' ? (
          <select id={id} aria-describedby={by} value={a.values[p.key] ?? ''} onChange={(e) => put(p.key, e.target.value)}>
            {p.is.map(([v, label]) => <option key={v} value={v}>{label}</option>)}
          </select>
        ) : (
          <input
            id={id}
            aria-describedby={by}
            className="mono"
            value={a.values[p.key] ?? ''}
            placeholder={p.is === 'secret' && !p.may ? usual(p, base) : p.eg}
            list={p.is === 'secret' && known.length > 0 ? 'known-secrets' : undefined}
            onChange={(e) => put(p.key, e.target.value)}
            autoComplete="off"
            spellCheck={false}
          />
        )
      }
    </Field>
  )
}

/** KnownSecrets is what the fields of accounts propose. */
export const KnownSecrets = ({ known }: { known: string[] }) => (
  <datalist id="known-secrets">{known.map((n) => <option key={n} value={n} />)}</datalist>
)
