import { useState } from 'react'
import { get, problem, type Problem } from '../lib/api'
import type { Passage } from '../lib/types'
import { Sample } from './code'
import { Button, Fault } from './kit'

// How much of a long text is shown at once: a browser lays it out in no time.
const page = 64 * 1024

/** Whole shows a sample that leaves something out, or all of it, a page at a time.
 * To read all takes a fresh proof, and is kept. */
export function Whole({ id, sample, hidden }: { id: string; sample: string; hidden: number }) {
  const [shown, setShown] = useState<Passage | null>(null)
  const [busy, setBusy] = useState(false)
  const [fault, setFault] = useState<Problem | null>(null)
  const look = async (offset: number) => {
    setBusy(true)
    setFault(null)
    try {
      setShown(await get<Passage>(`/approvals/${encodeURIComponent(id)}/whole?limit=${page}&offset=${Math.max(0, offset)}`))
    } catch (err) {
      setFault(problem(err))
    } finally {
      setBusy(false)
    }
  }
  if (fault) return <Fault problem={fault} retry={() => void look(shown?.offset ?? 0)} />
  if (!shown) {
    return (
      <>
        <Sample sample={sample} hidden={hidden} />
        <p>
          <Button busy={busy} onClick={() => void look(0)}>Show all of it</Button>{' '}
          <span className="quiet small">Who reads it is kept in the operators’ audit.</span>
        </p>
      </>
    )
  }
  const n = (v: number) => v.toLocaleString('en')
  return (
    <section className="whole" aria-label="All that would be sent">
      <Sample sample={shown.text} hidden={0} />
      <p className="whole-bar" role="status">
        <Button disabled={shown.offset === 0} busy={busy} onClick={() => void look(shown.offset - page)}>Before</Button>
        <Button disabled={shown.next >= shown.total} busy={busy} onClick={() => void look(shown.next)}>Next</Button>
        <Button disabled={shown.next >= shown.total} busy={busy} onClick={() => void look(shown.total - page)}>End</Button>
        <span className="quiet small">Bytes {n(shown.offset)} to {n(shown.next)} of {n(shown.total)}, with every mark spelled out.</span>
      </p>
    </section>
  )
}
