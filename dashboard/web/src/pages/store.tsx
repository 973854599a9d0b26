import { bytes, count } from '../lib/format'
import { useResource } from '../lib/resource'
import type { Holding } from '../lib/types'
import { Badge, Facts, Fault, Panel, Skeleton, Time } from '../ui/kit'

/** StorePanel says what the store holds, since when, and for how long. */
export function StorePanel() {
  const { data: h, error, reload } = useResource<Holding>('/store')
  return (
    <Panel title="Records and store">
      {error ? <Fault problem={error} retry={reload} /> : !h ? <Skeleton lines={7} /> : (
        <>
          <p className="quiet">
            Records are kept as long as <code>keep</code> of the record block says; months that are wholly older are dropped. {h.strict ? 'No action begins that cannot be recorded (strict).' : 'Actions go on while nothing can be recorded, and a gap record stands for what is lost.'}
          </p>
          <Facts rows={[
            ['Kept for', span(h.keep_seconds)],
            ['Oldest record', h.oldest ? <span key="o">number {count(h.oldest.seq)}, <Time at={h.oldest.time} /></span> : 'none yet'],
            ['Newest record', h.newest && <span key="n">number {count(h.newest.seq)}, <Time at={h.newest.time} /></span>],
            ['Last checkpoint', h.checkpoint ? <span key="c">signed up to number {count(h.checkpoint.seq)}, <Time at={h.checkpoint.time} /></span> : 'none is signed yet'],
            ['Size', bytes(h.bytes)],
            ['Of that, records', bytes(h.record_bytes)],
            ['Journal', `${bytes(h.journal_bytes)}, ${count(h.running)} under way, ${count(h.waiting)} to be written`],
            ['Not recorded', h.lost + h.failures > 0 ? <Badge key="l" tone="deny">{`${count(h.lost)} lost, ${count(h.failures)} writes failed since the start`}</Badge> : 'nothing since the start'],
            ['Directory', <code key="d">{h.directory}</code>],
          ]} />
        </>
      )}
    </Panel>
  )
}

function span(seconds: number): string {
  const days = seconds / 86_400
  return days >= 2 && Number.isInteger(days) ? `${count(days)} days` : `${count(Math.round(seconds / 3600))} hours`
}
