import { lazy, Suspense, useCallback, useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react'
import { get, problem, type Problem } from '../lib/api'
import { csv, ndjson, save } from '../lib/export'
import { absolute, clock, count, duration, plural } from '../lib/format'
import { useKeys } from '../lib/keys'
import { useLive, useLiveState } from '../lib/live'
import { useNarrow, useMedia } from '../lib/media'
import { quote, valueOf, withTerm, worded } from '../lib/query'
import { go, setQuery, usePlace } from '../lib/router'
import { Rows } from '../lib/rows'
import { took } from '../lib/usage'
import type { Row } from '../lib/types'
import { Badge, Button, cx, Empty, Fault, Foreign, Modal, PageHead, Skeleton, VerdictBadge } from '../ui/kit'
import { attempt } from '../ui/toast'
import { VirtualGrid } from '../ui/virtual'
import { QueryBar } from './querybar'

const ViewsMenu = lazy(() => import('./views'))
const ActionDetail = lazy(() => import('./action').then((m) => ({ default: m.ActionDetail })))

const pageSize = 500

const ranges: [string, string][] = [
  ['', 'All time'],
  ['15m', 'Last 15 minutes'],
  ['1h', 'Last hour'],
  ['24h', 'Last 24 hours'],
  ['7d', 'Last 7 days'],
]

/** whole puts the range into the query that the gateway gets. */
export function whole(q: string, since: string, until: string): string {
  return [q, since && `since:${quoteTime(since)}`, until && `until:${quoteTime(until)}`].filter(Boolean).join(' ')
}

// A local time from a picker becomes one with a zone.
function quoteTime(t: string): string {
  return /^\d{4}-/.test(t) && !/Z$/.test(t) ? quote(new Date(t).toISOString()) : t
}

export function ActivityPage() {
  const { query } = usePlace()
  const q = query.get('q') ?? ''
  const since = query.get('since') ?? ''
  const until = query.get('until') ?? ''
  const sel = query.get('sel') ?? ''
  const asked = whole(q, since, until)
  return <Activity q={q} since={since} until={until} sel={sel} asked={asked} bodies={query.get('bodies') === '1'} />
}

interface Props {
  q: string
  since: string
  until: string
  sel: string
  asked: string
  bodies: boolean // words are looked for in what was sent in bodies, too
}

function useRows(asked: string, isLive: boolean, bodies: boolean) {
  const rows = useMemo(() => new Rows(), [asked, bodies])
  const version = useSyncExternalStore(rows.subscribe, () => rows.version)
  const [fault, setFault] = useState<Problem | null>(null)
  const [state, setState] = useState<'loading' | 'ready' | 'more' | 'end'>('loading')
  const busy = useRef(false)

  const load = useCallback(
    async (signal?: AbortSignal) => {
      setState('loading')
      setFault(null)
      try {
        const page = await fetchPage(asked, 0, bodies, signal)
        rows.reset(page)
        setState(page.length < pageSize ? 'end' : 'ready')
      } catch (err) {
        if (!signal?.aborted) setFault(problem(err))
      }
    },
    [asked, rows, bodies],
  )

  useEffect(() => {
    const c = new AbortController()
    void load(c.signal)
    return () => c.abort()
  }, [load])

  useLive(isLive && rows.read ? asked : null, rows.newest, {
    onRows: (list) => rows.add(list),
    onLost: (n) => {
      rows.lost += n
      rows.tell()
    },
    onBack: () => void catchUp(asked, rows),
  })

  const more = useCallback(async () => {
    if (busy.current || state !== 'ready' || rows.full || rows.length === 0) return
    busy.current = true
    setState('more')
    try {
      const page = await fetchPage(asked, rows.oldest, bodies)
      rows.append(page)
      setState(page.length < pageSize ? 'end' : 'ready')
    } catch (err) {
      setFault(problem(err))
      setState('ready')
    } finally {
      busy.current = false
    }
  }, [asked, rows, state, bodies])

  return { rows, version, fault, state, load, more }
}

function fetchPage(asked: string, before: number, bodies = false, signal?: AbortSignal): Promise<Row[]> {
  const q = `${asked} limit:${pageSize}${before ? ` before:${before}` : ''}`
  return get<Row[]>(`/actions/rows?q=${encodeURIComponent(q)}${bodies ? '&bodies=1' : ''}`, signal ? { signal } : {})
}

/** catchUp fetches what a broken stream did not bring; after a long break the list
 * begins anew, because what lies between could be any number. */
async function catchUp(asked: string, rows: Rows) {
  const page = await fetchPage(asked, 0)
  if (page.length === pageSize && page.at(-1)!.seq > rows.newest) rows.reset(page)
  else rows.add(page.reverse())
}

function Activity({ q, since, until, sel, asked, bodies }: Props) {
  const isLive = until === '' && !bodies // a proof is fresh for minutes, a stream lasts
  const { rows, fault, state, load, more } = useRows(asked, isLive, bodies)
  const live = useLiveState()
  const narrow = useNarrow()
  const wide = useMedia('(min-width: 1180px)')
  const [paused, setPaused] = useState(false)
  const [scrolled, setScrolled] = useState(false)
  const selected = sel === '' ? -1 : rows.indexOf(sel)
  const holds = isLive && (paused || scrolled)

  useEffect(() => rows.hold(holds), [rows, holds])
  useKeys({ p: () => setPaused(!paused) })

  const select = (i: number) => {
    const r = rows.at(i)
    if (r) setQuery({ sel: r.id })
  }
  const close = () => setQuery({ sel: '' })
  const showNew = () => {
    setPaused(false)
    setScrolled(false)
    rows.hold(false)
    document.querySelector('.vgrid')?.scrollTo({ top: 0 })
  }

  return (
    <div className="activity">
      <PageHead title="Activity">
        <LiveMark live={isLive} past={bodies ? 'as it was' : 'a past range'} paused={holds} state={live.state} />
        {isLive && (
          <Button icon={paused ? 'play' : 'pause'} aria-pressed={paused} hint={narrow ? undefined : 'p'} onClick={() => setPaused(!paused)}>
            {paused ? 'Resume' : 'Pause'}
          </Button>
        )}
        <ExportButton rows={rows} asked={asked} bodies={bodies} />
      </PageHead>
      <div className="bar">
        <QueryBar q={q} />
        <RangePicker since={since} until={until} />
        <Views />
      </div>
      <Chips q={q} bodies={bodies} />
      <div className={cx('split', sel !== '' && wide && 'open')}>
        <div className="split-main">
          {fault ? (
            <Fault problem={fault} retry={() => void load()} />
          ) : state === 'loading' && rows.length === 0 ? (
            <Skeleton lines={14} />
          ) : rows.length === 0 ? (
            <NoRows filtered={asked !== ''} />
          ) : (
            <>
              <VirtualGrid
                label="Recorded actions"
                columns={narrow ? 3 : 8}
                count={rows.length}
                rowHeight={narrow ? 56 : 30}
                head={<Head narrow={narrow} />}
                row={(i) => <Cells r={rows.at(i)!} narrow={narrow} />}
                rowKey={(i) => rows.at(i)!.seq}
                selected={selected}
                onSelect={select}
                onOpen={select}
                onNearEnd={more}
                onScrolled={(top) => setScrolled(!top)}
              />
              {rows.waitingCount > 0 && (
                <button type="button" className="pill" onClick={showNew}>
                  {plural(rows.waitingCount, 'new action')}
                </button>
              )}
            </>
          )}
          <p className="status-line" role="status">
            {plural(rows.length, 'action')}
            {state === 'ready' || state === 'more' ? ' loaded, more when you scroll' : ''}
            {rows.full && `; the list holds ${count(rows.length)} at most`}
            {rows.lost > 0 && ` · ${count(rows.lost)} came too fast to show; reload to see them`}
          </p>
        </div>
        {sel !== '' && wide && (
          <aside className="split-side" aria-label="Selected action">
            <Suspense fallback={<Skeleton />}>
              <ActionDetail key={sel} id={sel} onClose={close} />
            </Suspense>
          </aside>
        )}
      </div>
      {sel !== '' && !wide && (
        <Modal title="Action" open side onClose={close}>
          <Suspense fallback={<Skeleton />}>
            <ActionDetail key={sel} id={sel} />
          </Suspense>
        </Modal>
      )}
    </div>
  )
}

function NoRows({ filtered }: { filtered: boolean }) {
  if (filtered) {
    return (
      <Empty title="Nothing was recorded that meets this query">
        Take a term away, or <button type="button" className="linkish" onClick={() => go('/activity')}>show everything</button>.
      </Empty>
    )
  }
  return (
    <Empty title="No agent has done anything yet" command="curl http://sallyport.internal/manifest">
      Every request, statement and connection of an agent shows up here as it happens. Enrol an agent, then try from its machine:
    </Empty>
  )
}

function LiveMark({ live, past, paused, state }: { live: boolean; past: string; paused: boolean; state: string }) {
  if (!live) return <Badge>{past}</Badge>
  if (state === 'lost') return <Badge tone="deny">connection lost, trying again</Badge>
  return (
    <span className={cx('live', paused && 'paused')} role="status">
      <span className="dot" aria-hidden="true" />
      {paused ? 'held' : state === 'live' ? 'live' : 'connecting'}
    </span>
  )
}

function Views() {
  const { query } = usePlace()
  const [open, setOpen] = useState(false)
  const close = useCallback(() => setOpen(false), [])
  return (
    <div className="views-box">
      <Button icon="star" aria-expanded={open} onClick={() => setOpen(!open)}>Views</Button>
      {open && (
        <Suspense fallback={null}>
          <ViewsMenu query={query} onClose={close} />
        </Suspense>
      )}
    </div>
  )
}

function Chips({ q, bodies }: { q: string; bodies: boolean }) {
  // What people were asked about has the verdict of their answer.
  const now = valueOf(q, 'asked') === 'yes' ? 'asked' : valueOf(q, 'verdict')
  const set = (v: string) => {
    const asked = v === 'asked'
    setQuery({ q: withTerm(withTerm(q, 'verdict', asked ? '' : v), 'asked', asked ? 'yes' : ''), sel: '' }, 'push')
  }
  return (
    <div className="chips" role="group" aria-label="Verdict">
      {['', 'allow', 'asked', 'deny'].map((v) => (
        <button key={v} type="button" className="chip" aria-pressed={now === v} onClick={() => set(v)}>
          {v === '' ? 'all' : v}
        </button>
      ))}
      {(bodies || worded(q)) && (
        <button type="button" className="chip" aria-pressed={bodies} title="It takes a proof of who you are, and is kept in the operators’ audit" onClick={() => setQuery({ bodies: bodies ? '' : '1', sel: '' }, 'push')}>
          in bodies, too
        </button>
      )}
    </div>
  )
}

function RangePicker({ since, until }: { since: string; until: string }) {
  const custom = until !== '' || /^\d{4}-/.test(since)
  const [open, setOpen] = useState(custom)
  const pick = (v: string) => {
    setOpen(v === 'custom')
    if (v !== 'custom') setQuery({ since: v, until: '', sel: '' }, 'push')
  }
  return (
    <div className="range">
      <select aria-label="Time range" value={open ? 'custom' : since} onChange={(e) => pick(e.target.value)}>
        {ranges.map(([v, name]) => (
          <option key={v} value={v}>
            {name}
          </option>
        ))}
        {!open && since !== '' && !ranges.some(([v]) => v === since) && <option value={since}>Last {since}</option>}
        <option value="custom">From … to …</option>
      </select>
      {open && (
        <>
          <input type="datetime-local" aria-label="From" defaultValue={/^\d{4}-/.test(since) ? since : ''} onChange={(e) => setQuery({ since: e.target.value })} />
          <input type="datetime-local" aria-label="To" defaultValue={until} onChange={(e) => setQuery({ until: e.target.value })} />
        </>
      )}
    </div>
  )
}

function ExportButton({ rows, asked, bodies }: { rows: Rows; asked: string; bodies: boolean }) {
  const [open, setOpen] = useState(false)
  const stamp = () => new Date().toISOString().slice(0, 19).replaceAll(':', '-')
  const shown = (kind: 'csv' | 'ndjson') => {
    if (kind === 'csv') save(`sallyport-${stamp()}.csv`, 'text/csv', csv(rows))
    else save(`sallyport-${stamp()}.ndjson`, 'application/x-ndjson', ndjson(rows))
    setOpen(false)
  }
  const wholeRecords = () =>
    attempt(async () => {
      const got = await get<Row[]>(`/actions?q=${encodeURIComponent(`${asked} limit:10000`)}${bodies ? '&bodies=1' : ''}`)
      save(`sallyport-records-${stamp()}.ndjson`, 'application/x-ndjson', ndjson(got))
      setOpen(false)
    })
  const archive = (bodies: boolean) =>
    attempt(async () => {
      const got = await get<object>(`/actions.har?q=${encodeURIComponent(asked)}${bodies ? '&bodies=1' : ''}`)
      save(`sallyport-${stamp()}.har`, 'application/json', JSON.stringify(got))
      setOpen(false)
    })
  return (
    <>
      <Button icon="down" onClick={() => setOpen(true)}>
        Export
      </Button>
      <Modal title="Export" open={open} onClose={() => setOpen(false)} note="Cells that a spreadsheet would run as a formula get an apostrophe in front.">
        <div className="choices">
          <Button onClick={() => shown('csv')}>CSV of the {count(rows.length)} rows loaded</Button>
          <Button onClick={() => shown('ndjson')}>NDJSON of the {count(rows.length)} rows loaded</Button>
          <Button onClick={() => void wholeRecords()}>NDJSON of whole records, the newest 10,000</Button>
          <Button onClick={() => void archive(false)}>HAR of the HTTP requests that the query finds</Button>
          <Button onClick={() => void archive(true)}>HAR with the bodies that are recorded</Button>
        </div>
      </Modal>
    </>
  )
}

function Head({ narrow }: { narrow: boolean }) {
  const names = narrow ? ['Verdict', 'Action', 'Time'] : ['Time', 'Agent', 'Verdict', 'Service', 'Kind', 'Action', 'Status', 'Took']
  return (
    <>
      {names.map((n, i) => (
        <span key={n} role="columnheader" aria-colindex={i + 1} className={`c-${n.toLowerCase()}`}>
          {n}
        </span>
      ))}
    </>
  )
}

function Cells({ r, narrow }: { r: Row; narrow: boolean }) {
  const when = (
    <time dateTime={r.time} title={absolute(r.time)}>
      {clock(r.time)}
    </time>
  )
  const what = r.kind === 'gap' ? `${count(r.missing ?? 0)} actions were not recorded` : (r.summary ?? r.dst ?? '')
  if (narrow) {
    return (
      <>
        <span role="gridcell" className="c-verdict">
          <VerdictBadge verdict={r.verdict} />
        </span>
        <span role="gridcell" className="c-action">
          <Foreign text={what} className="clip" />
          <span className="quiet clip">
            {r.asked && 'asked · '}
            {r.agent.name} → {r.service ?? r.host ?? 'nowhere'}
          </span>
        </span>
        <span role="gridcell" className="c-time">
          {when}
        </span>
      </>
    )
  }
  return (
    <>
      <span role="gridcell" className="c-time">
        {when}
      </span>
      <span role="gridcell" className="c-agent clip">
        <Foreign text={r.agent.name ?? ''} />
      </span>
      <span role="gridcell" className="c-verdict">
        <VerdictBadge verdict={r.verdict} />
      </span>
      <span role="gridcell" className="c-service clip">
        <Foreign text={r.service ?? r.host ?? ''} />
      </span>
      <span role="gridcell" className="c-kind clip">
        <Foreign text={r.kind} />
      </span>
      <span role="gridcell" className="c-action clip" title={what}>
        <Foreign text={what} />
        {r.asked && <span className="quiet small"> asked</span>}
        {r.usage && <span className="quiet small"> <Foreign text={took(r.usage)} /></span>}
      </span>
      <span role="gridcell" className={cx('c-status clip', r.outcome === 'failed' && 'bad')}>
        <Foreign text={r.status || (r.outcome === 'done' ? '' : (r.outcome ?? ''))} />
      </span>
      <span role="gridcell" className="c-took num">
        {r.duration_ns ? duration(r.duration_ns) : ''}
      </span>
    </>
  )
}
