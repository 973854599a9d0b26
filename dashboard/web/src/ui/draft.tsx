import { useEffect, useRef, useState, type ReactNode } from 'react'
import { get, post, problem, type Problem } from '../lib/api'
import { count, plural } from '../lib/format'
import { changed } from '../lib/resource'
import { go } from '../lib/router'
import type { Draft, Finding, Impact, Preview, Revision } from '../lib/types'
import { useMay } from '../lib/who'
import { Diff } from './diff'
import { Badge, Button, Fault, Field, Foreign, Link, Panel, sentence, Skeleton, Time, VerdictBadge } from './kit'

interface Checked {
  of: string // what was asked last, and what it is a change of
  shown: { draft: Draft; preview: Preview } | null // what was answered last
  fault: Problem | null
}

/** useCheck has a draft checked when nobody has changed it, or what it is a change of,
 * for a moment. What was checked last stays until the next is there; now is whether it
 * is of what stands there now. */
function useCheck(draft: Draft | null, base: string): { last: Checked | null; now: boolean } {
  const [last, setLast] = useState<Checked | null>(null)
  const text = draft ? JSON.stringify(draft) : ''
  const of = `${base} ${text}`
  useEffect(() => {
    if (!text) return
    const c = new AbortController()
    const timer = setTimeout(() => {
      const draft = JSON.parse(text) as Draft
      post<Preview>('/policy/check', draft, { signal: c.signal }).then(
        (preview) => !c.signal.aborted && setLast({ of, shown: { draft, preview }, fault: null }),
        (err) => !c.signal.aborted && setLast((old) => ({ of, shown: old?.shown ?? null, fault: problem(err) })),
      )
    }, 400)
    return () => {
      clearTimeout(timer)
      c.abort()
    }
  }, [of])
  return { last, now: text !== '' && last?.of === of }
}

/** usePreview is what a check says of a draft, once it has been checked. */
export function usePreview(draft: Draft | null, base = ''): { preview: Preview | null; fault: Problem | null } {
  const { last, now } = useCheck(draft, base)
  return { preview: now && !last!.fault ? last!.shown!.preview : null, fault: now ? last!.fault : null }
}

/** useChecked is usePreview for who writes on: what was checked last stays, with the
 * draft that it is of, until the next is there. Both come at once, so that nobody takes
 * the one for the other. */
export function useChecked(draft: Draft | null, base: string) {
  const { last, now } = useCheck(draft, base)
  const fault = now ? last!.fault : null
  const preview = now && !fault ? last!.shown!.preview : null
  return { preview, fault, shown: last?.shown ?? null, stale: preview === null }
}

interface OutcomeProps {
  check: { fault: Problem | null; shown: { draft: Draft; preview: Preview } | null; stale: boolean }
  lack: ReactNode // what there must be before there is a draft, or why there is none
  unchanged?: (p: Preview) => boolean
  text?: boolean // who is told of a mistake may go to the text
  base: string
  onBack: () => void
  onTaken: (revision: number) => void
}

/** Outcome is the panel beside a form: what its draft would do, or why that cannot be
 * told yet. */
export function Outcome({ check, lack, unchanged, text, base, onBack, onTaken }: OutcomeProps) {
  const { fault, shown, stale } = check
  const toText = text && <p><Button onClick={() => go('/policy')}>Edit the text instead</Button></p>
  return (
    <Panel title="What it does">
      {fault ? (
        <>
          <Fault problem={fault} />
          {toText}
        </>
      ) : lack ? (
        <p className="quiet">{lack}</p>
      ) : !shown ? (
        <Skeleton lines={5} />
      ) : !shown.preview.ok ? (
        <>
          <Findings list={shown.preview.findings ?? []} />
          {toText}
        </>
      ) : unchanged?.(shown.preview) ? (
        <p className="quiet">Nothing is changed yet.</p>
      ) : (
        <Review draft={shown.draft} preview={shown.preview} stale={stale} base={base} back="Cancel" onBack={onBack} onTaken={onTaken} />
      )}
    </Panel>
  )
}

export function Findings({ list }: { list: Finding[] }) {
  return (
    <ul className="findings" aria-label="What is to be said about the draft">
      {list.map((f, i) => (
        <li key={i} className={f.severity}>
          <Badge tone={f.severity === 'error' ? 'deny' : 'ask'}>{f.severity}</Badge>
          <span>
            {f.start && <span className="quiet">line {f.start.line}: </span>}
            <strong><Foreign text={f.summary} /></strong> <Foreign text={f.detail ?? ''} />
          </span>
        </li>
      ))}
    </ul>
  )
}

/** Remarks shows what is new, and what was there before only to who asks for it. */
function Remarks({ list }: { list: Finding[] }) {
  const [all, setAll] = useState(false)
  const fresh = list.filter((f) => f.new || f.severity === 'error')
  const old = list.length - fresh.length
  const shown = all ? list : fresh
  return (
    <>
      {shown.length > 0 && <Findings list={shown} />}
      {old > 0 && !all && (
        <p className="quiet small">
          {plural(old, 'remark')} about what stands there already. <button type="button" className="linkish" onClick={() => setAll(true)}>Show</button>
        </p>
      )}
    </>
  )
}

/** nothing says that no verdict differs, of what could be judged. */
const nothing = (i: Impact) =>
  i.cannot_tell > 0
    ? `Nothing of what can be told: ${plural(i.replayed - i.cannot_tell, 'recorded action')} ${i.replayed - i.cannot_tell === 1 ? 'is' : 'are'} decided as before.`
    : `Nothing: all ${count(i.replayed)} recorded actions are decided as before.`

/** ImpactPanel replays what was recorded by the rules of a draft. */
export function ImpactPanel({ draft }: { draft: Draft }) {
  const [since, setSince] = useState('24h')
  const [impact, setImpact] = useState<Impact | null>(null)
  const [fault, setFault] = useState<Problem | null>(null)
  const [busy, setBusy] = useState(false)
  const text = JSON.stringify(draft)
  const question = { ...draft, since }
  const asked = useRef('')
  asked.current = text + since
  const readBodies = async () => {
    const of = asked.current
    setBusy(true)
    try {
      const got = await post<Impact>('/policy/impact?bodies=1', question)
      if (asked.current === of) setImpact(got)
    } catch (err) {
      if (asked.current === of && !problem(err).stepUp) setFault(problem(err))
    } finally {
      setBusy(false)
    }
  }
  useEffect(() => {
    setImpact(null)
    setFault(null)
    const c = new AbortController()
    post<Impact>('/policy/impact', { ...JSON.parse(text), since }, { signal: c.signal }).then(setImpact, (err) => {
      if (!c.signal.aborted) setFault(problem(err))
    })
    return () => c.abort()
  }, [text, since])
  const groups = impact?.groups ?? []
  const withheld = impact?.withheld ?? 0
  return (
    <section className="impact" aria-label="What it would have changed">
      <div className="impact-head">
        <h3>What it would have changed</h3>
        <select aria-label="Of what was recorded in" value={since} onChange={(e) => setSince(e.target.value)}>
          <option value="1h">the last hour</option>
          <option value="24h">the last 24 hours</option>
          <option value="7d">the last 7 days</option>
        </select>
      </div>
      {fault?.status === 403 ? (
        <p className="quiet" role="status"><Foreign text={sentence(fault.detail)} /></p>
      ) : fault ? (
        <Fault problem={fault} />
      ) : !impact ? (
        <Skeleton lines={2} />
      ) : (
        <>
          <p role="status">
            {groups.length === 0 ? nothing(impact) : (
              <>
                {groups.map((g, i) => (
                  <span key={i} className="impact-group">
                    {count(g.count)} <VerdictBadge verdict={g.old} /> → <VerdictBadge verdict={g.new} />
                  </span>
                ))}{' '}
                <span className="quiet">of {plural(impact.replayed, 'recorded action')}</span>
              </>
            )}
            {impact.cannot_tell > withheld && <span className="quiet"> {plural(impact.cannot_tell - withheld, 'action')} cannot be judged again.</span>}
            {withheld > 0 && <span className="quiet"> Of {plural(withheld, 'more action')} it cannot be told without what was sent in the body.</span>}
            {impact.cut && <span className="quiet"> There are more; only the newest were replayed.</span>}
          </p>
          {withheld > 0 && (
            <p>
              <Button busy={busy} onClick={() => void readBodies()}>Judge the bodies, too</Button>{' '}
              <span className="quiet small">It takes a proof of who you are, and is kept in the operators’ audit.</span>
            </p>
          )}
          <ul className="lines small">
            {(impact.changes ?? []).slice(0, 50).map((c) => (
              <li key={c.id} className="line">
                <span>
                  <VerdictBadge verdict={c.old} /> → <VerdictBadge verdict={c.new} />{' '}
                  <Link to={`/actions/${encodeURIComponent(c.id)}`} className="mono"><Foreign text={c.summary} /></Link>
                </span>
                <span className="quiet"><Foreign text={c.agent} /> · <Time at={c.time} /></span>
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  )
}

interface ReviewProps {
  draft: Draft
  preview: Preview
  base: string
  onBack: () => void
  back: string
  onTaken: (n: number) => void
  stale?: boolean // it is not what stands in the form now
  /** onLost: somebody else was faster, and what they did must be merged by hand. */
  onLost?: () => void
}

/** Review shows what a draft does, and takes it. */
export function Review({ draft, preview, base, onBack, back, onTaken, stale, onLost }: ReviewProps) {
  const [note, setNote] = useState('')
  const [busy, setBusy] = useState(false)
  const [waits, setWaits] = useState(false)
  const [fault, setFault] = useState<Problem | null>(null)
  const [race, setRace] = useState<Revision | null>(null)
  const may = useMay()
  const form = useRef<HTMLFormElement>(null)
  const guarded = preview.guarded ?? []
  const apply = async () => {
    setBusy(true)
    setFault(null)
    try {
      const got = await post<{ revision: Revision; waits?: { id: string } }>('/policy/apply', { ...draft, note }, { headers: { 'If-Match': `"${base}"` } })
      if (got.waits) {
        changed('/policy/proposals')
        return setWaits(true)
      }
      changed('/policy', '/services', '/connections', '/roles', '/status', '/agents')
      onTaken(got.revision.number)
    } catch (err) {
      const p = problem(err)
      if (p.status !== 412) return setFault(p)
      const [last] = await get<Revision[]>('/policy/history?limit=1').catch(() => [])
      if (last) setRace(await get<Revision>(`/policy/history/${last.number}`).catch(() => last))
      else setFault(p)
      changed('/policy')
      onLost?.()
    } finally {
      setBusy(false)
    }
  }
  return (
    <div className="review">
      <Remarks list={preview.findings ?? []} />
      {guarded.length > 0 && (
        <div className="warn-box">
          <p><strong>Only an admin may change this, after a fresh proof:</strong></p>
          <ul>
            {guarded.map((g, i) => <li key={i}>{g.kind} <strong><Foreign text={g.name} /></strong> <Foreign text={g.what} /></li>)}
          </ul>
        </div>
      )}
      {preview.diff && <Diff text={preview.diff} label="What changes" />}
      {preview.ok && <ImpactPanel draft={draft} />}
      {preview.tests > 0 && <p className="quiet small">{plural(preview.tests, 'test block')} passed.</p>}
      {fault && <Fault problem={fault} />}
      {waits && <p className="warn-box" role="status">It takes two people, so it waits: another editor applies it, on the <Link to="/policy">Policy</Link> page.</p>}
      {race && (
        <div className="warn-box race" role="alert">
          <p>
            <strong><Foreign text={race.by} /> was faster: revision {race.number} is in force, <Time at={race.time} />.</strong> {race.note && <Foreign text={race.note} />} Yours is
            not taken. It is checked anew on top of theirs, above; apply it once more if it is still right.
          </p>
          {race.diff && <Diff text={race.diff} label={`What revision ${race.number} changed`} />}
        </div>
      )}
      <form
        ref={form}
        onSubmit={(e) => {
          e.preventDefault()
          void apply()
        }}
      >
        <Field label="Note" note="Why; it stands in the history.">
          {(id, by) => <input id={id} aria-describedby={by} value={note} onChange={(e) => setNote(e.target.value)} autoComplete="off" />}
        </Field>
        <footer className="dialog-foot">
          <Button onClick={onBack}>{back}</Button>
          <Button look="main" type="submit" busy={busy} disabled={waits || stale || !preview.ok || (guarded.length > 0 && !may('admin'))}>Apply</Button>
        </footer>
      </form>
    </div>
  )
}
