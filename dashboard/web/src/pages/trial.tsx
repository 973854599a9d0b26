import { useMemo, useState } from 'react'
import { heldBack } from '../lib/command'
import { useResource } from '../lib/resource'
import { go, usePlace } from '../lib/router'
import { beginTrial, trialDraft, trialOf, type TrialForm } from '../lib/trial'
import type { ActionRecord, Explanation, Role, SourceText, Verdict } from '../lib/types'
import { Outcome, useChecked } from '../ui/draft'
import { Empty, Fault, Field, Link, PageHead, Panel, Skeleton, VerdictBadge } from '../ui/kit'
import { say } from '../ui/toast'

/** TrialPage makes a test of a recorded action: whoever changes the rules later must
 * come to the same verdict, or say so. */
export function TrialPage() {
  const { query } = usePlace()
  const from = query.get('from') ?? ''
  const bare = useResource<ActionRecord>(from ? `/actions/${encodeURIComponent(from)}` : null)
  const all = useResource<ActionRecord>(bare.data && heldBack(bare.data) ? `/actions/${encodeURIComponent(from)}/whole` : null)
  const waits = bare.data && heldBack(bare.data) && !all.data && !all.error // who may not read the body makes the test without it
  const action = { error: bare.error, data: waits ? undefined : (all.data ?? bare.data) }
  const why = useResource<{ now: Explanation }>(from ? `/actions/${encodeURIComponent(from)}/why` : null)
  const source = useResource<SourceText>('/policy')
  const roles = useResource<Role[]>('/roles')
  const error = action.error ?? source.error ?? roles.error
  const trial = action.data && trialOf(action.data)
  return (
    <>
      <PageHead title="New test" note="from a recorded action">
        <Link className="button" to={`/actions/${encodeURIComponent(from)}`}>The action</Link>
      </PageHead>
      {error ? (
        <Fault problem={error} />
      ) : !from ? (
        <Empty title="A test is made from an action">Open one under <Link to="/activity">Activity</Link>.</Empty>
      ) : !action.data || !trial || !source.data || !roles.data || (!why.data && !why.error) ? (
        <Skeleton lines={8} />
      ) : 'why' in trial ? (
        <Empty title="No test can be made of it">{trial.why}</Empty>
      ) : (
        <Form r={action.data} attributes={trial.attributes} short={trial.short} source={source.data} all={roles.data.map((x) => x.name)} had={why.data?.now.roles ?? action.data.agent.roles ?? []} />
      )}
    </>
  )
}

interface Props {
  r: ActionRecord
  attributes: Record<string, unknown>
  short?: string
  source: SourceText
  all: string[]
  had: string[]
}

function Form({ r, attributes, short, source, all, had }: Props) {
  const [f, setForm] = useState<TrialForm>(() => beginTrial(r, had.filter((x) => all.includes(x))))
  const set = (patch: Partial<TrialForm>) => setForm({ ...f, ...patch })
  const complete = f.name.trim() !== '' && f.roles.length > 0
  const draft = useMemo(() => (complete ? trialDraft(f, r, attributes) : null), [f, complete, r, attributes])
  const check = useChecked(draft, source.revision)
  return (
    <div className="rule-page">
      <Panel title="The test" tools={<span className="quiet small">{(r.asks ?? []).length > 0 && 'it was asked, and '}it came to <VerdictBadge verdict={r.verdict} /> then</span>}>
        <Field label="Name" note="What the check says when it fails.">
          {(id, by) => <input id={id} aria-describedby={by} value={f.name} onChange={(e) => set({ name: e.target.value })} autoComplete="off" />}
        </Field>
        <Field label="Must come to">
          {(id, by) => (
            <select id={id} aria-describedby={by} value={f.expect} onChange={(e) => set({ expect: e.target.value as Verdict })}>
              <option>allow</option>
              <option>ask</option>
              <option>deny</option>
            </select>
          )}
        </Field>
        <fieldset className="field">
          <legend>For an agent in</legend>
          <div className="checks-row">
            {all.map((x) => (
              <label key={x} className="check">
                <input type="checkbox" checked={f.roles.includes(x)} onChange={(e) => set({ roles: e.target.checked ? [...f.roles, x] : f.roles.filter((y) => y !== x) })} />
                {x}
              </label>
            ))}
          </div>
          <p className="field-note">{f.roles.length === 0 ? 'A test needs a role.' : ''}</p>
        </fieldset>
        <label className="check">
          <input type="checkbox" checked={f.at} onChange={(e) => set({ at: e.target.checked })} />
          At the time when it happened, for rules that look at the clock.
        </label>
        {short && <p className="warn-line small">{short}</p>}
      </Panel>
      <Outcome
        check={check}
        lack={draft ? '' : f.roles.length === 0 ? 'Choose a role.' : 'Give it a name.'}
        text
        base={source.revision}
        onBack={() => go(`/actions/${encodeURIComponent(r.id)}`)}
        onTaken={(n) => {
          say(`Revision ${n} is in force`)
          go('/policy?view=history')
        }}
      />
    </div>
  )
}
