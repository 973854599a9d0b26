import { useState, type ReactNode } from 'react'
import * as T from '@radix-ui/react-tabs'
import { get, problem, type Problem } from '../lib/api'
import { asCurl, asPsql, heldBack, keptBody, sqlOf, type Field } from '../lib/command'
import { absolute, bytes, count, duration } from '../lib/format'
import { term } from '../lib/query'
import { useResource } from '../lib/resource'
import { setQuery, usePlace } from '../lib/router'
import { money, promptOf, type Usage } from '../lib/usage'
import type { ActionRecord, CheckStep, Explanation, PartTrace, RuleTrace } from '../lib/types'
import { Came, FieldTable } from '../ui/answer'
import { Code, Sample } from '../ui/code'
import { Badge, Button, copy, CopyButton, cx, Empty, Facts, Fault, Foreign, Link, PageHead, sentence, Skeleton, Time, VerdictBadge } from '../ui/kit'

export function ActionPage({ id }: { id: string }) {
  return (
    <>
      <PageHead title="Action" note={<code>{id}</code>} />
      <div className="panel action-page">
        <ActionDetail id={id} whole />
      </div>
    </>
  )
}

/** ActionDetail shows one recorded action: what it was, why it was decided so and
 * what stands in the record. */
export function ActionDetail({ id, whole, onClose }: { id: string; whole?: boolean; onClose?: () => void }) {
  const { data: r, error, reload } = useResource<ActionRecord>(`/actions/${encodeURIComponent(id)}`)
  const { query } = usePlace()
  const tab = query.get('tab') ?? 'request'
  if (error) return <Fault problem={error} retry={reload} />
  if (!r) return <Skeleton lines={8} />
  return (
    <article className="action">
      <ActionHead r={r} whole={whole} onClose={onClose} />
      <T.Root value={tab} onValueChange={(v) => setQuery({ tab: v === 'request' ? '' : v })}>
        <T.List className="tabs" aria-label="Parts of the action">
          <T.Trigger value="request">Exchange</T.Trigger>
          <T.Trigger value="why">Why</T.Trigger>
          <T.Trigger value="facts">Facts</T.Trigger>
          <T.Trigger value="record">Record</T.Trigger>
        </T.List>
        <T.Content value="request">
          <RequestTab key={r.id} r={r} />
        </T.Content>
        <T.Content value="why">
          <WhyTab r={r} />
        </T.Content>
        <T.Content value="facts">
          <FactsTab r={r} />
        </T.Content>
        <T.Content value="record">
          <RecordTab r={r} />
        </T.Content>
      </T.Root>
    </article>
  )
}

function ActionHead({ r, whole, onClose }: { r: ActionRecord; whole?: boolean; onClose?: () => void }) {
  const curl = asCurl(r)
  const psql = asPsql(r)
  return (
    <header className="action-head">
      <div className="action-title">
        <VerdictBadge verdict={r.verdict} />
        <strong className="mono">
          <Foreign text={r.summary || r.kind} />
        </strong>
        {onClose && <Button look="bare" icon="close" aria-label="Close the selected action" onClick={onClose} />}
      </div>
      {(r.reason || r.error) && (
        <p className={cx('reason', r.verdict)}>
          <Foreign text={r.reason || r.error || ''} />
        </p>
      )}
      <Facts
        rows={[
          ['When', <span key="t" title={absolute(r.time)}>{absolute(r.time)} (<Time at={r.time} />)</span>],
          ['Agent', r.agent.name && <Link key="a" to={`/agents/${encodeURIComponent(r.agent.name)}`}><Foreign text={r.agent.name} /></Link>],
          ['User', r.agent.user && <Foreign key="u" text={r.agent.user} />],
          ['Service', r.service && <Foreign key="s" text={r.service} />],
          ['Host', (r.host || r.dst) && <Foreign key="h" text={r.host || r.dst || ''} />],
          ['Rule', r.rule ? <Foreign key="r" text={r.rule} /> : r.verdict && 'none: the posture of the service'],
          ['Outcome', [r.outcome, r.status].filter(Boolean).length > 0 && <Foreign key="o" text={[r.outcome, r.status].filter(Boolean).join(', ')} />],
          ['Took', r.duration_ns ? duration(r.duration_ns) : ''],
          ['Bytes', r.sent || r.received ? `${bytes(r.sent ?? 0)} sent, ${bytes(r.received ?? 0)} received` : ''],
          ['Rows', r.rows ? count(r.rows) : ''],
          ...modelFacts(r.usage),
          ['Credential', r.injected ? 'put in by the gateway' : ''],
          ['Session', r.session && <Link key="x" to={`/sessions/${encodeURIComponent(r.session)}`}>its timeline</Link>],
        ]}
      />
      <div className="action-tools">
        {curl && <Button icon="copy" onClick={() => void copy(curl, 'Copied as curl, without the secret')}>Copy as curl</Button>}
        {psql && <Button icon="copy" onClick={() => void copy(psql, 'Copied as psql, without the secret')}>Copy as psql</Button>}
        <Button icon="copy" onClick={() => void copy(r.id, 'Copied the id')}>Copy id</Button>
        {!whole && <Link className="button" to={`/actions/${encodeURIComponent(r.id)}`}>Open</Link>}
        {r.service && <Link className="button" to={`/policy/new?from=${encodeURIComponent(r.id)}`}>Make a rule</Link>}
        {r.service && /^(http|postgres)$/.test(r.protocol ?? '') && <Link className="button" to={`/policy/test?from=${encodeURIComponent(r.id)}`}>Add as a test</Link>}
        <Link className="button" to={`/activity?q=${encodeURIComponent(similar(r))}`}>Similar</Link>
      </div>
    </header>
  )
}

/** similar is the query for what this agent did alike. */
function similar(r: ActionRecord): string {
  const terms: [string, string | undefined][] = [['agent', r.agent.name], ['service', r.service], ['kind', r.kind], ['method', r.method]]
  return terms.flatMap(([f, v]) => (v ? [term(f, v)] : [])).join(' ')
}

/** RequestTab shows what was sent and what came back. The bodies take a fresh proof of
 * who looks. */
function RequestTab({ r }: { r: ActionRecord }) {
  const [all, setAll] = useState<ActionRecord | null>(null)
  const sql = r.protocol === 'postgres'
  return (
    <>
      {!all && heldBack(r) && (
        <Reveal label="Show the body" read={async () => setAll(await get<ActionRecord>(`/actions/${encodeURIComponent(r.id)}/whole`))} />
      )}
      <div className="exchange-box">
        <div className="exchange">
          <section aria-labelledby="sent">
            <h2 id="sent">{sql ? 'Statement' : 'Request'}</h2>
            <Sent r={all ?? r} />
          </section>
          <section aria-labelledby="came">
            <h2 id="came">{sql ? 'Answer' : 'Response'}</h2>
            <Came r={all ?? r} />
          </section>
        </div>
      </div>
    </>
  )
}

function Reveal({ label, read: fetch }: { label: string; read: () => Promise<void> }) {
  const [busy, setBusy] = useState(false)
  const [fault, setFault] = useState<Problem | null>(null)
  const read = async () => {
    setBusy(true)
    setFault(null)
    try {
      await fetch()
    } catch (err) {
      setFault(problem(err))
    } finally {
      setBusy(false)
    }
  }
  if (fault) return <Fault problem={fault} retry={() => void read()} />
  return (
    <p>
      <Button busy={busy} onClick={() => void read()}>{label}</Button>{' '}
      <span className="quiet small">It takes a proof of who you are, and is kept in the operators’ audit.</span>
    </p>
  )
}

function Sent({ r }: { r: ActionRecord }) {
  const sql = sqlOf(r)
  if (r.sample) {
    return (
      <>
        <Sample sample={r.sample} hidden={r.hidden ?? 0} />
        {r.digest && <p className="quiet small">SHA-256 of all of it: <code>{r.digest}</code></p>}
      </>
    )
  }
  if (sql) {
    return (
      <>
        <Code text={sql} language="sql" label="the statement" />
        <Bound r={r} />
      </>
    )
  }
  const facts = r.parts?.[0]?.facts
  if (r.protocol === 'http' && facts) return <HTTPFacts facts={facts} />
  return <Empty title="Nothing of what was sent is kept">Only an action that was asked about keeps its body; the facts that the rules saw stand under Facts.</Empty>
}

/** Bound are the values of the parameters of statements, or how many were held back. */
function Bound({ r }: { r: ActionRecord }) {
  return (r.parts ?? []).map((p, i) => {
    const values = Array.isArray(p.facts?.params) ? p.facts.params.map(String) : []
    const held = typeof p.facts?.params_withheld === 'number' ? p.facts.params_withheld : 0
    if (held > 0) return <p key={i} className="quiet small">{count(held)} bound {held > 1 ? 'values take' : 'value takes'} a fresh proof of who you are.</p>
    return values.length > 0 && <Facts key={i} rows={values.map((v, n) => [`$${n + 1}`, v === '' ? 'NULL, or empty' : <code key={n}><Foreign text={v} /></code>])} />
  })
}

function HTTPFacts({ facts }: { facts: Record<string, unknown> }) {
  const fields = (v: unknown) => (Array.isArray(v) ? (v as Field[]) : [])
  const str = (v: unknown) => (typeof v === 'string' || typeof v === 'number' ? String(v) : '')
  const size = typeof facts.size === 'number' ? (facts.size < 0 ? 'not stated' : bytes(facts.size)) : ''
  return (
    <>
      <Facts
        rows={[
          ['Method', <code key="m"><Foreign text={str(facts.method)} /></code>],
          ['Host', <code key="h"><Foreign text={str(facts.host)} /></code>],
          ['Path', <code key="p"><Foreign text={str(facts.path)} /></code>],
          ['Content type', facts.content_type ? <code key="c"><Foreign text={str(facts.content_type)} /></code> : ''],
          ['Body', size],
        ]}
      />
      <FieldTable title="Query" list={fields(facts.query)} />
      <FieldTable title="Headers" list={fields(facts.headers)} />
      {keptBody(facts) && <Code text={keptBody(facts)} language={str(facts.content_type).includes('json') ? 'json' : 'text'} label="the body" />}
    </>
  )
}

function WhyTab({ r }: { r: ActionRecord }) {
  const path = `/actions/${encodeURIComponent(r.id)}/why`
  const { data: bare, error, reload } = useResource<{ now: Explanation }>(path)
  const [read, setRead] = useState<{ now: Explanation } | null>(null)
  const why = read ?? bare
  return (
    <>
      {!(why && settled(why.now, r)) && <Recorded r={r} />}
      {!read && error?.status === 409 && heldBack(r) ? (
        <>
          <p className="quiet" role="status">By the rules in force now it depends on {r.protocol === 'postgres' ? 'the values that were bound.' : 'what was sent in the body.'}</p>
          <Reveal label={r.protocol === 'postgres' ? 'Let the rules read them' : 'Let the rules read the body'} read={async () => setRead(await get<{ now: Explanation }>(`${path}?bodies=1`))} />
        </>
      ) : !read && error ? (
        <Fault problem={error} retry={reload} />
      ) : !why ? (
        <Skeleton lines={6} />
      ) : (
        <Trace why={why.now} r={r} />
      )}
    </>
  )
}

/** settled reports whether the rules say still what they said then. */
const settled = (now: Explanation, r: ActionRecord) => now.decision.verdict === r.verdict && (now.decision.rule ?? '') === (r.rule ?? '')

function Recorded({ r }: { r: ActionRecord }) {
  return (
    <section className="why-then">
      <h2>When it happened</h2>
      <p>
        <VerdictBadge verdict={r.verdict} />{' '}
        {r.reason ? <Foreign text={sentence(r.reason)} /> : r.rule ? <>By rule <strong><Foreign text={r.rule} /></strong>.</> : 'By the posture of the service.'}
      </p>
      {(r.asks ?? []).map((a, i) => (
        <p key={i} className="quiet">
          It had to be asked: {a.rule ? <>rule <Foreign text={a.rule} /></> : 'the posture'} {a.reason && <>(<Foreign text={a.reason} />)</>}
          {a.approvers && a.approvers.length > 0 && <> of <Foreign text={a.approvers.join(', ')} /></>}
        </p>
      ))}
      {(r.would ?? []).length > 0 && <p className="quiet">Observed only, and stricter: <Foreign text={r.would!.join(', ')} /></p>}
    </section>
  )
}

function Trace({ why, r }: { why: Explanation; r: ActionRecord }) {
  const same = why.decision.verdict === r.verdict || (r.verdict !== 'ask' && why.decision.verdict === 'ask')
  return (
    <section className="trace">
      <h2>{settled(why, r) ? 'When it happened, and by the rules in force now' : 'By the rules in force now'}</h2>
      <p>
        <VerdictBadge verdict={why.decision.verdict} /> <Foreign text={sentence(why.decision.reason ?? '')} />
        {!same && <Badge tone="accent">not what it was then</Badge>}
      </p>
      {why.refused && <p className="warn-line">Refused before any rule: <Foreign text={why.refused} /></p>}
      {why.roles && <p className="quiet">Service <Foreign text={why.service ?? ''} />, roles: <Foreign text={why.roles.join(', ') || 'none'} /></p>}
      {why.unsure && <p className="warn-line"><Foreign text={why.unsure} /></p>}
      {(why.parts ?? []).map((p, i) => (
        <PartView key={i} p={p} n={why.parts!.length > 1 ? i + 1 : 0} />
      ))}
      {why.silent && why.silent.length > 0 && (
        <p className="quiet">On this service, but about something else: <Foreign text={why.silent.join(', ')} /></p>
      )}
    </section>
  )
}

function PartView({ p, n }: { p: PartTrace; n: number }) {
  return (
    <div className="part">
      <p>
        {n > 0 && <strong>Part {n}. </strong>}
        Its effect is <strong>{p.effects || 'unknown'}</strong>
        {p.operations && p.operations.length > 0 && <> by operation <code><Foreign text={p.operations.join(', ')} /></code></>}
        {p.control && ' and it only steers the conversation'}; posture <code>{p.posture}</code> says <VerdictBadge verdict={p.verdict} />
      </p>
      <ol className="rules">
        {(p.rules ?? []).map((t, i) => (
          <RuleView key={i} t={t} />
        ))}
      </ol>
    </div>
  )
}

function RuleView({ t }: { t: RuleTrace }) {
  const hit = t.outcome !== 'does not match'
  const [open, setOpen] = useState(hit)
  const checks = t.checks ?? []
  return (
    <li className={cx('rule', hit && 'hit')}>
      <button type="button" className="rule-head" aria-expanded={open} onClick={() => setOpen(!open)} disabled={checks.length === 0}>
        <VerdictBadge verdict={t.verdict} />
        <span className="rule-name"><Foreign text={t.rule} /></span>
        <span className={cx('rule-outcome', hit && 'strong')}>{t.outcome}</span>
      </button>
      {t.because && <p className="rule-because"><Foreign text={t.because} /></p>}
      {open && checks.length > 0 && (
        <table className="table checks">
          <thead className="sr">
            <tr><th scope="col">Held against</th><th scope="col">Value</th><th scope="col">Matches</th></tr>
          </thead>
          <tbody>
            {checks.map((c, i) => (
              <CheckRow key={i} c={c} />
            ))}
          </tbody>
        </table>
      )}
    </li>
  )
}

function CheckRow({ c }: { c: CheckStep }) {
  const depth = Math.min(c.depth ?? 0, 8)
  return (
    <tr>
      <td className={`mono depth-${depth}`}><Foreign text={c.what} /></td>
      <td className="mono"><Foreign text={c.value} /></td>
      <td className={`match ${c.matches}`}>{c.matches}</td>
    </tr>
  )
}

function FactsTab({ r }: { r: ActionRecord }) {
  const parts = r.parts ?? []
  if (parts.length === 0) return <Empty title="This action has no facts" />
  return parts.map((p, i) => (
    <section key={i}>
      <p>
        {parts.length > 1 && <strong>Part {i + 1}. </strong>}Effects: <Badge>{p.effects || 'unknown'}</Badge>
        {p.control && <> <Badge tone="quiet">control</Badge></>}
      </p>
      <Code text={JSON.stringify(p.facts ?? {})} language="json" label="the facts" />
    </section>
  ))
}

function RecordTab({ r }: { r: ActionRecord }) {
  const hash = (h: string | undefined): ReactNode => h && <span className="hash"><code>{h}</code><CopyButton text={h} label="Copy the hash" /></span>
  return (
    <>
      <Facts
        rows={[
          ['Id', <code key="i">{r.id}</code>],
          ['Number', count(r.seq)],
          ['Written', absolute(r.recorded)],
          ['Hash', r.hash ? hash(r.hash) : 'for who may read bodies: it could be guessed against'],
          ['Before it', hash(r.prev)],
          ['Upstream', r.upstream && <Foreign key="u" text={r.upstream} />],
          ['Address of the agent', r.agent.addr],
          ['Roles at enrolment', r.agent.roles?.join(', ')],
          ['Tags', r.agent.tags?.join(', ')],
        ]}
      />
      <Code text={JSON.stringify(r)} language="json" label="the whole record" />
    </>
  )
}

/** modelFacts is what a language model's answer took. */
function modelFacts(u: Usage | undefined): [string, ReactNode][] {
  if (!u) return []
  const part = (n: number | undefined, what: string) => (n ? `, ${count(n)} ${what}` : '')
  return [
    ['Model', <><Foreign text={u.model || u.asked || 'not named'} /> at <Foreign text={u.provider} />{u.asked && u.model && u.asked !== u.model && <> (asked for <Foreign text={u.asked} />)</>}</>],
    ['Tokens', `${u.estimated ? 'estimated: ' : ''}${count(promptOf(u))} in${part(u.cache_read, 'from a cache')}${part((u.cache_write ?? 0) + (u.cache_write_long ?? 0), 'written to it')}; ${count(u.output ?? 0)} out${part(u.reasoning, 'of them reasoning')}`],
    ['Cost', u.price ? `${money(u.cost_nano ?? 0)}, ${u.price === 'reported' ? 'as the answer says' : u.price === 'configured' ? 'by the prices of the configuration' : `by the list prices of ${u.price}`}` : `no price${u.tier ? ` for the tier ${u.tier}` : ''}`],
  ]
}
