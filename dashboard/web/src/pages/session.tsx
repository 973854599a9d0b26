import { Fragment, useEffect, useMemo, useState, type ReactNode } from 'react'
import { get, problem, type Problem } from '../lib/api'
import { keptBody } from '../lib/command'
import { absolute, clock, count, duration, plural } from '../lib/format'
import { useKeys } from '../lib/keys'
import { alike, answerIn, fold, promptIn, type Fold, type Said } from '../lib/prompt'
import { term } from '../lib/query'
import { useResource } from '../lib/resource'
import { setQuery, usePlace } from '../lib/router'
import type { ActionRecord, Row } from '../lib/types'
import { money, promptOf, took } from '../lib/usage'
import { Badge, Button, cx, Empty, Fault, Foreign, Link, PageHead, Skeleton, VerdictBadge } from '../ui/kit'
import { EndSession, livePath } from './endsession'
import { useActions } from './recorded'
import './session.css'

const most = 2000

export function SessionPage({ id }: { id: string }) {
  const { rows: read, error, load } = useActions(term('session', id), most)
  const live = useResource<{ live: boolean; watchers?: string[] }[]>(livePath(id))
  const rows = live.data || live.error ? read : null // its buttons move nothing that is read already
  const list = useMemo(() => (rows ? [...rows].reverse() : []), [rows])
  const first = list[0]
  const last = list.at(-1)
  const { query } = usePlace()
  const kind = query.get('kind') ?? ''
  const shown = useMemo(() => (kind === '' ? list : list.filter((r) => (kind === 'asked' ? wasAsked(r) : kindOf(r) === kind))), [list, kind])
  const bodies = useBodies(id)
  const span = first && last ? new Date(last.time).getTime() - new Date(first.time).getTime() : 0
  return (
    <>
      <PageHead title={first?.agent.name ? `Session of ${first.agent.name}` : 'Session'} note={first && `${absolute(first.time)}, ${plural(list.length, 'action')} in ${duration(span * 1e6)}${spent(list)}`}>
        {first?.agent.name && <Link className="button" to={`/agents/${encodeURIComponent(first.agent.name)}`}>The agent</Link>}
        {first?.agent.name && <EndSession id={id} agent={first.agent.name} />}
        <Link className="button" to={`/activity?q=${encodeURIComponent(term('session', id))}`}>As a list</Link>
      </PageHead>
      {error ? <Fault problem={error} retry={load} /> : !rows ? <Skeleton lines={10} /> : list.length === 0 ? (
        <Empty title="Nothing is recorded of this session">Records older than the retention are gone.</Empty>
      ) : (
        <>
        <Watchers names={live.data?.[0]?.watchers ?? []} />
        <Kinds list={list} now={kind} onChange={(k) => setQuery({ kind: k, at: '' })} />
        <Spoken list={list} bodies={bodies} />
        <Timeline key={kind} rows={shown} bodies={bodies} />
        </>
      )}
    </>
  )
}

/** Bodies are what a session sent and got, once somebody has proved who they are. */
interface Bodies {
  of: Map<string, ActionRecord> | null // by the id of the action; null: not read
  busy: boolean
  fault: Problem | null
  read: () => Promise<void>
}

function useBodies(id: string): Bodies {
  const [of, setOf] = useState<Map<string, ActionRecord> | null>(null)
  const [busy, setBusy] = useState(false)
  const [fault, setFault] = useState<Problem | null>(null)
  useEffect(() => setOf(null), [id])
  const read = async () => {
    setBusy(true)
    setFault(null)
    try {
      const all = new Map<string, ActionRecord>()
      for (let before = 0; all.size < most; ) {
        const q = `${term('session', id)} limit:500${before ? ` before:${before}` : ''}`
        const page = await get<ActionRecord[]>(`/actions?bodies=1&q=${encodeURIComponent(q)}`)
        for (const r of page) all.set(r.id, r)
        if (page.length < 500) break
        before = page.at(-1)!.seq
      }
      setOf(all)
    } catch (err) {
      setFault(problem(err))
    } finally {
      setBusy(false)
    }
  }
  return { of, busy, fault, read }
}

const speaks = (r: Row) => ['model', 'tool', 'rpc'].includes(kindOf(r))

/** Watchers are the other operators who have a session open in this moment. */
export function Watchers({ names }: { names: string[] }) {
  if (names.length === 0) return null
  return <span className="quiet block small">watched by <Foreign text={names.join(', ')} /></span>
}

/** Spoken offers to read what was said to models and tools. */
function Spoken({ list, bodies }: { list: Row[]; bodies: Bodies }) {
  const said = list.filter(speaks)
  const kept = said.filter((r) => r.kept)
  if (said.length === 0) return null
  if (kept.length === 0) return <p className="quiet small">What was said to models and tools is not recorded: record.bodies is off.</p>
  if (bodies.fault) return <Fault problem={bodies.fault} retry={() => void bodies.read()} />
  const newer = bodies.of ? kept.filter((r) => !bodies.of!.has(r.id)).length : 0
  if (bodies.of && newer === 0) return null
  return (
    <p className="spoken">
      <Button busy={bodies.busy} onClick={() => void bodies.read()}>{bodies.of ? `Show ${plural(newer, 'newer turn')}, too` : 'Show prompts and answers'}</Button>{' '}
      <span className="quiet small">It takes a proof of who you are, and is kept in the operators’ audit.</span>
    </p>
  )
}

/** Timeline is every moment in order, with a cursor that goes through them. */
function Timeline({ rows, bodies }: { rows: Row[]; bodies: Bodies }) {
  const { query } = usePlace()
  const seq = Number(query.get('at') ?? 0)
  const at = seq ? rows.findIndex((r) => r.seq === seq) : -1 // -1: at the end, with whatever comes
  const [playing, setPlaying] = useState(false)
  const [open, setOpen] = useState<Set<number>>(new Set())
  const folds = useMemo(() => fold(rows, (r) => (bodies.of && speaks(r) ? String(r.seq) : sayingOf(r))), [rows, bodies.of])
  const go = (i: number) => setQuery({ at: i >= 0 && i < rows.length ? String(rows[i]!.seq) : '' })
  const step = (by: number) => go(Math.min(rows.length - 1, Math.max(0, (at < 0 ? (by < 0 ? rows.length : rows.length - 1) : at) + by)))

  useEffect(() => {
    if (!playing) return
    if (at < 0 || at >= rows.length - 1) {
      setPlaying(false)
      return
    }
    const gap = new Date(rows[at + 1]!.time).getTime() - new Date(rows[at]!.time).getTime()
    const timer = setTimeout(() => go(at + 1), Math.min(1500, Math.max(120, gap)))
    return () => clearTimeout(timer)
  })
  useEffect(() => {
    if (at >= 0) document.querySelector('.moment.now')?.scrollIntoView({ block: 'nearest' })
  }, [at])

  const play = () => {
    if (!playing && (at < 0 || at >= rows.length - 1)) go(0)
    setPlaying(!playing)
  }
  useKeys({ j: () => step(1), k: () => step(-1), p: play, Escape: () => { setPlaying(false); go(-1) } })
  const prompts = useMemo(() => promptsOf(rows, bodies.of), [rows, bodies.of])
  const until = at < 0 ? Infinity : rows[at]!.seq // what came later is not there yet
  const line = (r: Row, before: Row | undefined) => r.seq <= until && (
    <Fragment key={r.seq}>
      <Gap before={before} now={r} />
      <Moment r={r} now={r.seq === until}>
        {speaks(r) && bodies.of && <Turn said={prompts.get(r.id)} kept={r.kept === true} />}
      </Moment>
    </Fragment>
  )
  const toggle = (n: number) => setOpen((old) => (old.has(n) ? new Set([...old].filter((x) => x !== n)) : new Set([...old, n])))
  return (
    <>
      {rows.length > 1 && <Scrub rows={rows} at={at} playing={playing} onPlay={play} onMove={go} />}
      <ol className="timeline">
        {folds.map((f, i) => {
          const before = folds[i - 1]?.rows.at(-1)
          if (f.rows.length === 1 || f.first.seq > until) return line(f.first, before)
          const wide = open.has(f.first.seq) || f.rows.some((r) => r.seq === until)
          return (
            <Fragment key={f.first.seq}>
              <Gap before={before} now={f.first} />
              <Run f={f} open={wide} onToggle={() => toggle(f.first.seq)} />
              {wide && f.rows.map((r, j) => line(r, f.rows[j - 1]))}
            </Fragment>
          )
        })}
      </ol>
    </>
  )
}

/** Scrub goes through the moments by hand, by keys or by itself. */
function Scrub({ rows, at, playing, onPlay, onMove }: { rows: Row[]; at: number; playing: boolean; onPlay: () => void; onMove: (i: number) => void }) {
  const i = at < 0 ? rows.length - 1 : at
  const now = rows[i]!
  return (
    <div className="scrub" role="group" aria-label="Replay">
      <Button icon={playing ? 'pause' : 'play'} hint="p" onClick={onPlay}>{playing ? 'Pause' : 'Replay'}</Button>
      <input type="range" min={0} max={rows.length - 1} value={i} aria-label="Moment" aria-valuetext={`${i + 1} of ${rows.length}, ${clock(now.time)}`} onChange={(e) => onMove(Number(e.target.value))} />
      <span className="quiet small scrub-at">
        {count(i + 1)} of {count(rows.length)}
        {at >= 0 && <> · {clock(now.time)}{spent(rows.slice(0, at + 1))}</>}
      </span>
      {at >= 0 && <Button look="bare" onClick={() => onMove(-1)}>To the end</Button>}
    </div>
  )
}

function Moment({ r, now, children }: { r: Row; now: boolean; children?: ReactNode }) {
  return (
    <li className={cx('moment', r.verdict, now && 'now')} aria-current={now ? 'step' : undefined}>
      <time dateTime={r.time} title={absolute(r.time)}>{clock(r.time)}</time>
      <VerdictBadge verdict={r.verdict} />
      <div className="moment-text">
        <Link to={`/actions/${encodeURIComponent(r.id)}`} className="mono"><Foreign text={r.summary || r.kind} /></Link>
        <span className="quiet">
          <span className="moment-kind">{kinds[kindOf(r)]}</span>
          {r.asked && 'asked · '}
          {r.turn?.names && <><Foreign text={r.turn.names.join(', ')} className="mono" /> · </>}
          {r.usage && <><Foreign text={took(r.usage)} className="took" /> · </>}
          <Foreign text={[r.service, r.status, r.duration_ns ? duration(r.duration_ns) : '', r.rows ? plural(r.rows, 'row') : ''].filter(Boolean).join(' · ')} />
        </span>
        {(r.verdict !== 'allow' || r.asked) && r.reason && <span className="reason-line"><Foreign text={r.reason} /></span>}
        {children}
      </div>
    </li>
  )
}

/** Run is one line for moments that say the same. */
function Run({ f, open, onToggle }: { f: Fold<Row>; open: boolean; onToggle: () => void }) {
  const r = f.first
  return (
    <li className={cx('moment run', r.verdict)}>
      <time dateTime={r.time} title={`${absolute(r.time)} to ${absolute(f.rows.at(-1)!.time)}`}>{clock(r.time)}</time>
      <VerdictBadge verdict={r.verdict} />
      <div className="moment-text">
        <button type="button" className="run-head" aria-expanded={open} onClick={onToggle}>
          <Badge>{count(f.rows.length)}×</Badge> <span className="mono"><Foreign text={r.summary || r.kind} /></span>
        </button>
        <span className="quiet">
          <span className="moment-kind">{kinds[kindOf(r)]}</span>
          {r.turn?.names && <><Foreign text={r.turn.names.join(', ')} className="mono" /> · </>}
          until {clock(f.rows.at(-1)!.time)}{spent(f.rows)}
        </span>
      </div>
    </li>
  )
}

/** sayingOf is alike for moments that a reader need see once only. */
const sayingOf = (r: Row) => [kindOf(r), kindOf(r) === 'http' ? r.summary?.split('?')[0] : r.summary, r.verdict, r.rule, r.service, r.status, r.outcome, r.turn?.names?.join(' ')].join('\n')

/** A Spoke is what one turn said, and how much of it the turn before said already. */
interface Spoke {
  said: Said[]
  old: number
  answer: Said[] | null
  raw: string // of a body that nobody can take apart
}

/** promptsOf reads the turns of a session. A conversation is told by its model: clients
 * hold several at a time. */
function promptsOf(rows: Row[], of: Map<string, ActionRecord> | null): Map<string, Spoke> {
  const out = new Map<string, Spoke>()
  const before = new Map<string, Said[]>()
  if (!of) return out
  for (const row of rows) {
    const r = of.get(row.id)
    if (!r || !speaks(row)) continue
    const body = keptBody(r.parts?.[0]?.facts ?? {})
    const said = promptIn(body)
    const came = (r as { answer?: { text?: string } }).answer?.text ?? ''
    const answer = came ? answerIn(came) : null
    if (!said) {
      if (body || answer) out.set(row.id, { said: [], old: 0, answer, raw: body })
      continue
    }
    const key = `${row.service} ${kindOf(row)} ${row.turn?.names?.join(' ')}`
    out.set(row.id, { said, old: alike(before.get(key) ?? [], said), answer, raw: '' })
    before.set(key, said)
  }
  return out
}

/** Turn is what was said in one turn, without what the one before has shown. */
function Turn({ said, kept }: { said: Spoke | undefined; kept: boolean }) {
  const [all, setAll] = useState(false)
  if (!said) return <span className="quiet small">{kept ? 'No words are kept of it.' : 'Not recorded: record.bodies is off here, or less than this body takes.'}</span>
  return (
    <div className="turn">
      {said.old > 0 && (
        <button type="button" className="linkish small" aria-expanded={all} onClick={() => setAll(!all)}>
          {all ? 'Hide' : 'Show'} {plural(said.old, 'message')} that the turn before had, too
        </button>
      )}
      {said.said.map((s, i) => (i < said.old && !all ? null : <Line key={i} s={s} />))}
      {said.raw && <Line s={{ role: 'body', kind: 'text', text: said.raw }} />}
      {said.answer?.map((s, i) => <Line key={`a${i}`} s={s} mine />)}
    </div>
  )
}

const long = 1200 // letters of one message that are shown at once

function Line({ s, mine }: { s: Said; mine?: boolean }) {
  const [all, setAll] = useState(false)
  const cut = s.text.length > long && !all
  return (
    <div className={cx('said', mine && 'answer')}>
      <span className="said-role">{s.kind === 'call' ? 'calls' : s.kind === 'result' ? 'result' : mine ? 'answer' : <Foreign text={s.role} />}</span>
      <div className="said-text">
        {s.name && <strong className="mono"><Foreign text={s.name} /> </strong>}
        {s.kind === 'other' ? <span className="quiet">[<Foreign text={s.text} />]</span> : <Foreign text={cut ? s.text.slice(0, long) : s.text} />}
        {s.text.length > long && (
          <button type="button" className="linkish small" aria-expanded={all} onClick={() => setAll(!all)}>{all ? 'Less' : `${count(s.text.length - long)} more letters`}</button>
        )}
      </div>
    </div>
  )
}

type Kind = 'model' | 'tool' | 'rpc' | 'graphql' | 'sql' | 'http' | 'conn'

const kinds: Record<Kind, string> = { model: 'Model', tool: 'Tool', rpc: 'RPC', graphql: 'GraphQL', sql: 'SQL', http: 'HTTP', conn: 'Connection' }

/** kindOf says what a moment of a session is. */
export function kindOf(r: Row): Kind {
  if (r.turn) return r.turn.kind as Kind
  if (r.usage) return 'model'
  if (r.kind === 'connect' || r.kind === 'cancel' || r.protocol === 'tcp') return 'conn'
  return r.protocol === 'postgres' ? 'sql' : 'http'
}

/** Kinds narrows a timeline to one kind of moment, or to what people were asked. */
function Kinds({ list, now, onChange }: { list: Row[]; now: string; onChange: (k: string) => void }) {
  const there = (Object.keys(kinds) as Kind[]).map((k): [string, string, number] => [k, kinds[k], list.filter((r) => kindOf(r) === k).length]).filter(([, , n]) => n > 0)
  const asked = list.filter(wasAsked).length
  const all: [string, string, number][] = [['', 'All', list.length], ...there, ...(asked > 0 ? [['asked', 'Asked', asked] as [string, string, number]] : [])]
  if (all.length < 3) return null
  return (
    <div className="chips" role="group" aria-label="Show">
      {all.map(([k, name, n]) => (
        <button key={k} type="button" className="chip" aria-pressed={now === k} onClick={() => onChange(k)}>{name} <span className="quiet">{count(n)}</span></button>
      ))}
    </div>
  )
}

const wasAsked = (r: Row) => r.verdict === 'ask' || r.asked === true

/** spent is what the models of a session took. */
function spent(list: Row[]): string {
  const all = list.flatMap((r) => r.usage ?? [])
  if (all.length === 0) return ''
  const tokens = all.reduce((n, u) => n + promptOf(u) + (u.output ?? 0), 0)
  const cost = all.reduce((n, u) => n + (u.cost_nano ?? 0), 0)
  return `, ${plural(all.length, 'model call')}, ${count(tokens)} tokens, ${money(cost)}${all.some((u) => !u.price) ? ' and some without a price' : ''}`
}

function Gap({ before, now }: { before: Row | undefined; now: Row }) {
  if (!before) return null
  const ms = new Date(now.time).getTime() - new Date(before.time).getTime()
  return ms > 30_000 ? <li className="pause-line quiet">quiet for {duration(ms * 1e6)}</li> : null
}
