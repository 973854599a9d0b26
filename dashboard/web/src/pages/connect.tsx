import { useEffect, useState } from 'react'
import { post, problem } from '../lib/api'
import { changed } from '../lib/resource'
import type { Schemas } from '../lib/schema'
import { Button, Foreign, Modal } from '../ui/kit'
import { say } from '../ui/toast'

type Connection = Schemas['connect.Connection']

const lookEvery = 1500

/** ConnectForm has a person agree at the provider of an OAuth account. The provider's
 * page opens in a tab of its own; this one waits for what the gateway says. */
export function ConnectForm({ name, onClose }: { name: string; onClose: () => void }) {
  const [at, setAt] = useState<Connection | null>(null)
  const [error, setError] = useState('')
  const [busy, setBusy] = useState(false)
  const begin = async () => {
    setBusy(true)
    setError('')
    try {
      setAt(await post<Connection>(`/secrets/${encodeURIComponent(name)}/connect`, {}))
    } catch (err) {
      setError(problem(err).detail)
    }
    setBusy(false)
  }
  const id = at?.state === 'waiting' ? at.id : ''
  useEffect(() => {
    if (!id) return
    const stop = new AbortController()
    const timer = setInterval(() => {
      post<Connection>(`/connections/${encodeURIComponent(id)}`, {}, { signal: stop.signal })
        .then((now) => {
          if (now.state === 'waiting') return
          setAt(null)
          if (now.state === 'connected') {
            say(`${name} is connected`)
            changed('/secrets', '/status')
            onClose()
          } else setError(now.error ?? '')
        })
        .catch((err: unknown) => {
          if (!stop.signal.aborted) setError(problem(err).detail)
        })
    }, lookEvery)
    return () => {
      stop.abort()
      clearInterval(timer)
    }
  }, [id, name, onClose])
  return (
    <Modal title={`Connect ${name}`} open onClose={onClose} note="You agree at the provider; what it gives is sealed here, and nobody sees it.">
      {error && (
        <p role="alert" className="bad">
          <Foreign text={error.charAt(0).toUpperCase() + error.slice(1)} />
        </p>
      )}
      {!at ? error ? null : (
        <p>A page of the provider opens in another tab. Come back here when you have agreed.</p>
      ) : at.user_code ? (
        <p>
          Type the code <strong className="mono"><Foreign text={at.user_code} /></strong> at the page of <Foreign text={at.server} />.
        </p>
      ) : (
        <>
          <p>Open the page of <Foreign text={at.server} /> and agree there. The link is for this browser, and for {minutes(at.until)}.</p>
          <p className="quiet small">The provider must know this address to lead back to: <span className="mono"><Foreign text={at.redirect_uri ?? ''} /></span></p>
        </>
      )}
      <footer className="dialog-foot">
        <Button onClick={onClose}>{at ? 'Close' : 'Cancel'}</Button>
        {at ? (
          <a className="button main" href={at.link || at.page} target="_blank" rel="noreferrer">Open the page</a>
        ) : (
          <Button look="main" busy={busy} onClick={() => void begin()}>Begin</Button>
        )}
      </footer>
    </Modal>
  )
}

function minutes(until: string) {
  const n = Math.max(1, Math.round((new Date(until).getTime() - Date.now()) / 60000))
  return n === 1 ? 'a minute' : `${n} minutes`
}
