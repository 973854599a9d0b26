import { useMemo, useState } from 'react'
import { merge, settled, where, type Chunk } from '../lib/merge'
import { plural } from '../lib/format'
import { Badge, Button } from './kit'
import './merge.css'

export interface Contest {
  file: string
  base: string
  mine: string
  theirs: string
}

type Choice = { take: 'mine' | 'theirs' | 'base' | 'own'; text: string }

/** MergeView puts what two people made of a file together; where both changed the
 * same lines, a person chooses. */
export default function MergeView({ contests, by, onDone, onTheirs, onBack }: { contests: Contest[]; by: string; onDone: (texts: Record<string, string>) => void; onTheirs: () => void; onBack: () => void }) {
  const files = useMemo(() => contests.map((c) => ({ file: c.file, chunks: merge(c.base, c.mine, c.theirs) })), [contests])
  const [choices, setChoices] = useState<Record<string, Choice>>({})
  const open = files.flatMap((f) => f.chunks.flatMap((c, i) => (c.kind === 'conflict' && !choices[`${f.file} ${i}`] ? [1] : []))).length
  const all = files.flatMap((f) => f.chunks.filter((c) => c.kind === 'conflict')).length
  const text = (f: { file: string; chunks: Chunk[] }) => f.chunks.flatMap((c, i) => settled(c) ?? choices[`${f.file} ${i}`]?.text.split('\n') ?? []).join('\n')
  return (
    <div className="review merge">
      <p>
        {by} changed the policy while you were writing.{' '}
        {all === 0 ? 'Your changes and theirs do not meet; both stand below.' : `In ${plural(all, 'place')} you both changed the same lines: choose there, or write what it should be.`}
      </p>
      {files.map((f) => (
        <section key={f.file} aria-label={f.file}>
          {files.length > 1 && <h3><code>{f.file}</code></h3>}
          {f.chunks.map((c, i) => {
            const key = `${f.file} ${i}`
            if (c.kind === 'same') return <Same key={key} lines={c.base} first={i === 0} last={i === f.chunks.length - 1} />
            if (c.kind !== 'conflict') return <Settled key={key} c={c} />
            const before = f.chunks.slice(0, i).flatMap((x, j) => settled(x) ?? choices[`${f.file} ${j}`]?.text.split('\n') ?? x.base)
            return <Conflict key={key} c={c} at={where(before)} choice={choices[key]} onChange={(choice) => setChoices({ ...choices, [key]: choice })} />
          })}
        </section>
      ))}
      <footer className="dialog-foot">
        <span className="quiet small spring" role="status">{open > 0 ? `${plural(open, 'place')} to decide` : all > 0 ? 'All is decided.' : ''}</span>
        <Button onClick={onBack}>Back</Button>
        <Button onClick={onTheirs}>Drop mine</Button>
        <Button look="main" disabled={open > 0} onClick={() => onDone(Object.fromEntries(files.map((f) => [f.file, text(f)])))}>Use this text</Button>
      </footer>
    </div>
  )
}

const around = 3

function Same({ lines, first, last }: { lines: string[]; first: boolean; last: boolean }) {
  const [all, setAll] = useState(false)
  const head = first ? 0 : around
  const tail = last ? 0 : around
  if (all || lines.length <= head + tail + 2) return <pre className="merge-lines">{lines.join('\n')}</pre>
  return (
    <>
      {head > 0 && <pre className="merge-lines">{lines.slice(0, head).join('\n')}</pre>}
      <button type="button" className="merge-fold" onClick={() => setAll(true)}>{plural(lines.length - head - tail, 'line')} nobody changed</button>
      {tail > 0 && <pre className="merge-lines">{lines.slice(-tail).join('\n')}</pre>}
    </>
  )
}

function Settled({ c }: { c: Chunk }) {
  const now = settled(c) ?? []
  return (
    <div className="merge-settled">
      <Badge tone={c.kind === 'mine' ? 'accent' : 'quiet'}>{c.kind === 'mine' ? 'yours' : c.kind === 'theirs' ? 'theirs' : 'both alike'}</Badge>
      <pre className="merge-lines">
        {c.base.map((l, i) => <span key={`o${i}`} className="d-out">{l + '\n'}</span>)}
        {now.map((l, i) => <span key={`n${i}`} className="d-in">{l + '\n'}</span>)}
      </pre>
    </div>
  )
}

function Conflict({ c, at, choice, onChange }: { c: Chunk; at: string; choice: Choice | undefined; onChange: (c: Choice) => void }) {
  const sides: ['theirs' | 'base' | 'mine', string, string[]][] = [
    ['theirs', 'Theirs', c.theirs],
    ['base', 'Before', c.base],
    ['mine', 'Yours', c.mine],
  ]
  return (
    <fieldset className={choice ? 'conflict decided' : 'conflict'}>
      <legend>{at ? <>In <code>{at}</code> you both changed this</> : 'You both changed this'}</legend>
      <div className="conflict-sides">
        {sides.map(([take, name, lines]) => (
          <div key={take}>
            <div className="conflict-head">
              <strong>{name}</strong>
              <Button aria-pressed={choice?.take === take} aria-label={`Take ${name.toLowerCase()}`} onClick={() => onChange({ take, text: lines.join('\n') })}>{choice?.take === take ? 'Taken' : 'Take'}</Button>
            </div>
            <pre className="merge-lines" tabIndex={0} role="region" aria-label={name}>{lines.join('\n') || '(nothing)'}</pre>
          </div>
        ))}
      </div>
      <label>
        <span className="quiet small">What it will be</span>
        <textarea
          className="mono"
          rows={Math.min(12, Math.max(2, (choice?.text ?? '').split('\n').length))}
          value={choice?.text ?? ''}
          placeholder="Take one of them, or write it here"
          spellCheck={false}
          onChange={(e) => onChange({ take: 'own', text: e.target.value })}
        />
      </label>
    </fieldset>
  )
}
