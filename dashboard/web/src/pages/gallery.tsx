import { useMemo, useState } from 'react'
import { account, authOf, byRole, wants, type Account } from '../lib/account'
import { plural } from '../lib/format'
import { useResource } from '../lib/resource'
import { go, setQuery, usePlace } from '../lib/router'
import { begin, canRename, draftOf, lacks, ownOf, stuck, users, type ServiceForm } from '../lib/service'
import type { Schemas } from '../lib/schema'
import type { Draft, Preset, Role, Secret, Service, SourceText, StandingBlock } from '../lib/types'
import { useMay } from '../lib/who'
import { AccountForm, EachRole, KnownSecrets } from '../ui/account'
import { ConnectionTest } from '../ui/contact'
import { Outcome, useChecked } from '../ui/draft'
import { Icon } from '../ui/icons'
import { Badge, Button, Empty, Facts, Fault, Field, Foreign, Link, PageHead, Panel, Skeleton } from '../ui/kit'
import { say } from '../ui/toast'
import { ConnectForm } from './connect'
import { SecretValue } from './secrets'
import './gallery.css'

/** GalleryPage leads from a preset to a service that answers: pick, fill in, see
 * what it does, take it, give its secret a value, try the connection. */
export function GalleryPage() {
  const { query } = usePlace()
  const presets = useResource<Preset[]>('/presets')
  const source = useResource<SourceText>('/policy')
  const roles = useResource<Role[]>('/roles')
  const secrets = useResource<Secret[]>('/secrets')
  const picked = presets.data?.find((p) => p.name === query.get('preset'))
  const made = query.get('made')
  const of = query.get('account')
  const error = presets.error ?? source.error ?? roles.error
  return (
    <>
      <PageHead title={of ? `Account of ${of}` : made ? `Set up ${made}` : picked ? `Add ${picked.name}` : 'Add a service'} note={!made && !of && !picked && 'Pick what it is; what is known of it comes with it.'}>
        {picked && !made && <Button icon="back" onClick={() => setQuery({ preset: '' }, 'push')}>All presets</Button>}
        <Link className="button" to="/services">Services</Link>
      </PageHead>
      {made ? (
        <Finish name={made} />
      ) : error ? (
        <Fault problem={error} />
      ) : !presets.data || !source.data || !roles.data || !(secrets.data || secrets.error) ? (
        <Skeleton lines={10} />
      ) : of ? (
        <Another key={of} name={of} source={source.data} roles={roles.data} known={(secrets.data ?? []).map((x) => x.name)} />
      ) : picked ? (
        <Setup key={picked.name} preset={picked} source={source.data} roles={roles.data.map((r) => r.name)} known={(secrets.data ?? []).map((x) => x.name)} />
      ) : (
        <Gallery list={presets.data} />
      )}
    </>
  )
}

// What stands first, because many begin with it.
const first = ['github', 'postgres', 'openai', 'anthropic', 'slack', 'gitlab', 'stripe']
const last = ['http', 'internet']
const rank = (p: Preset) => (first.includes(p.name) ? first.indexOf(p.name) : last.includes(p.name) ? 99 + last.indexOf(p.name) : 50)

function Gallery({ list }: { list: Preset[] }) {
  const [find, setFind] = useState('')
  const want = find.trim().toLowerCase()
  const found = [...list].sort((a, b) => rank(a) - rank(b)).filter((p) => `${p.name} ${p.description} ${(p.hosts ?? []).join(' ')}`.toLowerCase().includes(want))
  return (
    <>
      <div className="gallery-find">
        <Icon name="search" />
        <input value={find} onChange={(e) => setFind(e.target.value)} placeholder="github, postgres, api.openai.com" aria-label="Find a preset" autoComplete="off" spellCheck={false} />
      </div>
      {found.length === 0 ? (
        <Empty title="No preset is called so">
          Any HTTP API is a service, too: <button type="button" className="linkish" onClick={() => setQuery({ preset: 'http' }, 'push')}>state its host</button>.
        </Empty>
      ) : (
        <ul className="gallery">
          {found.map((p) => (
            <li key={p.name}>
              <button type="button" className="preset" onClick={() => setQuery({ preset: p.name }, 'push')}>
                <span className="preset-mark" aria-hidden="true">{p.name.slice(0, 2)}</span>
                <span className="preset-name">{p.name}</span>
                <span className="preset-about">{p.description}</span>
                <span className="preset-foot">
                  <Badge tone="quiet">{p.protocol}</Badge>
                  <span className="clip">{(p.hosts ?? []).length === 0 ? 'you say where' : p.hosts[0] === '*' ? 'any public host' : `${p.hosts[0]}${p.hosts.length > 1 ? ` and ${p.hosts.length - 1} more` : ''}`}</span>
                </span>
              </button>
            </li>
          ))}
        </ul>
      )}
    </>
  )
}

function Setup({ preset, source, roles, known }: { preset: Preset; source: SourceText; roles: string[]; known: string[] }) {
  const taken = source.blocks.flatMap((b) => (b.kind === 'service' && b.name ? [b.name] : []))
  const [f, setForm] = useState<ServiceForm>(() => begin(preset, roles, taken))
  const set = (patch: Partial<ServiceForm>) => setForm({ ...f, ...patch })
  const lack = taken.includes(f.name) ? `There is a service ${f.name} already.` : lacks(f)
  const draft = useMemo(() => (lack ? null : draftOf(f, source)), [f, lack, source])
  const check = useChecked(draft, source.revision)
  const byHand = stuck(f, source)
  return (
    <div className="rule-page">
      <div>
        <Panel title={preset.description}>
          <p className="quiet preset-words">{preset.about}</p>
          <Known preset={preset} />
        </Panel>
        <Panel title="Yours">
          <Field label="Name" note="What rules, roles and records call it.">
            {(id, by) => <input id={id} aria-describedby={by} className="mono" value={f.name} onChange={(e) => set({ name: e.target.value })} autoComplete="off" spellCheck={false} />}
          </Field>
          <Hosts f={f} set={set} />
          <Field label="Without a rule" note={posturesSay[f.posture]}>
            {(id, by) => (
              <select id={id} aria-describedby={by} value={f.posture} onChange={(e) => set({ posture: e.target.value })}>
                <option>guarded</option>
                <option>locked</option>
                <option>open</option>
              </select>
            )}
          </Field>
          <RolesOf f={f} set={set} roles={roles} />
          <Accounts f={f} set={set} known={known} />
          {byHand.length > 0 && <p className="warn-line small">What {byHand.join(', ')} uses is written in a way that this form does not change; add service.{f.name || 'NAME'} to it in the policy.</p>}
        </Panel>
      </div>
      <Outcome
        check={check}
        lack={lack}
        base={source.revision}
        onBack={() => go('/services')}
        onTaken={(n) => {
          say(`Revision ${n} is in force`)
          go(`/services/new?made=${encodeURIComponent(f.name)}`)
        }}
      />
    </div>
  )
}

const posturesSay: Record<string, string> = {
  guarded: 'Reads pass, writes ask, what destroys or administers is denied.',
  locked: 'Everything is denied until a rule allows it.',
  open: 'Everything passes until a rule says otherwise.',
}

interface Part {
  f: ServiceForm
  set: (patch: Partial<ServiceForm>) => void
}

function Known({ preset }: { preset: Preset }) {
  const ops = preset.operations ?? {}
  const all = Object.values(ops).reduce((n, list) => n + list.length, 0)
  if (all === 0) return null
  return (
    <details className="preset-known">
      <summary>{plural(all, 'operation')} it knows by name</summary>
      {['read', 'write', 'destructive', 'admin', 'unknown', ''].filter((e) => ops[e]?.length).map((effect) => (
        <p key={effect} className="small">
          <Badge tone={effect === 'read' ? 'allow' : effect === 'write' || effect === 'unknown' ? 'ask' : effect === '' ? 'quiet' : 'deny'}>{effect || 'by its body'}</Badge>{' '}
          <span className="mono quiet">{ops[effect]!.join(', ')}</span>
        </p>
      ))}
    </details>
  )
}

function Hosts({ f, set }: Part) {
  const known = f.preset.hosts ?? []
  const postgres = f.preset.protocol === 'postgres'
  return (
    <>
      <Field label={known.length > 0 ? 'Hosts, if others than the preset’s' : 'Hosts'} note={known.length > 0 ? 'For an instance of your own.' : 'Names, *.suffix, IPs or CIDRs, each with a port if it is not the usual one.'}>
        {(id, by) => (
          <input id={id} aria-describedby={by} className="mono" value={f.hosts} placeholder={known.length > 0 ? known.slice(0, 2).join(', ') : postgres ? 'db.internal:5432' : 'api.example.com'} onChange={(e) => set({ hosts: e.target.value })} autoComplete="off" spellCheck={false} />
        )}
      </Field>
      {(f.hosts !== '' || known.length === 0) && (
        <Field label="CA, if it is your own" note="A file beside the configuration; empty for a certificate that is publicly signed.">
          {(id, by) => <input id={id} aria-describedby={by} className="mono" value={f.ca} placeholder="ca.pem" onChange={(e) => set({ ca: e.target.value })} autoComplete="off" spellCheck={false} />}
        </Field>
      )}
      {postgres && (
        <Field label="Databases" note="The only ones that can be connected to; empty is any.">
          {(id, by) => <input id={id} aria-describedby={by} className="mono" value={f.databases} onChange={(e) => set({ databases: e.target.value })} autoComplete="off" spellCheck={false} />}
        </Field>
      )}
    </>
  )
}

function Accounts({ f, set, known }: Part & { known: string[] }) {
  const { preset } = f
  const on = preset.protocol === 'postgres' ? 'postgres' : 'http'
  if (preset.name === 'internet') return null
  const mixed = users(f).length > 1 || f.each
  return (
    <>
      {mixed && (
        <label className="check account-each">
          <input type="checkbox" checked={f.each} onChange={(e) => set({ each: e.target.checked })} />
          Each role has an account of its own
        </label>
      )}
      {!f.each ? (
        <>
          <AccountForm
            a={f.account}
            set={(account) => set({ account })}
            base={f.name}
            on={on}
            known={known}
            others={[...(preset.auth ? [['preset', 'As the preset has it'] as [string, string]] : []), ...(on === 'http' && !preset.auth ? [['none', 'None'] as [string, string]] : [])]}
          />
          {f.account.kind === 'preset' && (
            <Field label="Secret" note={`Put in as ${preset.auth}. ${known.includes(f.account.values.secret ?? '') ? 'There is such a secret; its value is used.' : 'Its value comes in the next step.'}`}>
              {(id, by) => <input id={id} aria-describedby={by} className="mono" value={f.account.values.secret} readOnly={!canRename(preset)} list="known-secrets" onChange={(e) => set({ account: { ...f.account, values: { secret: e.target.value } } })} autoComplete="off" spellCheck={false} />}
            </Field>
          )}
        </>
      ) : (
        <EachRole roles={users(f)} of={(role) => ownOf(f, role)} set={(role, a) => set({ accounts: { ...f.accounts, [role]: a } })} base={f.name} on={on} known={known} />
      )}
      <KnownSecrets known={known} />
    </>
  )
}

function RolesOf({ f, set, roles }: Part & { roles: string[] }) {
  return (
    <fieldset className="field">
      <legend>Who may use it</legend>
      <div className="checks-row">
        {roles.map((r) => (
          <label key={r} className="check">
            <input type="checkbox" checked={f.roles.includes(r)} onChange={(e) => set({ roles: e.target.checked ? [...f.roles, r] : f.roles.filter((x) => x !== r) })} />
            {r}
          </label>
        ))}
        <label className="check">
          <input type="checkbox" checked={f.newRole !== ''} onChange={(e) => set({ newRole: e.target.checked ? 'agents' : '' })} />
          a new role
        </label>
      </div>
      {f.newRole !== '' && <input className="mono new-role" aria-label="Name of the new role" value={f.newRole} onChange={(e) => set({ newRole: e.target.value })} autoComplete="off" spellCheck={false} />}
      <p className="field-note">{f.roles.length === 0 && !f.newRole ? 'No role yet: nobody gets there.' : 'Agents in these roles get there, and nobody else.'}</p>
    </fieldset>
  )
}

/** Another gives a service that stands there another account. */
function Another({ name, source, roles, known }: { name: string; source: SourceText; roles: Role[]; known: string[] }) {
  const services = useResource<Service[]>('/services')
  const block = useResource<StandingBlock>(`/policy/blocks/service/${encodeURIComponent(name)}`)
  const s = services.data?.find((x) => x.name === name)
  const using = (s?.roles ?? []).filter((r) => roles.some((x) => x.name === r))
  const [a, setA] = useState<Account>(account('keep'))
  const [each, setEach] = useState(false)
  const [own, setOwn] = useState<Record<string, Account>>({})
  const on = s?.protocol === 'postgres' ? 'postgres' : 'http'
  const ownOf = (role: string) => own[role] ?? account(on === 'postgres' ? 'password' : 'bearer')
  const old = block.data?.block
  const lack = each ? using.map((r) => [r, wants(ownOf(r), `${name}_${r}`)]).find(([, w]) => w)?.join(': ') : wants(a, name)
  const same = !each && a.kind === 'keep'
  const draft = useMemo((): Draft | null => {
    if (!old || lack || same) return null
    const { auth, ...rest } = old.attributes ?? {}
    const next = each ? byRole(using.map((r) => [r, ownOf(r)]), name) : a.kind === 'none' ? undefined : authOf(a, name)
    return { edits: [{ op: 'replace', kind: 'service', name, block: { ...old, attributes: next === undefined ? rest : { ...rest, auth: next } } }] }
  }, [old, a, each, own, lack, same])
  const check = useChecked(draft, source.revision)
  const error = services.error ?? block.error
  if (error) return <Fault problem={error} />
  if (!services.data || !block.data) return <Skeleton lines={8} />
  if (!s || s.protocol === 'tcp') return <Empty title="It takes no account">What is spoken there is opaque to the gateway. <Link to="/services">All services</Link></Empty>
  if (!old) return <Panel title="It is not for this form"><p>Only somebody with a shell on the host changes this service.</p></Panel>
  const now = (old.attributes ?? {}).auth as { keep?: string } | undefined
  const preset = block.data.name && !now ? 'as its preset has it, or none' : (now?.keep ?? '')
  return (
    <div className="rule-page">
      <Panel title="The account">
        <Facts rows={[['Now', <code key="n"><Foreign text={preset} /></code>], ['Used by', using.join(', ') || 'no role']]} />
        {using.length > 1 && (
          <label className="check account-each">
            <input type="checkbox" checked={each} onChange={(e) => setEach(e.target.checked)} />
            Each role has an account of its own
          </label>
        )}
        {each ? (
          <EachRole roles={using} of={ownOf} set={(role, x) => setOwn({ ...own, [role]: x })} base={name} on={on} known={known} />
        ) : (
          <AccountForm a={a} set={setA} base={name} on={on} known={known} others={[['keep', 'As it stands'], ...(now ? [['none', 'Not stated here'] as [string, string]] : [])]} />
        )}
        <KnownSecrets known={known} />
      </Panel>
      <Outcome
        check={check}
        lack={same ? 'Nothing is changed yet.' : lack}
        base={source.revision}
        onBack={() => go('/services')}
        onTaken={(n) => {
          say(`Revision ${n} is in force`)
          go(`/services/new?made=${encodeURIComponent(name)}`)
        }}
      />
    </div>
  )
}

/** Finish sees a new service through: its secrets, then the way there. */
function Finish({ name }: { name: string }) {
  const may = useMay()
  const services = useResource<Service[]>('/services')
  const secrets = useResource<Secret[]>('/secrets')
  const connectable = useResource<Schemas['connect.Connectable'][]>('/connections')
  const [connecting, setConnecting] = useState('')
  const s = services.data?.find((x) => x.name === name)
  if (services.error ?? secrets.error) return <Fault problem={(services.error ?? secrets.error)!} />
  if (!services.data || !secrets.data || !(connectable.data || connectable.error)) return <Skeleton lines={6} />
  if (!s) return <Empty title="There is no such service">It may have been removed meanwhile. <Link to="/services/new">Add one</Link>.</Empty>
  const all = s.secrets ?? []
  const unset = all.filter((n) => !secrets.data!.some((x) => x.name === n && !x.problem))
  const connects = (n: string) => (connectable.data ?? []).some((c) => c.secret === n)
  const typed = unset.filter((n) => !connects(n))
  const many = all.length > 1 ? 'secrets' : 'secret'
  return (
    <div className="finish">
      <Panel title={unset.length > 0 || all.length === 0 ? `1. Its ${many}` : `1. Its ${many} ${all.length > 1 ? 'are' : 'is'} set`} tools={<Badge tone={unset.length > 0 ? 'ask' : 'allow'}>{all.length === 0 ? 'none needed' : unset.length > 0 ? (all.length > 1 ? `${all.length - unset.length} of ${all.length} set` : 'no value yet') : 'sealed'}</Badge>}>
        {unset.length === 0 ? (
          <p className="quiet">{all.length === 0 ? 'It takes no secret.' : `${all.join(', ')}: the gateway puts ${all.length > 1 ? 'them' : 'it'} in; no agent sees ${all.length > 1 ? 'them' : 'it'}.`}</p>
        ) : !may('admin') ? (
          <p className="quiet">An admin gives <code>{unset.join(', ')}</code> a value; until then what needs it fails.</p>
        ) : typed.length > 0 ? (
          <>
            <p className="quiet">The value of <code>{typed[0]}</code> goes in once and never comes out.{unset.length > 1 && <> Then {unset.filter((n) => n !== typed[0]).join(', ')}.</>}</p>
            <SecretValue key={typed[0]} name={typed[0]!} onSet={() => undefined} />
          </>
        ) : (
          <>
            <p className="quiet">Somebody agrees at the provider, and <code>{unset[0]}</code> becomes what it gives.</p>
            <p><Button look="main" onClick={() => setConnecting(unset[0]!)}>Connect</Button></p>
          </>
        )}
      </Panel>
      {connecting && <ConnectForm name={connecting} onClose={() => setConnecting('')} />}
      <Panel title="2. The connection">
        {may('editor') ? <ConnectionTest key={unset.join()} service={s.name} hosts={s.hosts ?? []} roles={s.roles ?? []} /> : <p className="quiet">An editor may test it.</p>}
      </Panel>
      <Panel title="3. Agents">
        <p>
          {(s.roles ?? []).length === 0 ? <>No role uses it yet: add <code>service.{s.name}</code> to the <code>use</code> of one in the <Link to="/policy">policy</Link>.</> : <>Agents in {s.roles!.join(', ')} may use it now{s.asked?.length ? '; what asks comes to the approvals' : ''}.</>}{' '}
          <Link to="/agents">Enrol an agent</Link> or see <Link to={`/activity?q=${encodeURIComponent('service:' + s.name)}`}>what they do there</Link>.
        </p>
        {s.description && <p className="quiet small"><Foreign text={s.description} /></p>}
      </Panel>
    </div>
  )
}
