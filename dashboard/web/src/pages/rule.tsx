import { useEffect, useMemo, useState } from 'react'
import { useResource } from '../lib/resource'
import { go, usePlace } from '../lib/router'
import type { ActionRecord, Draft, Service, SourceText } from '../lib/types'
import { Findings, Review, usePreview } from '../ui/draft'
import { Button, Empty, Fault, Field, Link, PageHead, Panel, Skeleton } from '../ui/kit'
import { say } from '../ui/toast'

interface Form {
  name: string
  service: string
  verdict: string
  first: string // methods, or verbs
  second: string // paths, or tables
  reason: string
}

const blank: Form = { name: '', service: '', verdict: 'ask', first: '', second: '', reason: '' }

/** RulePage writes a rule by its parts, perhaps from an action that was recorded.
 * What stands in the form goes to the gateway as values, never as text of the
 * language. */
export function RulePage() {
  const { query } = usePlace()
  const from = query.get('from')
  const source = useResource<SourceText>('/policy')
  const services = useResource<Service[]>('/services')
  const action = useResource<ActionRecord>(from ? `/actions/${encodeURIComponent(from)}` : null)
  const error = source.error ?? services.error ?? action.error
  return (
    <>
      <PageHead title="New rule" note={action.data && 'from a recorded action'}>
        <Link className="button" to="/policy">The whole policy</Link>
      </PageHead>
      {error ? (
        <Fault problem={error} />
      ) : !source.data || !services.data || (from && !action.data) ? (
        <Skeleton lines={8} />
      ) : services.data.length === 0 ? (
        <Empty title="A rule needs a service" command='service "github" {}'>Add one to the policy first:</Empty>
      ) : (
        <RuleForm source={source.data} services={services.data} begin={formOf(action.data)} />
      )}
    </>
  )
}

/** formOf proposes a rule for the likes of an action. */
function formOf(r: ActionRecord | undefined): Form {
  if (!r) return blank
  const facts = r.parts?.[0]?.facts ?? {}
  const path = typeof facts.path === 'string' ? facts.path : ''
  const tables = Array.isArray(facts.tables) ? (facts.tables as string[]).join(', ') : ''
  const verb = (r.method ?? '').replace(/[^\w-]/g, '')
  return {
    ...blank,
    name: `${verb.toLowerCase() || r.kind} on ${r.service ?? ''}`.trim(),
    service: r.service ?? '',
    verdict: r.verdict === 'deny' ? 'allow' : 'deny',
    first: r.protocol === 'postgres' ? verb.toLowerCase() : verb,
    second: r.protocol === 'postgres' ? tables : path,
  }
}

const list = (s: string) => s.split(/[,\s]+/).filter(Boolean)

function draftOf(f: Form, protocol: string): Draft {
  const attributes: Record<string, unknown> = { on: [{ ref: `service.${f.service}` }], verdict: f.verdict }
  const [first, second] = protocol === 'postgres' ? ['verbs', 'tables'] : ['methods', 'paths']
  if (list(f.first).length > 0) attributes[first!] = list(f.first)
  if (list(f.second).length > 0) attributes[second!] = list(f.second)
  if (f.reason.trim()) attributes.reason = f.reason.trim()
  return { edits: [{ op: 'add', kind: 'rule', name: f.name.trim(), block: { attributes } }] }
}

function RuleForm({ source, services, begin }: { source: SourceText; services: Service[]; begin: Form }) {
  const [f, setForm] = useState<Form>({ ...begin, service: begin.service || services[0]!.name })
  const set = (patch: Partial<Form>) => setForm({ ...f, ...patch })
  const protocol = services.find((s) => s.name === f.service)?.protocol ?? 'http'
  const sql = protocol === 'postgres'
  const complete = f.name.trim() !== '' && f.service !== ''
  const draft = useMemo(() => (complete ? draftOf(f, protocol) : null), [f, protocol, complete])
  const { preview, fault } = usePreview(draft, source.revision)
  const [shown, setShown] = useState(preview)
  useEffect(() => {
    if (preview) setShown(preview) // the last one stays until the next is there
  }, [preview])
  return (
    <div className="rule-page">
      <Panel title="The rule">
        <Field label="Name" note="What records and refusals call it.">
          {(id, by) => <input id={id} aria-describedby={by} value={f.name} onChange={(e) => set({ name: e.target.value })} autoComplete="off" />}
        </Field>
        <div className="card-row bare">
          <Field label="Service">
            {(id, by) => (
              <select id={id} aria-describedby={by} value={f.service} onChange={(e) => set({ service: e.target.value })}>
                {services.map((s) => <option key={s.name}>{s.name}</option>)}
              </select>
            )}
          </Field>
          <Field label="Verdict">
            {(id, by) => (
              <select id={id} aria-describedby={by} value={f.verdict} onChange={(e) => set({ verdict: e.target.value })}>
                <option>allow</option>
                <option>ask</option>
                <option>deny</option>
              </select>
            )}
          </Field>
        </div>
        {protocol !== 'tcp' && (
          <>
            <Field label={sql ? 'Verbs' : 'Methods'} note={sql ? 'select, insert, update, delete, …; empty is any' : 'GET, POST, DELETE, …; empty is any'}>
              {(id, by) => <input id={id} aria-describedby={by} className="mono" value={f.first} onChange={(e) => set({ first: e.target.value })} autoComplete="off" spellCheck={false} />}
            </Field>
            <Field label={sql ? 'Tables' : 'Paths'} note={sql ? 'shop.orders, shop.*; empty is any' : '/repos/acme/*, /repos/**; empty is any'}>
              {(id, by) => <input id={id} aria-describedby={by} className="mono" value={f.second} onChange={(e) => set({ second: e.target.value })} autoComplete="off" spellCheck={false} />}
            </Field>
          </>
        )}
        <Field label="Reason" note="The agent reads it when it is refused.">
          {(id, by) => <input id={id} aria-describedby={by} value={f.reason} onChange={(e) => set({ reason: e.target.value })} autoComplete="off" />}
        </Field>
      </Panel>
      <Panel title="What it does">
        {fault ? (
          <Fault problem={fault} />
        ) : !draft ? (
          <p className="quiet">Give it a name.</p>
        ) : !shown ? (
          <Skeleton lines={4} />
        ) : !shown.ok ? (
          <>
            <Findings list={shown.findings ?? []} />
            <p><Button onClick={() => go('/policy')}>Edit the text instead</Button></p>
          </>
        ) : (
          <Review
            draft={draft}
            preview={shown}
            base={source.revision}
            back="Cancel"
            onBack={() => go('/policy')}
            onTaken={(n) => {
              say(`Revision ${n} is in force`)
              go('/policy?view=history')
            }}
          />
        )}
      </Panel>
    </div>
  )
}
