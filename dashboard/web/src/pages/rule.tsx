import { useEffect, useMemo, useState, type ReactNode } from 'react'
import { useResource } from '../lib/resource'
import { go, usePlace } from '../lib/router'
import { blank, draftOf, effects, elements, fields, formOf, hidden, lacks, misspelt, onlyFor, remarksOn, shows, type Edit, type Field as Attribute, type Form } from '../lib/rule'
import type { ActionRecord, Agent, BlockValues, Preview, Role, Service, SourceText, Sketch, StandingBlock } from '../lib/types'
import { useMay } from '../lib/who'
import { Condition, Only } from '../ui/condition'
import { Outcome, useChecked } from '../ui/draft'
import { Empty, Facts, Fault, Field, Foreign, Link, PageHead, Panel, Skeleton } from '../ui/kit'
import { Handed, Notes, sketchPath } from '../ui/sketch'
import { Refs } from '../ui/refs'
import { say } from '../ui/toast'
import { WordsField } from '../ui/words'
import './rule.css'

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
        <RuleForm key={rule ?? ''} source={source.data} services={services.data} begin={old.data ? formOf(old.data.name ?? '', old.data.block?.attributes ?? {}, { old: old.data.block as BlockValues }) : sketch.data ? ofSketch(sketch.data) : ofAction(action.data)} stands={old.data} sketch={sketch.data} ask={ask} />
      )}
    </>
  )
}

const refs = (kind: string, ...names: string[]) => names.map((n) => ({ ref: `${kind}.${n}` }))

/** ofAction proposes a rule for the likes of an action. */
function ofAction(r: ActionRecord | undefined): Form {
  if (!r) return blank
  const facts = r.parts?.[0]?.facts ?? {}
  const path = typeof facts.path === 'string' ? facts.path : ''
  const verb = (r.method ?? '').replace(/[^\w-]/g, '')
  // A rule loosens what destroys or administers only where it names that.
  const all = [...new Set((r.parts ?? []).flatMap((p) => (p.effects ?? '').split(/[,\s]+/).filter(Boolean)))]
  const sql = r.protocol === 'postgres'
  const stated: Record<string, unknown> = {
    on: refs('service', r.service ?? ''),
    verdict: r.verdict === 'deny' ? 'allow' : 'deny',
    [sql ? 'verbs' : 'methods']: verb ? [sql ? verb.toLowerCase() : verb] : [],
    [sql ? 'tables' : 'paths']: sql ? (Array.isArray(facts.tables) ? facts.tables : []) : path ? [path] : [],
    effects: all.some((e) => /^(destructive|admin|unknown)$/.test(e)) ? all : [],
  }
  return formOf(`${verb.toLowerCase() || r.kind} on ${r.service ?? ''}`.trim(), Object.fromEntries(Object.entries(stated).filter(([, v]) => !Array.isArray(v) || v.length > 0)))
}

/** ofSketch takes a drafted rule apart. */
function ofSketch(s: Sketch): Form {
  const edits = (s.draft.edits ?? []) as Edit[]
  const add = edits.find((e) => e.op === 'add' && e.kind === 'rule')
  const others = edits.filter((e) => e !== add)
  return add?.block ? formOf(add.name, (add.block.attributes ?? {}) as Record<string, unknown>, { others }) : { ...blank, others }
}

/** told says an attribute without a field in words. */
function told(v: unknown): string {
  if (Array.isArray(v)) return v.map(told).join(', ')
  if (v && typeof v === 'object') return String(Object.values(v)[0])
  return String(v)
}

interface RuleFormProps {
  source: SourceText
  services: Service[]
  begin: Form
  stands?: StandingBlock
  sketch?: Sketch
  ask: string | null
}

function RuleForm({ source, services, begin, stands, sketch, ask }: RuleFormProps) {
  const [f, setForm] = useState<Form>(() => (begin.texts.on || begin.old || !shows(begin, 'on') || services.length > 1 ? begin : { ...begin, texts: { ...begin.texts, on: `service.${services[0]!.name}` } }))
  const fixed = stands && source.files.find((x) => x.name === stands.file)?.fixed
  const alone = f.others.length > 0 && !begin.name // nothing but exceptions
  const lack = lacks(f)
  const draft = useMemo(() => (lack || fixed ? null : draftOf(f)), [f, lack, fixed])
  const check = useChecked(draft, source.revision)
  return (
    <>
      {sketch && (
        <div className="from-ask">
          <p>Somebody is asked about an action; this would let its likes pass from now on. <Link to={`/approvals?id=${encodeURIComponent(ask ?? '')}`}>The ask itself</Link> stays, and you answer it there.</p>
          <Notes sketch={sketch} />
        </div>
      )}
      <div className="rule-page">
        {!alone && <Attributes f={f} set={setForm} services={services} source={source} check={{ preview: check.preview, fault: check.fault?.detail ?? '' }} />}
        <Outcome
          check={check}
          lack={fixed ? `${stands.file} cannot be changed here: ${fixed}.` : lack}
          unchanged={(p) => !!f.old && !p.diff}
          text
          base={source.revision}
          onBack={() => go(ask ? `/approvals?id=${encodeURIComponent(ask)}` : f.old ? '/policy?view=blocks' : '/policy')}
          onTaken={(n) => {
            say(ask ? `Revision ${n} is in force; the ask still waits for your answer` : `Revision ${n} is in force`)
            go(ask ? `/approvals?id=${encodeURIComponent(ask)}` : f.old ? '/policy?view=blocks' : '/policy?view=history')
          }}
        />
      </div>
    </>
  )
}

interface AttributesProps {
  f: Form
  set: (f: Form) => void
  services: Service[]
  source: SourceText
  check: { preview: Preview | null; fault: string }
}

/** Attributes are the fields, a group for each thing that one decides. */
function Attributes({ f, set, services, source, check }: AttributesProps) {
  const roles = useResource<Role[]>('/roles')
  const agents = useResource<Agent[]>('/agents')
  const text = (key: string) => f.texts[key] ?? ''
  const put = (key: string, v: string) => set({ ...f, texts: { ...f.texts, [key]: v } })
  const on = elements(attribute('on'), text('on'))
  const chosen = services.filter((s) => on.includes('*') || on.includes(`service.${s.name}`))
  const speaks = new Set(chosen.map((s) => s.protocol))
  const around = on.length === 0 || on.includes('*') ? '"*"' : `[${on.join(', ')}]`
  const any = speaks.size === 0
  // What is stated already stays in sight, whatever the services speak.
  const fits = (a: Attribute) => a.on === 'all' || any || speaks.has(a.on) || text(a.key) !== ''
  const listed = fields.filter((a) => (a.is === 'words' || a.is === 'items') && a.key !== 'hours' && shows(f, a.key) && fits(a))
  const wordsField = (a: Attribute) => (
    <WordsField key={`${a.key} ${around}`} name={a.key} label={a.label} note={a.note} text={text(a.key)} set={(v) => put(a.key, v)} on={around} divider={a.key === 'hours' ? ';' : ','} />
  )
  const names = (kind: string) => source.blocks.flatMap((b) => (b.kind === kind && b.name ? [`${kind}.${b.name}`] : []))
  const remarks = (key: string) => (check.fault ? misspelt(check.fault, key, text(key)) : remarksOn(check.preview, f.name.trim(), key, text(key)))
  const conditional = ['when', 'unless', 'hours', 'limit', 'otherwise'].some((k) => text(k) !== '')
  const rest = hidden(f)
  return (
    <Panel title="The rule">
      <div className="card-row bare">
        <Field label="Name" note={f.old ? 'Another name is another rule: write it in the text.' : 'What records and refusals call it.'}>
          {(id, by) => <input id={id} aria-describedby={by} value={f.name} readOnly={!!f.old} onChange={(e) => set({ ...f, name: e.target.value })} autoComplete="off" />}
        </Field>
        <Choice f={f} put={put} name="verdict" />
      </div>
      {shows(f, 'on') && <Refs label="Services" text={text('on')} put={(v) => put('on', v)} all={services.map((s) => `service.${s.name}`)} every="every service" />}
      {shows(f, 'roles') && <Refs label="Only agents in these roles" text={text('roles')} put={(v) => put('roles', v)} all={(roles.data ?? []).map((r) => `role.${r.name}`)} note="None is every role." />}
      {shows(f, 'approvers') && (text('verdict') === 'ask' || text('otherwise') === 'ask' || text('approvers') !== '') && (
        <Refs label="Who is asked" text={text('approvers')} put={(v) => put('approvers', v)} all={[...names('judge'), ...names('approver')]} note="None is any operator who may approve. Judges come first; every approver must say yes." />
      )}
      {shows(f, 'effects') && <Effects text={text('effects')} put={(v) => put('effects', v)} verdict={text('verdict')} />}
      {listed.filter((a) => !a.rare).map(wordsField)}
      {listed.some((a) => a.rare) && (
        <Group title={listed.filter((a) => a.rare).map((a) => a.label.toLowerCase()).join(', ')} open={listed.some((a) => a.rare && text(a.key) !== '')}>
          {listed.filter((a) => a.rare).map(wordsField)}
        </Group>
      )}
      <Group title="conditions: when, unless, hours" open={['when', 'unless', 'hours'].some((k) => text(k) !== '')}>
        {shows(f, 'when') && <Condition label="When" note='Must be true: http.json.amount > 100. Facts are proposed as you type.' text={text('when')} set={(v) => put('when', v)} remarks={remarks('when')} on={around} />}
        {shows(f, 'when') && <Only agents={agents.data ?? []} onChoose={(fact, v) => put('when', onlyFor(text('when'), fact, v))} />}
        {shows(f, 'unless') && <Condition label="Unless" note='The exception: agent.name == "release".' text={text('unless')} set={(v) => put('unless', v)} remarks={remarks('unless')} on={around} />}
        {shows(f, 'hours') && wordsField(attribute('hours'))}
      </Group>
      <Group title="how often, and until when" open={['limit', 'per', 'until'].some((k) => text(k) !== '')}>
        <div className="card-row bare">
          <Line f={f} put={put} name="limit" />
          {text('limit') !== '' && <Choice f={f} put={put} name="per" none="agent (as usual)" />}
        </div>
        <Line f={f} put={put} name="until" />
      </Group>
      {conditional && <Choice f={f} put={put} name="otherwise" none="the rule is silent" note="Where the rest matches, but a condition, the hours or the limit does not hold." />}
      {rest.length > 0 && (
        <>
          <p className="quiet small">This form does not show the following. It stays as it stands, and so do comments.</p>
          <Facts rows={rest.map(([k, v]) => [k, <Foreign key={k} text={told(v)} className="mono" />])} />
        </>
      )}
      <Line f={f} put={put} name="reason" />
      {shows(f, 'mode') && (
        <label className="check">
          <input type="checkbox" checked={text('mode') === 'observe'} onChange={(e) => put('mode', e.target.checked ? 'observe' : f.was.mode === 'enforce' ? 'enforce' : '')} />
          <span>Only observe: record what it would do, enforce nothing</span>
        </label>
      )}
    </Panel>
  )
}

const attribute = (key: string) => fields.find((x) => x.key === key)!

interface Part {
  f: Form
  put: (key: string, v: string) => void
  name: string
}

function Choice({ f, put, name, none, note }: Part & { none?: string; note?: string }) {
  if (!shows(f, name)) return null
  const a = attribute(name)
  return (
    <Field label={a.label} note={note ?? a.note}>
      {(id, by) => (
        <select id={id} aria-describedby={by} value={f.texts[name] ?? ''} onChange={(e) => put(name, e.target.value)}>
          {none !== undefined && <option value="">{none}</option>}
          {a.choices!.map((c) => <option key={c}>{c}</option>)}
        </select>
      )}
    </Field>
  )
}

function Line({ f, put, name }: Part) {
  if (!shows(f, name)) return null
  const a = attribute(name)
  return (
    <Field label={a.label} note={a.note}>
      {(id, by) => <input id={id} aria-describedby={by} className={name === 'reason' ? undefined : 'mono'} value={f.texts[name] ?? ''} onChange={(e) => put(name, e.target.value)} autoComplete="off" spellCheck={name === 'reason'} />}
    </Field>
  )
}

const none: Record<string, string> = {
  allow: 'With none ticked, it allows what reads or writes. What destroys or administers it allows only where that is ticked.',
  ask: 'With none ticked, everything is asked for. Of what is denied otherwise only reads and writes are: tick destructive or admin to have those asked for, too.',
}

function Effects({ text, put, verdict }: { text: string; put: (v: string) => void; verdict: string }) {
  const has = text.split(/\s+/).filter(Boolean)
  return (
    <fieldset className="field">
      <legend>Effects</legend>
      <div className="checks-row">
        {effects.map((e) => (
          <label key={e} className="check">
            <input type="checkbox" checked={has.includes(e)} onChange={(x) => put(effects.filter((y) => (y === e ? x.target.checked : has.includes(y))).join(' '))} />
            {e}
          </label>
        ))}
      </div>
      <p className="field-note">{none[verdict] ?? 'With none ticked, it is about every effect.'}</p>
    </fieldset>
  )
}

/** Group is what few rules state: closed, and not loaded, until somebody opens it or
 * something stands in it. */
function Group({ title, open, children }: { title: string; open: boolean; children: ReactNode }) {
  const [is, setIs] = useState(open)
  useEffect(() => {
    if (open) setIs(true)
  }, [open])
  return (
    <details className="rule-group" open={is} onToggle={(e) => setIs(e.currentTarget.open)}>
      <summary>{title[0]!.toUpperCase() + title.slice(1)}</summary>
      {is && children}
    </details>
  )
}
