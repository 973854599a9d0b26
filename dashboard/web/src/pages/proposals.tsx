import { useEffect, useState } from 'react'
import { del, get, post, problem, type Problem } from '../lib/api'
import { plural } from '../lib/format'
import { changed, useResource } from '../lib/resource'
import type { Preview, Revision } from '../lib/types'
import { useMay, useWho } from '../lib/who'
import { Diff } from '../ui/diff'
import { Findings } from '../ui/draft'
import { Badge, Button, Fault, Foreign, Modal, Time } from '../ui/kit'
import { attempt, say } from '../ui/toast'

interface Proposal {
  id: string
  time: string
  by: { name: string }
  note?: string
  diff: string
  guarded?: { kind: string; name: string; what: string }[]
}

/** Proposals are the edits that wait for a second person. */
export function Proposals() {
  const { data } = useResource<Proposal[]>('/policy/proposals')
  const [open, setOpen] = useState<Proposal | null>(null)
  const who = useWho()
  const may = useMay()
  if (!data || data.length === 0) return null
  return (
    <section className="panel" aria-label="Edits that wait for a second person">
      <header className="panel-head"><h2>{plural(data.length, 'edit')} {data.length === 1 ? 'waits' : 'wait'} for a second person</h2></header>
      <ul className="lines">
        {data.map((p) => (
          <li key={p.id} className="line">
            <span>
              <strong><Foreign text={p.by.name} /></strong> <span className="quiet"><Time at={p.time} /></span> <Foreign text={p.note ?? ''} />
              {(p.guarded ?? []).length > 0 && <Badge tone="ask">for admins</Badge>}
            </span>
            <Button onClick={() => setOpen(p)}>{may('editor') && p.by.name !== who?.person.name ? 'Look and apply' : 'Look'}</Button>
          </li>
        ))}
      </ul>
      {open && <Second p={open} own={open.by.name === who?.person.name} onClose={() => setOpen(null)} />}
    </section>
  )
}

/** Second shows what a proposal would do now, and applies it. */
function Second({ p, own, onClose }: { p: Proposal; own: boolean; onClose: () => void }) {
  const may = useMay()
  const [now, setNow] = useState<Preview | null>(null)
  const [round, setRound] = useState(0)
  const [fault, setFault] = useState<Problem | null>(null)
  const [busy, setBusy] = useState(false)
  const editor = may('editor')
  useEffect(() => {
    if (editor) get<{ preview: Preview }>(`/policy/proposals/${p.id}`).then((got) => setNow(got.preview), (err) => setFault(problem(err)))
  }, [editor, p.id, round])
  const apply = async () => {
    setBusy(true)
    setFault(null)
    try {
      const got = await post<{ revision: Revision }>(`/policy/proposals/${p.id}/apply`, undefined, { headers: { 'If-Match': `"${now!.base}"` } })
      say(`Revision ${got.revision.number} is in force`)
      onClose()
      changed('/policy', '/services', '/connections', '/roles', '/status', '/agents')
    } catch (err) {
      setFault(problem(err))
      setRound(round + 1) // against what is in force by now
    } finally {
      setBusy(false)
    }
  }
  const reject = () =>
    attempt(() => del(`/policy/proposals/${p.id}`), 'It waits no more').then((ok) => {
      changed('/policy/proposals')
      if (ok) onClose()
    })
  return (
    <Modal title={`An edit by ${p.by.name}`} note={p.note} open wide onClose={onClose}>
      <div className="review">
        {(now?.findings ?? []).length > 0 && <Findings list={now!.findings!} />}
        {(now?.guarded ?? p.guarded ?? []).length > 0 && (
          <div className="warn-box">
            <p><strong>Only an admin may apply this:</strong></p>
            <ul>{(now?.guarded ?? p.guarded)!.map((g, i) => <li key={i}>{g.kind} <strong><Foreign text={g.name} /></strong> <Foreign text={g.what} /></li>)}</ul>
          </div>
        )}
        <Diff text={now?.diff || p.diff} label="What changes" />
        {now && <p className="quiet small">Against the policy as it is now; {plural(now.tests, 'test block')} passed.</p>}
        {own && <p className="quiet">You wrote it: somebody else applies it.</p>}
        {fault && <Fault problem={fault} />}
        <footer className="dialog-foot">
          {may('editor') && <Button onClick={() => void reject()}>{own ? 'Withdraw it' : 'Reject it'}</Button>}
          <Button onClick={onClose}>Close</Button>
          {may('editor') && !own && <Button look="main" busy={busy} disabled={!now?.ok} onClick={() => void apply()}>Apply</Button>}
        </footer>
      </div>
    </Modal>
  )
}
