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
          <Facts rows={[
            ['Kept for', `${span(h.keep_seconds)}; older months are dropped whole (keep in the record block of the gateway)`],
            ['Oldest record', h.oldest ? <span key="o">{count(h.oldest.seq)}, <Time at={h.oldest.time} /></span> : 'none yet'],
            ['Newest record', h.newest && <span key="n">{count(h.newest.seq)}, <Time at={h.newest.time} /></span>],
            ['Last checkpoint', h.checkpoint ? <span key="c">signed up to {count(h.checkpoint.seq)}, <Time at={h.checkpoint.time} /></span> : 'none yet; the end is signed every minute'],
            ['Size', `${bytes(h.bytes)}, of which records ${bytes(h.record_bytes)}`],
            ['Journal', `${bytes(h.journal_bytes)}; ${count(h.running)} running, ${count(h.waiting)} to be written`],
            ['Not recorded', h.lost + h.failures > 0 ? <Badge key="l" tone="deny">{`${count(h.lost)} lost, ${count(h.failures)} writes failed since the start`}</Badge> : 'nothing since the start'],
            ['When it cannot record', h.strict ? 'no action begins (strict)' : 'actions go on, and a gap record stands for what is lost'],
            ['Directory', <code key="d">{h.directory}</code>],
          ]} />
      )}
    </Panel>
  )
}

function span(seconds: number): string {
  const days = seconds / 86_400
  return days >= 2 && Number.isInteger(days) ? `${count(days)} days` : `${count(Math.round(seconds / 3600))} hours`
}
