import { lazy, Suspense, useEffect, useMemo, useRef, useState } from 'react'
import * as T from '@radix-ui/react-tabs'
import { get, post, type Problem } from '../lib/api'
import { plural } from '../lib/format'
import { changed, useResource } from '../lib/resource'
import { setQuery, usePlace } from '../lib/router'
import type { Preview, Proposals as Proposed, Revision, Sheets, Sketch, SourceText } from '../lib/types'
import { useMay } from '../lib/who'
import { Diff } from '../ui/diff'
import { Findings, Review, usePreview } from '../ui/draft'
import { Badge, Button, cx, Empty, Fault, Foreign, Link, Modal, PageHead, Skeleton, Time } from '../ui/kit'
import { Notes, sketchPath } from '../ui/sketch'
import { attempt, say } from '../ui/toast'
import { Proposals } from './proposals'

const MergeView = lazy(() => import('../ui/merge'))
const Editor = lazy(() => import('../ui/editor'))

export function PolicyPage() {
  const { data, error, reload } = useResource<SourceText>('/policy')
  const { query } = usePlace()
  const tab = query.get('view') ?? 'edit'
  return (
    <div className="policy">
      <PageHead title="Policy" note={data && `revision ${data.number}`}>
        <Link className="button" to="/policy/new">New rule</Link>
      </PageHead>
      {error ? (
        <Fault problem={error} retry={reload} />
      ) : !data ? (
        <Skeleton lines={12} />
      ) : (
        <>
        <Proposals />
        <T.Root className="policy-tabs" value={tab} onValueChange={(v) => setQuery({ view: v === 'edit' ? '' : v })}>
          <T.List className="tabs" aria-label="Ways to look at the policy">
            <T.Trigger value="edit">Text</T.Trigger>
            <T.Trigger value="blocks">Blocks</T.Trigger>
            <T.Trigger value="history">History</T.Trigger>
          </T.List>
          <T.Content value="edit" className="policy-edit" forceMount hidden={tab !== 'edit'}>
            <Workshop source={data} />
          </T.Content>
          <T.Content value="blocks">
            <Blocks source={data} />
          </T.Content>
          <T.Content value="history">
            <History source={data} />
          </T.Content>
        </T.Root>
        </>
      )}
    </div>
  )
}

/** Workshop is where a draft is written, checked and taken. The draft is kept until
 * it is taken or dropped, whatever else is looked at. */
function Workshop({ source }: { source: SourceText }) {
  const { query } = usePlace()
  const may = useMay()
  const wanted = query.get('file') ?? ''
  const file = source.files.find((f) => f.name === wanted) ?? source.files[0]
  const [base, setBase] = useState(source)
  const [drafts, setDrafts] = useState<Record<string, string>>({})
  const [reviewed, setReviewed] = useState<{ files: Record<string, string>; preview: Preview } | null>(null)
  const [round, setRound] = useState(0)
  const [merging, setMerging] = useState(false)
  const [lost, setLost] = useState(false) // a race, whose winner is not read yet
  const dirty = Object.keys(drafts).length > 0
  const { preview, fault } = usePreview(dirty ? { files: drafts } : null, base.revision)
  const stale = dirty && base.revision !== source.revision

  useEffect(() => {
    if (!dirty && base.revision !== source.revision) setBase(source)
  }, [dirty, base, source])

  useEffect(() => {
    if (!lost || !stale) return
    setLost(false)
    setReviewed(null)
    setMerging(true)
  }, [lost, stale])

  useEffect(() => {
    if (!dirty) return
    const leaving = (e: BeforeUnloadEvent) => e.preventDefault()
    addEventListener('beforeunload', leaving)
    return () => removeEventListener('beforeunload', leaving)
  }, [dirty])

  const ask = query.get('ask')
  const [notes, setNotes] = useState<Sketch | null>(null)
  useEffect(() => {
    if (!ask || !may('editor')) return
    // What was asked for, as a draft of the files to go on with.
    void attempt(async () => {
      const sketch = await get<Sketch>(sketchPath(ask))
      setNotes(sketch)
      if ((sketch.draft.edits ?? []).length === 0) return
      const p = await post<Preview>('/policy/check', sketch.draft)
      const [first] = p.files ?? []
      setDrafts(p.texts ?? {})
      setRound((n) => n + 1)
      if (first) setQuery({ file: first, line: String(p.placed?.find((b) => b.op === 'add')?.line ?? '') })
    })
  }, [ask])

  const put = useRef<((text: string) => void) | null>(null)
  const before = base.files.find((f) => f.name === file?.name)?.text ?? ''
  // What the editor begins with. What is typed since then is its own business.
  const begin = useMemo(() => drafts[file?.name ?? ''] ?? before, [file?.name, base.revision, round])
  if (!file) return <Empty title="The configuration has no file" />
  const change = (text: string) =>
    setDrafts((old) => {
      const next = { ...old }
      if (text === before) delete next[file.name]
      else next[file.name] = text
      return next
    })
  const drop = () => {
    setDrafts({})
    setBase(source)
    setRound(round + 1)
  }
  const findings = (preview?.findings ?? []).filter((f) => f.file === file.name)
  const format = () =>
    attempt(async () => {
      const now = drafts[file.name] ?? before
      const laid = (await post<Sheets>('/policy/format', { files: { [file.name]: now } })).files[file.name] ?? now
      if (laid === now) say('It is laid out already')
      else put.current?.(laid)
    })
  const propose = (text: string, line: number, column: number, signal: AbortSignal) =>
    post<Proposed>('/policy/complete', { files: { ...drafts, [file.name]: text }, file: file.name, line, column }, { signal })
  const review = () => dirty && preview && setReviewed({ files: drafts, preview })

  return (
    <>
      <div className="policy-bar">
        {source.files.length > 1 ? (
          <select aria-label="File" value={file.name} onChange={(e) => setQuery({ file: e.target.value, line: '' })}>
            {source.files.map((f) => (
              <option key={f.name} value={f.name}>
                {f.name}
                {drafts[f.name] !== undefined ? ' (changed)' : ''}
              </option>
            ))}
          </select>
        ) : (
          <code>{file.name}</code>
        )}
        <span className="quiet small" role="status">
          {file.fixed ?? (!may('editor') ? 'You may look, not edit.' : !dirty ? 'Blocks of the host stay as they are; all else can be edited.' : says(preview, fault))}
        </span>
        <span className="spring" />
        {may('editor') && !file.fixed && <Button title="Canonical layout (Shift Alt F); blocks of the host stay as they are" onClick={() => void format()}>Format</Button>}
        {dirty && <Button onClick={drop}>Drop the draft</Button>}
        <Button look="main" disabled={!dirty || !preview} onClick={review}>Review and apply</Button>
      </div>
      {ask && notes && <div className="from-ask"><p>Drafted from what an agent asked for. <Link to={`/approvals?id=${encodeURIComponent(ask)}`}>The request</Link></p><Notes sketch={notes} service /></div>}
      {fault && <Fault problem={fault} />}
      {stale && (
        <div className="fault" role="alert">
          <div>
            <p>Somebody else changed the policy to revision {source.number} while you were writing.</p>
            <p className="quiet">Put both together before you go on; where you changed the same lines, you choose.</p>
          </div>
          <Button look="main" onClick={() => setMerging(true)}>Merge</Button>
          <Button onClick={drop}>Drop mine</Button>
        </div>
      )}
      <div className="editor-box">
        <Suspense fallback={<Skeleton lines={12} />}>
          <Editor
            key={`${file.name} ${base.revision} ${round}`}
            name={file.name}
            text={begin}
            readOnly={!!file.fixed || !may('editor')}
            findings={findings}
            propose={propose}
            at={Number(query.get('line')) || undefined}
            onChange={change}
            onSave={review}
            onFormat={() => void format()}
            onReady={(f) => { put.current = f }}
          />
        </Suspense>
      </div>
      {findings.length > 0 && <Findings list={findings} />}
      <Modal title="Review and apply" open={reviewed !== null} wide onClose={() => setReviewed(null)}>
        {reviewed && (
          <Review
            draft={{ files: reviewed.files }}
            preview={reviewed.preview}
            base={base.revision}
            back="Go on writing"
            onBack={() => setReviewed(null)}
            onLost={() => setLost(true)}
            onTaken={(n) => {
              setReviewed(null)
              setDrafts({})
              setQuery({ ask: '' })
              setNotes(null)
              say(`Revision ${n} is in force`)
            }}
          />
        )}
      </Modal>
      <Modal title="Merge" open={merging} wide onClose={() => setMerging(false)}>
        <Suspense fallback={<Skeleton lines={8} />}>
          <MergeView
            contests={contests(base, drafts, source)}
            by={`Somebody else (revision ${source.number})`}
            onBack={() => setMerging(false)}
            onTheirs={() => {
              setMerging(false)
              drop()
            }}
            onDone={(texts) => {
              const now = Object.fromEntries(source.files.map((f) => [f.name, f.text]))
              setDrafts(Object.fromEntries(Object.entries(texts).filter(([name, text]) => now[name] !== text)))
              setBase(source)
              setRound(round + 1)
              setMerging(false)
            }}
          />
        </Suspense>
      </Modal>
    </>
  )
}

/** contests are the files of a draft, as three people see them. */
function contests(base: SourceText, drafts: Record<string, string>, source: SourceText) {
  const text = (s: SourceText, name: string) => s.files.find((f) => f.name === name)?.text ?? ''
  return Object.entries(drafts).map(([file, mine]) => ({ file, mine, base: text(base, file), theirs: text(source, file) }))
}

function says(p: Preview | null, fault: Problem | null): string {
  if (fault) return 'The draft could not be checked.'
  if (!p) return 'Checking…'
  const errors = (p.findings ?? []).filter((f) => f.severity === 'error').length
  if (errors > 0) return `${plural(errors, 'error')} in the draft`
  return p.ok ? `The draft loads; ${plural(p.tests, 'test')} passed.` : 'The draft cannot be applied as it is.'
}

function Blocks({ source }: { source: SourceText }) {
  const may = useMay()
  const kinds = [...new Set(source.blocks.map((b) => b.kind))]
  return kinds.map((kind) => (
    <section key={kind} className="panel">
      <header className="panel-head"><h2>{kind}</h2></header>
      <ul className="lines">
        {source.blocks.filter((b) => b.kind === kind).map((b, i) => (
          <li key={i} className="hcl-block">
            <div className="block-head">
              <strong>{b.name ?? b.kind}</strong>
              {b.host && <Badge>host only</Badge>}
              {b.kind === 'rule' && !b.host && b.name && may('editor') && <Link className="small" to={`/policy/new?rule=${encodeURIComponent(b.name)}`}>Edit in the form</Link>}
              <button type="button" className="linkish small" onClick={() => setQuery({ view: '', file: b.file, line: String(b.line) })}>{b.file}:{b.line}</button>
            </div>
            <pre className="code" tabIndex={0} role="region" aria-label={`${kind} ${b.name ?? ''}`}><code>{b.hcl}</code></pre>
          </li>
        ))}
      </ul>
    </section>
  ))
}

function History({ source }: { source: SourceText }) {
  const { data, error, reload } = useResource<Revision[]>('/policy/history')
  const [open, setOpen] = useState<number | null>(null)
  if (error) return <Fault problem={error} retry={reload} />
  if (!data) return <Skeleton lines={6} />
  if (data.length === 0) return <Empty title="Nothing was changed yet" />
  return (
    <ol className="lines panel">
      {data.map((r) => (
        <li key={r.number} className="hcl-block">
          <div className="block-head">
            <button type="button" className="linkish" aria-expanded={open === r.number} onClick={() => setOpen(open === r.number ? null : r.number)}>Revision {r.number}</button>
            {r.number === source.number && <Badge tone="accent">in force</Badge>}
            <span><Foreign text={r.by} />{r.approved_by && <span className="quiet"> and <Foreign text={r.approved_by} /></span>}</span>
            {r.break_glass && <Badge tone="ask">alone, by the host</Badge>}
            <span className="quiet">{r.origin === 'rollback' ? `back to ${r.to}` : r.origin === 'host' ? 'on the host' : 'edit'}, <Time at={r.time} /></span>
            <span className={cx('spring', 'clip')}><Foreign text={r.note ?? ''} /></span>
            {r.number !== source.number && <Rollback r={r} base={source.revision} />}
          </div>
          {open === r.number && <RevisionDiff r={r} />}
        </li>
      ))}
    </ol>
  )
}

function RevisionDiff({ r }: { r: Revision }) {
  const [diff, setDiff] = useState(r.diff ?? '')
  useEffect(() => {
    if (!diff) get<Revision>(`/policy/history/${r.number}`).then((full) => setDiff(full.diff ?? ''), () => setDiff(''))
  }, [r.number, diff])
  return diff ? <Diff text={diff} label={`What revision ${r.number} changed`} /> : <p className="quiet small">It changed nothing that is kept, or is the first one.</p>
}

function Rollback({ r, base }: { r: Revision; base: string }) {
  const may = useMay()
  const [preview, setPreview] = useState<Preview | null>(null)
  const [busy, setBusy] = useState(false)
  if (!may('editor')) return null
  const look = () => attempt(async () => setPreview(await post<Preview>('/policy/check', { rollback: r.number })))
  const go = async () => {
    setBusy(true)
    const ok = await attempt(async () => {
      const got = await post<{ waits?: object }>(`/policy/history/${r.number}/rollback`, { note: `Back to revision ${r.number}` }, { headers: { 'If-Match': `"${base}"` } })
      say(got.waits ? 'It takes two people, so it waits for another editor' : `The policy is as it was in revision ${r.number}`)
    })
    setBusy(false)
    changed('/policy', '/services', '/connections', '/roles', '/status', '/agents')
    if (ok) setPreview(null)
  }
  return (
    <>
      <Button onClick={() => void look()}>Go back to it</Button>
      <Modal title={`Go back to revision ${r.number}`} open={preview !== null} onClose={() => setPreview(null)} wide>
        {preview && (
          <div className="review">
            {(preview.findings ?? []).length > 0 && <Findings list={preview.findings!} />}
            <Diff text={preview.diff} label="What changes" />
            <footer className="dialog-foot">
              <Button onClick={() => setPreview(null)}>Cancel</Button>
              <Button look="main" busy={busy} disabled={!preview.ok} onClick={() => void go()}>Go back</Button>
            </footer>
          </div>
        )}
      </Modal>
    </>
  )
}
