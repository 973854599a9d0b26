import { useEffect, useRef, useState } from 'react'
import { del, post } from '../lib/api'
import { countdown, plural } from '../lib/format'
import { useKeys } from '../lib/keys'
import { useNarrow } from '../lib/media'
import { changed, useResource } from '../lib/resource'
import { go, setQuery, usePlace } from '../lib/router'
import type { Approval, Need } from '../lib/types'
import { useMay } from '../lib/who'
import { Sample } from '../ui/code'
import { Badge, Button, cx, Empty, Facts, Fault, Field, Foreign, Link, PageHead, sentence, Skeleton, Time, Until, useNow } from '../ui/kit'
import { Proposal } from '../ui/sketch'
import { attempt } from '../ui/toast'
import { Whole } from '../ui/whole'

export function ApprovalsPage() {
  const { data, error, reload } = useResource<Approval[]>('/approvals?past=30')
  const { query } = usePlace()
  const narrow = useNarrow()
  const all = data ?? []
  const waiting = all.filter((a) => a.state === 'pending')
  const answered = all.filter((a) => a.state !== 'pending')
  const wanted = query.get('id')
  const at = Math.max(0, waiting.findIndex((a) => a.id === wanted))
  const current = (wanted && all.find((a) => a.id === wanted)) || (narrow ? undefined : waiting[0])
  const move = (by: number) => {
    const next = waiting[Math.min(waiting.length - 1, Math.max(0, at + by))]
    if (next) setQuery({ id: next.id })
  }
  useKeys({ j: () => move(1), k: () => move(-1), ArrowDown: () => move(1), ArrowUp: () => move(-1) })

  return (
    <>
      <PageHead title="Approvals" note={waiting.length > 0 ? `${plural(waiting.length, 'action')} ${waiting.length === 1 ? 'waits' : 'wait'} for an answer. No answer is a no.` : undefined} />
      {error ? (
        <Fault problem={error} retry={reload} />
      ) : !data ? (
        <Skeleton lines={8} />
      ) : waiting.length === 0 && !current ? (
        <Empty title="Nothing waits for an answer" command="sallyport approvals watch">
          When a rule says ask, the action of the agent waits here. In a terminal:
        </Empty>
      ) : (
        <div className="inbox">
          {!(narrow && current) && (
            <ul className="inbox-list" aria-label="Waiting actions">
              {waiting.map((a) => (
                <li key={a.id}>
                  <button type="button" className="inbox-item" aria-current={current?.id === a.id} onClick={() => setQuery({ id: a.id }, narrow ? 'push' : 'replace')}>
                    <span className="inbox-line">
                      <strong><Foreign text={a.agent} /></strong>
                      <Countdown expires={a.expires} />
                    </span>
                    <Foreign text={a.summary} className="mono clip block" />
                    <span className="quiet"><Foreign text={a.service} /></span>
                  </button>
                </li>
              ))}
            </ul>
          )}
          {current && <Card key={current.id} a={current} back={narrow} next={() => move(at === waiting.length - 1 ? -1 : 1)} />}
        </div>
      )}
      <Grants />
      {answered.length > 0 && <Answered list={answered} />}
    </>
  )
}

function Countdown({ expires }: { expires: string }) {
  const now = useNow()
  const left = new Date(expires).getTime() - now
  return (
    <span className={cx('countdown', left < 60_000 && 'soon')} title="Time left; then it is denied">
      {countdown(new Date(expires).getTime(), now)}
    </span>
  )
}

const outcomes: Record<string, 'allow' | 'deny' | 'quiet'> = { approved: 'allow', denied: 'deny', 'timed out': 'quiet', cancelled: 'quiet' }

interface Choice {
  name: string
  body: { scope?: string; for?: string; times?: number }
}

// How far a yes goes, from the narrowest on.
const choices: Choice[] = [
  { name: 'This once', body: {} },
  { name: 'Exactly this again, for 15 minutes', body: { scope: 'exact', for: '15m' } },
  { name: 'Exactly this again, for 8 hours', body: { scope: 'exact', for: '8h' } },
  { name: 'Anything similar, for 15 minutes', body: { scope: 'similar', for: '15m' } },
  { name: 'Anything similar, 5 times within an hour', body: { scope: 'similar', for: '1h', times: 5 } },
  { name: 'Anything similar, for 8 hours', body: { scope: 'similar', for: '8h' } },
]

function Card({ a, back, next }: { a: Approval; back: boolean; next: () => void }) {
  const [reason, setReason] = useState('')
  const [scope, setScope] = useState(0)
  const [busy, setBusy] = useState('')
  const field = useRef<HTMLTextAreaElement>(null)
  const pending = a.state === 'pending'
  const service = a.kind === 'service'
  const may = useMay()
  const rule = a.kept && !service && may('viewer') ? () => go(`/policy/new?ask=${encodeURIComponent(a.id)}`) : undefined

  const answer = async (yes: boolean) => {
    if (!pending || busy) return
    setBusy(yes ? 'approve' : 'deny')
    const note = reason.trim()
    const body = { ...(note ? { note } : {}), ...(yes ? choices[scope]!.body : {}) }
    const ok = await attempt(
      () => post(`/approvals/${encodeURIComponent(a.id)}/${yes ? 'approve' : 'deny'}`, body),
      yes ? 'Your yes is kept' : 'Denied; the agent is told',
    )
    setBusy('')
    changed('/approvals', '/grants', '/status')
    if (ok) next()
  }
  useKeys({ a: () => void answer(true), d: () => void answer(false), e: () => field.current?.focus(), r: () => rule?.() })
  useEffect(() => setBusy(''), [a.state])

  return (
    <article className="card" aria-label="The action that waits">
      <header className="card-head">
        {back && <Button look="bare" icon="back" aria-label="Back to the list" onClick={() => go('/approvals')} />}
        <h2 className="mono"><Foreign text={a.summary} /></h2>
        {pending ? <Countdown expires={a.expires} /> : <Badge tone={outcomes[a.state] ?? 'plain'}>{a.state}</Badge>}
      </header>
      <div className="card-body">
        {(a.reasons ?? []).some(Boolean) && <p className="reason ask"><Foreign text={a.reasons!.filter(Boolean).map(sentence).join(' ')} /></p>}
        <h3>{service ? 'What the agent says' : 'All that would be sent'}</h3>
        {a.whole && (a.hidden_bytes ?? 0) > 0 ? <Whole id={a.id} sample={a.sample ?? ''} hidden={a.hidden_bytes ?? 0} /> : a.sample ? <Sample sample={service && may('viewer') ? said(a.sample) : a.sample} hidden={a.hidden_bytes ?? 0} /> : <p className="quiet">{(a.hidden_bytes ?? 0) > 0 ? 'What it would send is for those who may answer it.' : 'It has no body; the line above is all of it.'}</p>}
        {service && may('viewer') && <Proposal id={a.id} done={!!a.fulfilled} />}
        {a.digest && <p className="quiet small">SHA-256 of what is approved: <code>{a.digest}</code>. Other bytes are not sent.</p>}
        <Facts
          rows={[
            ['Agent', <Link key="a" to={`/agents/${encodeURIComponent(a.agent)}`}><Foreign text={a.agent} /></Link>],
            ['Service', a.service && <Foreign key="s" text={a.service} />],
            ['Kind', <Foreign key="k" text={a.kind} />],
            ['Asked', <Time key="t" at={a.created} />],
            ['Rules', (a.rules ?? []).some(Boolean) && <Foreign key="r" text={a.rules!.filter(Boolean).join(', ')} />],
            ['User', a.user && <Foreign key="u" text={a.user} />],
            ['Judges', (a.judges ?? []).length > 0 && <Foreign key="j" text={a.judges!.join(' · ')} />],
            ['Waits', service ? '' : a.again ? 'for the agent to send it again' : a.waiting ? plural(a.waiting, 'connection') + ' held open' : ''],
            ['Answered by', a.by && <Foreign key="b" text={a.by} />],
            ['Their reason', a.note && <Foreign key="n" text={a.note} />],
          ]}
        />
        {(a.needs ?? []).length > 0 && <Needs list={a.needs!} />}
        {(a.votes ?? []).length > 0 && (
          <p className="quiet">
            {a.votes!.map((v, i) => (
              <span key={i}><Badge tone={v.yes ? 'allow' : 'deny'}>{v.yes ? 'yes' : 'no'}</Badge> <Foreign text={v.person.name} /> <Time at={v.time} />{v.note && <>: <Foreign text={v.note} /></>} </span>
            ))}
          </p>
        )}
      </div>
      {pending && (
        <>
          <div className="card-row">
          <Field label="Reason" note="A no tells it to the agent; both are kept.">
            {(id, by) => (
              <textarea
                id={id}
                ref={field}
                aria-describedby={by}
                rows={2}
                value={reason}
                onChange={(e) => setReason(e.target.value)}
                onKeyDown={(e) => e.key === 'Escape' && e.currentTarget.blur()}
              />
            )}
          </Field>
          {!service && <Field label="A yes is for" note={scope > 2 ? (a.alike ? `Similar is: ${a.alike}` : 'It cannot be told what would be similar to this.') : 'A yes for longer can be ended below.'}>
            {(id, by) => (
              <select id={id} aria-describedby={by} value={scope} onChange={(e) => setScope(Number(e.target.value))}>
                {choices.map((c, i) => (
                  <option key={c.name} value={i} disabled={c.body.scope === 'similar' && !a.alike}>{c.name}</option>
                ))}
              </select>
            )}
          </Field>}
          </div>
          <div className="card-actions">
            {rule && <Button hint="r" onClick={rule} title="Write a rule for the likes of this; the ask itself stays">Make it a rule…</Button>}
            <Button look="danger" hint="d" busy={busy === 'deny'} onClick={() => void answer(false)}>Deny</Button>
            <Button look="main" hint="a" busy={busy === 'approve'} onClick={() => void answer(true)}>Approve</Button>
          </div>
        </>
      )}
    </article>
  )
}

/** said leaves of a proposal what the agent wrote; the draft stands below. */
const said = (sample: string) => sample.split('\n').filter((l) => l.startsWith('| ')).join('\n')

function Needs({ list }: { list: Need[] }) {
  return (
    <p className="needs">
      <span className="quiet">Wants a yes of</span>
      {list.map((n, i) => (
        <Badge key={i} tone={(n.have ?? []).length >= n.require ? 'allow' : 'plain'}>
          {`${n.approver || 'any operator who may approve'}${n.require > 1 ? `: ${(n.have ?? []).length} of ${n.require}` : ''}`}
        </Badge>
      ))}
    </p>
  )
}

/** Grants are yeses for longer that are in force. */
function Grants() {
  const { data } = useResource<Approval[]>('/grants')
  if (!data || data.length === 0) return null
  const end = (a: Approval) =>
    attempt(() => del(`/grants/${encodeURIComponent(a.id)}`), 'The yes is ended; the next one is asked again').then(() => changed('/grants', '/approvals'))
  return (
    <section className="panel">
      <header className="panel-head"><h2>Yeses for longer</h2></header>
      <ul className="lines">
        {data.map((a) => (
          <li key={a.id} className="line">
            <span>
              <Badge tone="allow">{a.grant?.kind ?? 'exact'}</Badge> <strong><Foreign text={a.agent} /></strong> <span className="mono"><Foreign text={a.grant?.kind === 'similar' ? (a.alike ?? a.summary) : a.summary} /></span>{' '}
              <span className="quiet">{a.grant?.until && <Until at={a.grant.until} />}{a.grant?.counted && `, ${plural(a.grant.left ?? 0, 'time')} left`}, by <Foreign text={a.by ?? ''} /></span>
            </span>
            <Button onClick={() => void end(a)}>End it</Button>
          </li>
        ))}
      </ul>
    </section>
  )
}

function Answered({ list }: { list: Approval[] }) {
  return (
    <section className="panel">
      <header className="panel-head"><h2>Answered lately</h2></header>
      <div className="table-box" tabIndex={0} role="region" aria-label="Answers">
        <table className="table stack">
          <thead>
            <tr><th scope="col">Answer</th><th scope="col">Action</th><th scope="col">Agent</th><th scope="col">By</th><th scope="col">When</th></tr>
          </thead>
          <tbody>
            {list.map((a) => (
              <tr key={a.id}>
                <td data-label="Answer"><Badge tone={outcomes[a.state] ?? 'plain'}>{a.fulfilled ? 'done' : a.state}</Badge></td>
                <td data-label="Action" className="mono"><Link to={a.kind === 'service' ? `/approvals?id=${encodeURIComponent(a.id)}` : `/actions/${encodeURIComponent(a.id)}`}><Foreign text={a.summary} /></Link></td>
                <td data-label="Agent"><Foreign text={a.agent} /></td>
                <td data-label="By">{a.by ? <Foreign text={a.by} /> : <span className="quiet">nobody</span>}</td>
                <td data-label="When" className="when"><Time at={a.answered} /></td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  )
}
