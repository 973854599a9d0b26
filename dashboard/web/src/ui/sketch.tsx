import { useResource } from '../lib/resource'
import { go } from '../lib/router'
import type { Sketch } from '../lib/types'
import { useMay } from '../lib/who'
import { Badge, Button, CopyButton, Fault, Foreign, Skeleton } from './kit'

export const sketchPath = (id: string) => `/approvals/${encodeURIComponent(id)}/draft`

/** Notes are what whoever takes a draft should know. */
export function Notes({ sketch, service }: { sketch: Sketch; service?: boolean }) {
  const list = sketch.notes ?? []
  return (
    <>
      {sketch.verdict && !service && (
        <p>
          With it, the likes of this {sketch.verdict === 'allow' ? <>pass: <Badge tone="allow">allow</Badge></> : <>come to <Badge tone={sketch.verdict === 'deny' ? 'deny' : 'ask'}>{sketch.verdict}</Badge></>}
        </p>
      )}
      {list.length > 0 && <ul className="notes">{list.map((n, i) => <li key={i}><Foreign text={n} /></li>)}</ul>}
    </>
  )
}

/** Handed shows a draft to somebody who may not take it. */
export function Handed({ sketch, to }: { sketch: Sketch; to: string }) {
  return (
    <>
      <p className="warn-line">You may answer, but only an editor changes the policy. Hand them this page; they see the same draft.</p>
      <p><CopyButton text={new URL(to, location.href).href} label="Copy the address" /></p>
      {sketch.hcl && <pre className="code" tabIndex={0} role="region" aria-label="The draft"><code>{sketch.hcl}</code></pre>}
      <Notes sketch={sketch} />
    </>
  )
}

/** Proposal shows the draft of a service that an agent asks for. */
export function Proposal({ id, done }: { id: string; done: boolean }) {
  const { data, error } = useResource<Sketch>(done ? null : sketchPath(id))
  const may = useMay()
  if (done) return <p><Badge tone="allow">done</Badge> The agent has such a service now.</p>
  if (error) return <Fault problem={error} />
  if (!data) return <Skeleton lines={4} />
  return (
    <section aria-label="The draft of the service">
      <h3>The draft</h3>
      {data.hcl && <pre className="code" tabIndex={0} role="region" aria-label="The draft"><code>{data.hcl}</code></pre>}
      <Notes sketch={data} service />
      {(data.draft.edits ?? []).length > 0 && (
        may('editor')
          ? <p><Button onClick={() => go(`/policy?ask=${encodeURIComponent(id)}`)}>Open it in the policy editor</Button></p>
          : <p className="quiet small">An editor takes it: they find it on this page.</p>
      )}
    </section>
  )
}
