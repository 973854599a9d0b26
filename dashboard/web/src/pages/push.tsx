import { useEffect, useState } from 'react'
import { post } from '../lib/api'
import { cannot, here, turnOff, turnOn, type Browse, type PushStanding } from '../lib/push'
import { changed, useResource } from '../lib/resource'
import { useWho } from '../lib/who'
import { Badge, Button, Fault, Foreign, Panel, sentence, Skeleton, Time, Until } from '../ui/kit'
import { attempt } from '../ui/toast'

/** PushPanel turns notices of asks on and off, for this browser and others. */
export function PushPanel() {
  const { data, error, reload } = useResource<PushStanding>('/push')
  const who = useWho()
  const [own, setOwn] = useState('')
  const [busy, setBusy] = useState(false)
  useEffect(() => {
    void here().then(setOwn)
  }, [data])
  const why = cannot() || (data?.why ? sentence(data.why) : '')
  const on = data?.browsers.some((b) => b.id === own)
  const start = async () => {
    setBusy(true)
    await attempt(() => turnOn(data!.key!), 'This browser is told when an agent asks')
    setBusy(false)
    changed('/push')
  }
  const stop = (b: Browse) => attempt(() => turnOff(b.id), `${b.browser || 'The browser'} is told nothing more`).then(() => changed('/push'))
  const test = (b: Browse) => attempt(() => post(`/push/${b.id}/test`), 'A notice is on its way').then(() => changed('/push'))
  return (
    <Panel title="Notices of asks" tools={data?.key && !why && !on && <Button busy={busy} onClick={() => void start()}>Tell this browser</Button>}>
      <p className="quiet">
        A browser that is told shows a notice when an agent asks what you may answer, with the page closed, too. It says which agent asks, at which service and with which verb, such as DELETE, and nothing more.
        {who?.session ? ' It is told while its login holds: two hours from when these pages were last used there, twelve hours in all, and again when you log in there the next time.' : ' It is told for thirty days from when these pages were last open there.'}
      </p>
      {why && <p className="quiet">{why}</p>}
      {error ? <Fault problem={error} retry={reload} /> : !data ? <Skeleton lines={2} /> : (
        <ul className="lines">
          {data.browsers.map((b) => (
            <li key={b.id} className="line">
              <span>
                <strong><Foreign text={b.browser || b.service} /></strong> {b.id === own && <Badge tone="accent">this one</Badge>}{' '}
                <span className="quiet">
                  {b.name !== who?.person.name && <><Foreign text={b.name} />, </>}since <Time at={b.created} />
                  {b.told && <>, told last <Time at={b.told} /></>}
                  {b.until ? <>, is told <Until at={b.until} /></> : ', not told now: its login is over'}
                </span>
                {b.problem && <span className="reason-line"><Foreign text={b.problem} /></span>}
              </span>
              <span className="row-tools">
                {b.name === who?.person.name && b.until && <Button onClick={() => void test(b)}>Try it</Button>}
                <Button onClick={() => void stop(b)}>Turn off</Button>
              </span>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  )
}
