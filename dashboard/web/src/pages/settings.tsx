import { useState } from 'react'
import { get, problem, type Problem } from '../lib/api'
import { count } from '../lib/format'
import { useResource } from '../lib/resource'
import { setTheme, useTheme, type Theme } from '../lib/theme'
import type { Status, VerifyReport } from '../lib/types'
import { Badge, Button, Facts, Fault, Foreign, PageHead, Panel, Skeleton, Time } from '../ui/kit'
import { Code } from '../ui/code'
import { AlertsPanel } from './alerts'
import { OutletsPanel } from './outlets'
import { StorePanel } from './store'
import { PushPanel } from './push'
import { OperatorsPanel, PasskeysPanel, TokensPanel } from './people'

export function SettingsPage() {
  const { data: s, error, reload } = useResource<Status>('/status')
  return (
    <>
      <PageHead title="Settings" />
      {error && <Fault problem={error} retry={reload} />}
      {!s && !error ? <Skeleton lines={8} /> : s && (
        <>
          <Panel title="Gateway">
            <Facts
              rows={[
                ['State', s.ready === 'ready' ? <Badge key="r" tone="allow">ready</Badge> : <span key="r" className="bad">{s.ready}</span>],
                ['Version', s.version],
                ['Started', <Time key="s" at={s.started} />],
                ['Configuration', <code key="c">{s.config}</code>],
                ['In force since', <Time key="l" at={s.loaded} />],
                ['Services', count(s.services)],
                ['Rules', count(s.rules)],
                ['Open connections', count(Object.values(s.open_connections ?? {}).reduce((a, b) => a + b, 0))],
              ]}
            />
            {s.config_error && <Code text={s.config_error} language="text" label="why the changed configuration is not taken" />}
          </Panel>
          <Panel title="Transports">
            {s.wireguard && (
              <Facts rows={[
                ['WireGuard', <code key="w">{s.wireguard}</code>],
                ['Public key', <code key="k">{s.public_key}</code>],
                ['Address inside', <code key="a">{s.address}</code>],
              ]} />
            )}
            {s.tailnet ? (
              <Facts rows={[
                ['Tailnet', <span key="t"><Badge tone={s.tailnet.state === 'Running' ? 'allow' : 'ask'}>{s.tailnet.state}</Badge> <Foreign text={s.tailnet.tailnet ?? ''} /></span>],
                ['Name', s.tailnet.name && <code key="n">{s.tailnet.name}</code>],
                ['Addresses', s.tailnet.addresses?.join(', ')],
                ['Tags', s.tailnet.tags?.join(', ')],
                ['Routes', s.tailnet.routes?.join(', ')],
                ['Not approved', s.tailnet.refused?.join(', ')],
                ['Key expires', s.tailnet.expiry && <Time key="e" at={s.tailnet.expiry} />],
                ['HTTPS', s.tailnet.https ? 'on' : 'off; passkeys and Web Push need it'],
                ['Past the gateway', s.tailnet.wide_open && <span key="w" className="bad">its policy lets <Foreign text={s.tailnet.wide_open.join(', ')} /> reach every address</span>],
              ]} />
            ) : (
              !s.wireguard && <p className="quiet">None.</p>
            )}
            <Problems list={s.tailnet?.problems ?? []} />
          </Panel>
          <PasskeysPanel />
          <PushPanel />
          <OperatorsPanel />
          <TokensPanel />
          <AlertsPanel />
          <OutletsPanel />
          <StorePanel />
          <AuditPanel />
          <ThemePanel />
        </>
      )}
    </>
  )
}

/** Problems are in the words of whoever has them. */
function Problems({ list }: { list: string[] }) {
  return list.length > 0 && (
    <ul className="lines">
      {list.map((p) => <li key={p} className="line"><span className="warn-line"><Foreign text={p} /></span></li>)}
    </ul>
  )
}

function AuditPanel() {
  const [report, setReport] = useState<VerifyReport | null>(null)
  const [error, setError] = useState<Problem | null>(null)
  const [busy, setBusy] = useState(false)
  const verify = async () => {
    setBusy(true)
    setError(null)
    try {
      setReport(await get<VerifyReport>('/audit/verify'))
    } catch (err) {
      setError(problem(err))
    } finally {
      setBusy(false)
    }
  }
  return (
    <Panel title="Audit log" tools={<Button busy={busy} onClick={() => void verify()}>Verify the chain</Button>}>
      <p className="quiet">Every record holds the hash of the one before, and the end is signed every minute. Verifying reads all of them.</p>
      {error && <Fault problem={error} />}
      {report && <Report report={report} />}
    </Panel>
  )
}

function Report({ report }: { report: VerifyReport }) {
  const bad = report.problems ?? []
  return (
    <>
      <Facts
        rows={[
          ['Result', bad.length === 0 ? <Badge key="b" tone="allow">as it was written</Badge> : <Badge key="b" tone="deny">{`${count(bad.length)} problems`}</Badge>],
          ['Records', count(report.records)],
          ['Numbers', `${count(report.first)} to ${count(report.last)}`],
          ['Signed', <span key="s">up to {count(report.signed)}{report.signed_at && <>, <Time at={report.signed_at} /></>}</span>],
          ['Months', (report.months ?? []).join(', ')],
          ['Dropped by retention', report.dropped?.join(', ')],
          ['Found unsigned at a start', report.found?.map((f) => `up to ${count(f.to)}`).join(', ')],
          ['Missing, accepted', report.accepted?.map((g) => `${count(g.from)} to ${count(g.to)}`).join(', ')],
        ]}
      />
      {bad.length > 0 && (
        <ul className="lines">
          {bad.map((p, i) => (
            <li key={i} className="line">{p.seq ? `${count(p.seq)}: ` : ''}<Foreign text={p.what} /></li>
          ))}
        </ul>
      )}
    </>
  )
}

function ThemePanel() {
  const theme = useTheme()
  return (
    <Panel title="Appearance">
      <fieldset className="field">
        <legend>Theme</legend>
        <div className="checks-row">
          {(['system', 'light', 'dark'] as Theme[]).map((t) => (
            <label key={t} className="check">
              <input type="radio" name="theme" checked={theme === t} onChange={() => setTheme(t)} />
              {t}
            </label>
          ))}
        </div>
      </fieldset>
    </Panel>
  )
}
