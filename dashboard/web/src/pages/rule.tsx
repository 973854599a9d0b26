import { useEffect, useMemo, useState } from 'react'
import { useResource } from '../lib/resource'
import { go, usePlace } from '../lib/router'
import type { ActionRecord, Draft, Service, SourceText, Sketch, StandingBlock } from '../lib/types'
import { useMay } from '../lib/who'
import { Findings, Review, usePreview } from '../ui/draft'
import { Button, Empty, Facts, Fault, Field, Foreign, Link, PageHead, Panel, Skeleton } from '../ui/kit'
import { Handed, Notes, sketchPath } from '../ui/sketch'
import { say } from '../ui/toast'

type Edit = Extract<Draft, { edits: unknown }>['edits'][number]

interface Form {
  name: string
  service: string
  verdict: string
  first: string // methods, or verbs
  second: string // paths, or tables
  reason: string
  rest: Record<string, unknown> // attributes of a draft that have no field here
  others: Edit[] // what else it changes: exceptions in the rules that ask
  old?: StandingBlock // the rule that is edited; rest may then hold what has a field, but not such a value
}

const blank: Form = { rest: {}, others: [], name: '', service: '', verdict: 'ask', first: '', second: '', reason: '' }

/** RulePage writes a rule by its parts, perhaps from an action that was recorded, or
 * edits one.
 * What stands in the form goes to the gateway as values, never as text of the
 * language. */
export function RulePage() {
  const { query } = usePlace()
  const from = query.get('from')
  const ask = query.get('ask')
  const rule = query.get('rule')
  const old = useResource<StandingBlock>(rule ? `/policy/blocks/rule/${encodeURIComponent(rule)}` : null)
  const sketch = useResource<Sketch>(ask ? sketchPath(ask) : null)
  const may = useMay()
  const source = useResource<SourceText>('/policy')
  const services = useResource<Service[]>('/services')
  const action = useResource<ActionRecord>(from ? `/actions/${encodeURIComponent(from)}` : null)
  const error = source.error ?? services.error ?? action.error ?? sketch.error ?? old.error
  return (
    <>
      <PageHead title={rule ? 'Edit rule' : 'New rule'} note={rule ? old.data && `${old.data.file}, line ${old.data.line}` : ask ? 'from what somebody is asked' : action.data && 'from a recorded action'}>
        <Link className="button" to="/policy">The whole policy</Link>
      </PageHead>
      {error ? (
        <Fault problem={error} />
      ) : !source.data || !services.data || (from && !action.data) || (ask && !sketch.data) || (rule && !old.data) ? (
        <Skeleton lines={8} />
      ) : ask && sketch.data && !may('editor') ? (
        <Panel title="The draft"><Handed sketch={sketch.data} to={`/policy/new?ask=${encodeURIComponent(ask)}`} /></Panel>
      ) : ask && sketch.data && (sketch.data.draft.edits ?? []).length === 0 ? (
        <Panel title="There is no draft"><Notes sketch={sketch.data} /></Panel>
      ) : old.data && !old.data.block ? (
        <Panel title="It is not for this form"><p>Only somebody with a shell on the host changes this rule.</p></Panel>
      ) : services.data.length === 0 ? (
        <Empty title="A rule needs a service" command='service "github" {}'>Add one to the policy first:</Empty>
      ) : (
        <RuleForm key={rule ?? ''} source={source.data} services={services.data} begin={old.data ? formOfBlock(old.data, services.data) : sketch.data ? formOfSketch(sketch.data) : formOf(action.data)} sketch={sketch.data} ask={ask} />
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
  // A rule loosens what destroys or administers only where it names that.
  const effects = [...new Set((r.parts ?? []).flatMap((p) => list(p.effects ?? '')))]
  const strong = effects.some((e) => /^(destructive|admin|unknown)$/.test(e))
  return {
    ...blank,
    rest: strong ? { effects } : {},
    name: `${verb.toLowerCase() || r.kind} on ${r.service ?? ''}`.trim(),
    service: r.service ?? '',
    verdict: r.verdict === 'deny' ? 'allow' : 'deny',
    first: r.protocol === 'postgres' ? verb.toLowerCase() : verb,
    second: r.protocol === 'postgres' ? tables : path,
  }
}

/** formOfSketch takes a drafted rule apart. What has no field stays as it is. */
function formOfSketch(s: Sketch): Form {
  const edits = (s.draft.edits ?? []) as Edit[]
  const add = edits.find((e) => e.op === 'add' && e.kind === 'rule')
  const f: Form = { ...blank, others: edits.filter((e) => e !== add) }
  if (!add?.block) return f
  const { on, verdict, methods, paths, verbs, tables, ...rest } = (add.block.attributes ?? {}) as Record<string, unknown>
  const words = (v: unknown) => (Array.isArray(v) ? v.join(', ') : '')
  const service = Array.isArray(on) ? String((on[0] as { ref?: string })?.ref ?? '').replace(/^service\./, '') : ''
  return { ...f, name: add.name, service, verdict: String(verdict), first: words(methods ?? verbs), second: words(paths ?? tables), rest }
}

/** formOfBlock takes a rule apart that stands there. A value that no field can show
 * goes back as it came. */
function formOfBlock(old: StandingBlock, services: Service[]): Form {
  const rest: Record<string, unknown> = { ...old.block?.attributes }
  const take = (key: string, fits: (v: unknown) => boolean): unknown => {
    const v = rest[key]
    if (v === undefined || !fits(v)) return undefined
    delete rest[key]
    return v
  }
  const refOf = (v: unknown) => (Array.isArray(v) && v.length === 1 ? String((v[0] as { ref?: string })?.ref ?? '') : '')
  const words = (v: unknown) => Array.isArray(v) && v.length > 0 && v.every((w) => typeof w === 'string' && /^[^,\s]+$/.test(w))
  const joined = (v: unknown) => (v as string[] | undefined)?.join(', ') ?? ''
  const service = refOf(take('on', (v) => services.some((s) => refOf(v) === `service.${s.name}`))).replace(/^service\./, '')
  const sql = service ? services.find((s) => s.name === service)?.protocol === 'postgres' : 'verbs' in rest || 'tables' in rest
  return {
    ...blank,
    name: old.name ?? '',
    service,
    verdict: String(take('verdict', (v) => /^(allow|ask|deny)$/.test(String(v))) ?? 'ask'),
    first: joined(take(sql ? 'verbs' : 'methods', words)),
    second: joined(take(sql ? 'tables' : 'paths', words)),
    reason: String(take('reason', (v) => typeof v === 'string' && v !== '' && v.trim() === v && !/[\r\n]/.test(v)) ?? ''),
    rest,
    old,
  }
}

/** told says an attribute without a field in words. */
function told(v: unknown): string {
  if (Array.isArray(v)) return v.map(told).join(', ')
  if (v && typeof v === 'object') return String(Object.values(v)[0])
  return String(v)
}

const list = (s: string) => s.split(/[,\s]+/).filter(Boolean)

function draftOf(f: Form, protocol: string): Draft {
  const attributes: Record<string, unknown> = { ...f.rest }
  const set = (key: string, v: unknown, stated = true) => {
    if (stated && !(f.old && key in f.rest)) attributes[key] = v
  }
  const [first, second] = protocol === 'postgres' ? ['verbs', 'tables'] : ['methods', 'paths']
  set('on', [{ ref: `service.${f.service}` }])
  set('verdict', f.verdict)
  set(first!, list(f.first), list(f.first).length > 0)
  set(second!, list(f.second), list(f.second).length > 0)
  set('reason', f.reason.trim(), f.reason.trim() !== '')
  if (f.old) return { edits: [{ op: 'replace', kind: 'rule', name: f.name, block: { ...f.old.block, attributes } }] }
  const add: Edit[] = f.name.trim() ? [{ op: 'add', kind: 'rule', name: f.name.trim(), block: { attributes } }] : []
  return { edits: [...f.others, ...add] }
}

interface RuleFormProps {
  source: SourceText
  services: Service[]
  begin: Form
  sketch?: Sketch
  ask: string | null
}

function RuleForm({ source, services, begin, sketch, ask }: RuleFormProps) {
  const [f, setForm] = useState<Form>({ ...begin, service: begin.service || (begin.old ? '' : services[0]!.name) })
  const set = (patch: Partial<Form>) => setForm({ ...f, ...patch })
  const shows = (key: string) => !(f.old && key in f.rest)
  const protocol = services.find((s) => s.name === f.service)?.protocol ?? ('verbs' in f.rest || 'tables' in f.rest ? 'postgres' : 'http')
  const sql = protocol === 'postgres'
  const fixed = f.old && source.files.find((x) => x.name === f.old?.file)?.fixed
  const alone = begin.others.length > 0 && !begin.name // nothing but exceptions
  const complete = (f.name.trim() !== '' && (f.service !== '' || !shows('on'))) || alone
  const draft = useMemo(() => (complete ? draftOf(f, protocol) : null), [f, protocol, complete])
  const { preview, fault } = usePreview(draft, source.revision)
  const [shown, setShown] = useState(preview)
  useEffect(() => {
    if (preview) setShown(preview) // the last one stays until the next is there
  }, [preview])
  return (
    <>
    {sketch && (
      <div className="from-ask">
        <p>Somebody is asked about an action; this would let its likes pass from now on. <Link to={`/approvals?id=${encodeURIComponent(ask ?? '')}`}>The ask itself</Link> stays, and you answer it there.</p>
        <Notes sketch={sketch} />
      </div>
    )}
    <div className="rule-page">
      {!alone && <Panel title="The rule">
        <Field label="Name" note={f.old ? 'Another name is another rule: write it in the text.' : 'What records and refusals call it.'}>
          {(id, by) => <input id={id} aria-describedby={by} value={f.name} readOnly={!!f.old} onChange={(e) => set({ name: e.target.value })} autoComplete="off" />}
        </Field>
        <div className="card-row bare">
          {shows('on') && <Field label="Service">
            {(id, by) => (
              <select id={id} aria-describedby={by} value={f.service} onChange={(e) => set({ service: e.target.value })}>
                {services.map((s) => <option key={s.name}>{s.name}</option>)}
              </select>
            )}
          </Field>}
          {shows('verdict') && <Field label="Verdict">
            {(id, by) => (
              <select id={id} aria-describedby={by} value={f.verdict} onChange={(e) => set({ verdict: e.target.value })}>
                <option>allow</option>
                <option>ask</option>
                <option>deny</option>
              </select>
            )}
          </Field>}
        </div>
        {protocol !== 'tcp' && (
          <>
            {shows(sql ? 'verbs' : 'methods') && <Field label={sql ? 'Verbs' : 'Methods'} note={sql ? 'select, insert, update, delete, …; empty is any' : 'GET, POST, DELETE, …; empty is any'}>
              {(id, by) => <input id={id} aria-describedby={by} className="mono" value={f.first} onChange={(e) => set({ first: e.target.value })} autoComplete="off" spellCheck={false} />}
            </Field>}
            {shows(sql ? 'tables' : 'paths') && <Field label={sql ? 'Tables' : 'Paths'} note={sql ? 'shop.orders, shop.*; empty is any' : '/repos/acme/*, /repos/**; empty is any'}>
              {(id, by) => <input id={id} aria-describedby={by} className="mono" value={f.second} onChange={(e) => set({ second: e.target.value })} autoComplete="off" spellCheck={false} />}
            </Field>}
          </>
        )}
        {f.old && Object.keys(f.rest).length > 0 && <p className="quiet small">This form does not show the following. It stays as it stands, and so do comments.</p>}
        {Object.keys(f.rest).length > 0 && <Facts rows={Object.entries(f.rest).map(([k, v]) => [k, <Foreign key={k} text={told(v)} className="mono" />])} />}
        {shows('reason') && <Field label="Reason" note="The agent reads it when it is refused.">
          {(id, by) => <input id={id} aria-describedby={by} value={f.reason} onChange={(e) => set({ reason: e.target.value })} autoComplete="off" />}
        </Field>}
      </Panel>}
      <Panel title="What it does">
        {fixed ? (
          <p>{f.old!.file} cannot be changed here: {fixed}.</p>
        ) : fault ? (
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
        ) : f.old && !shown.diff ? (
          <p className="quiet">Nothing is changed yet.</p>
        ) : (
          <Review
            draft={draft}
            preview={shown}
            base={source.revision}
            back="Cancel"
            onBack={() => go(ask ? `/approvals?id=${encodeURIComponent(ask)}` : f.old ? '/policy?view=blocks' : '/policy')}
            onTaken={(n) => {
              say(ask ? `Revision ${n} is in force; the ask still waits for your answer` : `Revision ${n} is in force`)
              go(ask ? `/approvals?id=${encodeURIComponent(ask)}` : f.old ? '/policy?view=blocks' : '/policy?view=history')
            }}
          />
        )}
      </Panel>
    </div>
    </>
  )
}
