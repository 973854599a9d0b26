import { useEffect, useState } from 'react'
import { open, problem, type Problem } from '../lib/api'
import { cell, save } from '../lib/export'
import type { Deed } from '../lib/types'
import { Badge, Button, Empty, Fault, Foreign, PageHead, Skeleton, Time } from '../ui/kit'

/** AuditPage shows what operators did, newest first. */
export function AuditPage() {
  const [list, setList] = useState<Deed[] | null>(null)
  const [next, setNext] = useState('')
  const [error, setError] = useState<Problem | null>(null)
  const load = async (cursor: string) => {
    setError(null)
    try {
      const answer = await open(`/operators/audit?limit=100${cursor ? `&cursor=${cursor}` : ''}`)
      const page = ((await answer.json()) as Deed[] | null) ?? []
      setList((old) => (cursor ? [...(old ?? []), ...page] : page))
      setNext(answer.headers.get('Next-Cursor') ?? '')
    } catch (err) {
      setError(problem(err))
    }
  }
  useEffect(() => void load(''), [])
  const exported = () => save('operators.csv', 'text/csv', csv(list ?? []))
  return (
    <>
      <PageHead title="Operators' audit" note="Each entry holds the hash of the one before.">
        <Button icon="down" disabled={!list || list.length === 0} onClick={exported}>CSV</Button>
      </PageHead>
      {error && <Fault problem={error} retry={() => void load('')} />}
      {!list && !error ? (
        <Skeleton lines={10} />
      ) : list && list.length === 0 ? (
        <Empty title="No operator has done anything yet" command="sallyport operator log">Logins, answers, edits and secrets that were set are written down here.</Empty>
      ) : list && (
        <div className="panel table-box" tabIndex={0} role="region" aria-label="What operators did">
          <table className="table stack">
            <thead>
              <tr><th scope="col">When</th><th scope="col">Who</th><th scope="col">What</th><th scope="col">On</th><th scope="col">From</th><th scope="col">Result</th></tr>
            </thead>
            <tbody>
              {list.map((d) => (
                <tr key={d.seq}>
                  <td className="when"><Time at={d.time} /></td>
                  <th scope="row"><Foreign text={d.who} /> <span className="quiet small">{d.via}</span></th>
                  <td><Foreign text={said(d)} /></td>
                  <td className="small"><Foreign text={pairs({ ...d.on, ...d.notes })} /></td>
                  <td className="small quiet"><Foreign text={d.from} /></td>
                  <td>{undone(d) ? <span className="bad">{why(d)}{d.error && <>: <Foreign text={d.error} /></>}</span> : <Badge tone="allow">done</Badge>}</td>
                </tr>
              ))}
            </tbody>
          </table>
          {next && <p className="more"><Button onClick={() => void load(next)}>Earlier</Button></p>}
        </div>
      )}
    </>
  )
}

const pairs = (o: Record<string, string>) =>
  Object.entries(o)
    .filter(([, v]) => v !== '')
    .map(([k, v]) => `${k} ${v}`)
    .join(', ')

const known: Record<string, string> = {
  'POST /api/v1/agents': 'enrolled an agent',
  'DELETE /api/v1/agents/{name}': 'revoked an agent',
  'POST /api/v1/agents/{name}/freeze': 'froze an agent',
  'POST /api/v1/agents/{name}/unfreeze': 'unfroze an agent',
  'POST /api/v1/agents/freeze': 'froze every agent',
  'POST /api/v1/agents/unfreeze': 'unfroze every agent',
  'POST /api/v1/agents/{name}/rekey': 'gave an agent a new key',
  'POST /api/v1/agents/{name}/approve': 'let a node in',
  'PUT /api/v1/secrets/{name}': 'set a secret',
  'DELETE /api/v1/secrets/{name}': 'removed a secret',
  'POST /api/v1/secrets/{name}/rollback': 'rolled a secret back',
  'POST /api/v1/secrets/{name}/connect': 'began to connect an account',
  'POST /api/v1/connections/{id}/address': 'brought the address that connects an account',
  'POST /api/v1/key/rotate': 'gave the vault another key',
  'POST /api/v1/backup': 'made a backup',
  'POST /api/v1/services/{name}/test': 'tested a service',
  'POST /api/v1/sessions/{id}/end': 'ended a session',
  'POST /api/v1/policy/apply': 'changed the policy',
  'PUT /api/v1/policy/blocks/{kind}/{name}': 'put a block into the policy',
  'DELETE /api/v1/policy/blocks/{kind}/{name}': 'took a block out of the policy',
  'PUT /api/v1/policy/files/{file}': 'changed a file of the policy',
  'POST /api/v1/policy/history/{number}/rollback': 'rolled the policy back',
  'POST /api/v1/policy/proposals/{id}/apply': 'applied an edit of somebody else',
  'DELETE /api/v1/policy/proposals/{id}': 'took an edit that waited away',
  'POST /api/v1/outlets/{name}/test': 'tested a channel',
  'POST /api/v1/tailnet/logout': 'left the tailnet',
  'POST /api/v1/approvals/{id}/answer': 'answered an ask by webhook',
  'DELETE /api/v1/grants/{id}': 'ended a yes for longer',
  'POST /api/v1/approvals/{id}/approve': 'approved an action',
  'POST /api/v1/approvals/{id}/deny': 'denied an action',
  'GET /api/v1/approvals/{id}/whole': 'read an action in full',
  'GET /api/v1/actions': 'read recorded actions',
  'GET /api/v1/actions/rows': 'read recorded actions',
  'GET /api/v1/events': 'followed recorded actions',
  'GET /api/v1/actions.jsonl': 'exported recorded actions',
  'GET /api/v1/actions.har': 'exported recorded requests',
  'GET /api/v1/actions/{id}/whole': 'read a recorded action in full',
  'GET /api/v1/sessions': 'read the list of sessions',
  'PUT /api/v1/views/{name}': 'kept a view',
  'DELETE /api/v1/views/{name}': 'removed a view',
  'DELETE /api/v1/session': 'logged out',
  'POST /api/v1/audit/accept': 'accepted that records are missing',
  'POST /api/v1/operators': 'made an operator',
  'DELETE /api/v1/operators/{name}': 'removed an operator',
  'PUT /api/v1/operators/{name}/rights': "changed an operator's rights",
  'PUT /api/v1/operators/{name}/password': 'changed a password',
  'POST /api/v1/passkeys': 'registered a passkey',
  'DELETE /api/v1/passkeys/{name}': 'removed a passkey',
  'POST /api/v1/push': 'had a browser told of asks',
  'DELETE /api/v1/push/{id}': 'stopped telling a browser',
  'POST /api/v1/push/{id}/test': 'sent a browser a trial',
  'POST /api/v1/setup': 'became the first operator',
  login: 'logged in',
  'login with a passkey': 'logged in with a passkey',
  'step-up': 'proved who they are',
  'step-up with a passkey': 'proved who they are with a passkey',
  setup: 'became the first operator',
  connect: 'connected an account',
  'POST /api/v1/tokens': 'made an API token',
  'DELETE /api/v1/tokens/{name}': 'ended an API token',
}

const words = (what: string) => known[what] ?? what

// What somebody wanted to do who was refused, by the first of the words for it.
const doing: Record<string, string> = {
  accepted: 'accept',
  answered: 'answer',
  applied: 'apply',
  approved: 'approve',
  became: 'become',
  began: 'begin',
  brought: 'bring',
  changed: 'change',
  connected: 'connect',
  denied: 'deny',
  ended: 'end',
  enrolled: 'enrol',
  exported: 'export',
  followed: 'follow',
  froze: 'freeze',
  gave: 'give',
  had: 'have',
  kept: 'keep',
  left: 'leave',
  let: 'let',
  logged: 'log',
  made: 'make',
  proved: 'prove',
  put: 'put',
  read: 'read',
  registered: 'register',
  removed: 'remove',
  revoked: 'revoke',
  rolled: 'roll',
  sent: 'send',
  set: 'set',
  stopped: 'stop',
  tested: 'test',
  took: 'take',
  unfroze: 'unfreeze',
}

const undone = (d: Deed) => !!d.error || (d.status ?? 0) >= 400

/** said tells a deed, or that it was tried. */
function said(d: Deed): string {
  const did = words(d.what)
  if (!undone(d)) return did
  const space = did.indexOf(' ')
  const to = known[d.what] && doing[did.slice(0, space)]
  return to ? `tried to ${to}${did.slice(space)}` : `tried ${did}`
}

/** why says that a deed was not done: refused, or not possible. */
const why = (d: Deed) => `${(d.status ?? 0) >= 500 ? 'failed' : 'refused'}${d.status ? ` (${d.status})` : ''}`

function csv(list: Deed[]): string {
  const lines = ['seq,time,who,via,from,what,on,notes,status,error,prev']
  for (const d of list) {
    lines.push([d.seq, d.time, d.who, d.via, d.from, d.what, pairs(d.on ?? {}), pairs(d.notes ?? {}), d.status, d.error, d.prev].map(cell).join(','))
  }
  return lines.join('\r\n') + '\r\n'
}
