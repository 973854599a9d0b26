import { useState } from 'react'
import { post } from '../lib/api'
import { plural } from '../lib/format'
import { term } from '../lib/query'
import { changed, useResource } from '../lib/resource'
import { useMay } from '../lib/who'
import { Button, Confirm } from '../ui/kit'
import { attempt, say } from '../ui/toast'

export const livePath = (id: string) => `/sessions?q=${encodeURIComponent(term('session', id))}`

/** EndSession closes what an agent has open in a session that goes on, or keeps the
 * agent out altogether. */
export function EndSession({ id, agent }: { id: string; agent: string }) {
  const may = useMay()
  const { data } = useResource<{ live: boolean }[]>(livePath(id))
  const [asking, setAsking] = useState<'' | 'end' | 'freeze'>('')
  if (!may('editor') || !data?.[0]?.live) return null
  const end = () =>
    attempt(async () => {
      const got = await post<{ connections: number }>(`/sessions/${encodeURIComponent(id)}/end`)
      say(`The session is over; ${plural(got.connections, 'connection')} closed`)
    }).then(() => changed('/sessions'))
  const freeze = () => attempt(() => post(`/agents/${encodeURIComponent(agent)}/freeze`), `${agent} is frozen`).then(() => changed('/agents', '/sessions'))
  return (
    <>
      <Button onClick={() => setAsking('end')}>End the session</Button>
      <Button onClick={() => setAsking('freeze')}>Freeze the agent</Button>
      <Confirm
        title="End this session?"
        note={`Every connection of ${agent} is closed at once. It may come back, in another session; to keep it out, freeze it.`}
        verb="End it"
        danger
        open={asking === 'end'}
        onClose={() => setAsking('')}
        act={end}
      />
      <Confirm
        title={`Freeze ${agent}?`}
        note="Its connections end, and it can do nothing until somebody unfreezes it."
        verb="Freeze"
        danger
        open={asking === 'freeze'}
        onClose={() => setAsking('')}
        act={freeze}
      />
    </>
  )
}
