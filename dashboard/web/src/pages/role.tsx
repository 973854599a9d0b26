import { useMemo, useState } from 'react'
import { plural } from '../lib/format'
import { useResource } from '../lib/resource'
import { go, usePlace } from '../lib/router'
import { draftOf, formOf, hidden, lacks, roleFields, shows, type Form } from '../lib/rule'
import type { Agent, BlockValues, Role, Service, SourceText, StandingBlock } from '../lib/types'
import { useMay } from '../lib/who'
import { Outcome, useChecked } from '../ui/draft'
import { Icon } from '../ui/icons'
import { Empty, Facts, Fault, Field, Foreign, Link, PageHead, Panel, Skeleton, Time } from '../ui/kit'
import { Refs } from '../ui/refs'
import { say } from '../ui/toast'

/** Roles lists them, with who is in and what they lead to. */
export function Roles({ agents }: { agents: Agent[] }) {
  const { data, error, reload } = useResource<Role[]>('/roles')
  const may = useMay()
  const inside = (name: string) => agents.filter((a) => a.roles?.includes(name) && a.state !== 'waiting')
  return (
    <Panel title="Roles" tools={may('editor') && <Link className="button" to="/roles/edit"><Icon name="plus" />New role</Link>}>
      {error ? (
        <Fault problem={error} retry={reload} />
      ) : !data ? (
        <Skeleton lines={3} />
      ) : data.length === 0 ? (
        <Empty title="There is no role yet">An agent in none can do nothing. A role says which services its members may use.</Empty>
      ) : (
        <div className="table-box" tabIndex={0} role="region" aria-label="All roles">
          <table className="table stack">
            <thead>
              <tr><th scope="col">Role</th><th scope="col">May use</th><th scope="col">Members</th><th scope="col">Enrolled into it</th><th scope="col">Ends</th><th scope="col"><span className="sr">Do</span></th></tr>
            </thead>
            <tbody>
              {data.map((r) => (
                <tr key={r.name}>
                  <th scope="row">{r.name}</th>
                  <td data-label="May use">{(r.services ?? []).join(', ') || <span className="quiet">nothing</span>}</td>
                  <td data-label="Members" className="small">{(r.members ?? []).length > 0 ? <Foreign text={r.members!.join(', ')} className="mono" /> : <span className="quiet">who is enrolled into it</span>}</td>
                  <td data-label="Enrolled">{inside(r.name).length > 0 ? <span title={inside(r.name).map((a) => a.name).join(', ')}>{plural(inside(r.name).length, 'agent')}</span> : <span className="quiet">none</span>}</td>
                  <td data-label="Ends">{r.until ? <Time at={r.until} /> : <span className="quiet">never</span>}</td>
                  <td className="row-tools">{may('editor') && <Link className="button" aria-label={`Edit ${r.name}`} to={`/roles/edit?role=${encodeURIComponent(r.name)}`}>Edit</Link>}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  )
}

/** RolePage writes a role, or edits one that stands there. */
export function RolePage() {
  const { query } = usePlace()
  const name = query.get('role')
  const old = useResource<StandingBlock>(name ? `/policy/blocks/role/${encodeURIComponent(name)}` : null)
  const source = useResource<SourceText>('/policy')
  const services = useResource<Service[]>('/services')
  const error = old.error ?? source.error ?? services.error
  return (
    <>
      <PageHead title={name ? 'Edit role' : 'New role'} note={old.data && `${old.data.file}, line ${old.data.line}`}>
        <Link className="button" to="/agents">Agents and roles</Link>
      </PageHead>
      {error ? (
        <Fault problem={error} />
      ) : !source.data || !services.data || (name && !old.data) ? (
        <Skeleton lines={8} />
      ) : old.data && !old.data.block ? (
        <Panel title="It is not for this form"><p>Only somebody with a shell on the host changes this role.</p></Panel>
      ) : (
        <RoleForm key={name ?? ''} source={source.data} services={services.data.map((s) => `service.${s.name}`)} begin={formOf(name ?? '', old.data?.block?.attributes ?? {}, { role: true, old: old.data?.block as BlockValues | undefined })} />
      )}
    </>
  )
}

const noteOf = (key: string) => roleFields.find((f) => f.key === key)!

function RoleForm({ source, services, begin }: { source: SourceText; services: string[]; begin: Form }) {
  const [f, setForm] = useState(begin)
  const put = (key: string, v: string) => setForm({ ...f, texts: { ...f.texts, [key]: v } })
  const lack = lacks(f)
  const draft = useMemo(() => (lack ? null : draftOf(f)), [f, lack])
  const check = useChecked(draft, source.revision)
  const rest = hidden(f)
  const line = (key: string) =>
    shows(f, key) && (
      <Field label={noteOf(key).label} note={noteOf(key).note}>
        {(id, by) => <input id={id} aria-describedby={by} className="mono" value={f.texts[key] ?? ''} onChange={(e) => put(key, e.target.value)} autoComplete="off" spellCheck={false} />}
      </Field>
    )
  return (
    <div className="rule-page">
      <Panel title="The role">
        <Field label="Name" note={f.old ? 'Another name is another role: write it in the text.' : 'What rules and enrolments call it.'}>
          {(id, by) => <input id={id} aria-describedby={by} className="mono" value={f.name} readOnly={!!f.old} onChange={(e) => setForm({ ...f, name: e.target.value })} autoComplete="off" spellCheck={false} />}
        </Field>
        {shows(f, 'use') && <Refs label="May use" text={f.texts.use ?? ''} put={(v) => put('use', v)} all={services} />}
        {line('members')}
        {line('until')}
        {rest.length > 0 && (
          <>
            <p className="quiet small">This form does not show the following. It stays as it stands, and so do comments.</p>
            <Facts rows={rest.map(([k, v]) => [k, <Foreign key={k} text={String((v as { keep?: string } | null)?.keep ?? JSON.stringify(v))} className="mono" />])} />
          </>
        )}
      </Panel>
      <Outcome
        check={check}
        lack={lack}
        unchanged={(p) => !!f.old && !p.diff}
        text
        base={source.revision}
        onBack={() => go('/agents')}
        onTaken={(n) => {
          say(`Revision ${n} is in force`)
          go('/agents')
        }}
      />
    </div>
  )
}
