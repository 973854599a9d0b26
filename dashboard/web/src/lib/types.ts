// What the API answers, as far as the pages read it: taken from its document, by
// way of schema.ts, and here and there said more exactly than a schema does.
import type { Routes, Schemas } from './schema'

/** Exact is T with some of its fields said more exactly; a field that the API has
 * no more is an error. */
type Exact<T, F extends { [K in keyof F]: K extends keyof T ? unknown : never }> = Omit<T, keyof F> & F

/** Answer is what a route answers. */
export type Answer<R extends keyof Routes> = Routes[R]['out']

type One<L> = L extends (infer T)[] ? T : never

export type Verdict = 'allow' | 'ask' | 'deny'

/** A recorded action without what only its own page shows. */
export type Row = Exact<One<Answer<'GET /actions/rows'>>, { verdict?: Verdict }>

export type Part = Schemas['record.Part'] & { facts?: Record<string, unknown> }

export type Ask = Schemas['record.Ask']

export type ActionRecord = Exact<Answer<'GET /actions/{id}'>, { verdict?: Verdict; parts?: Part[] }>

// How rules judge is the policy's own word: the document leaves it open.

export interface CheckStep {
  what: string
  value: string
  matches: string
  depth?: number
}

export interface RuleTrace {
  rule: string
  verdict: string
  outcome: string
  because: string
  checks?: CheckStep[]
}

export interface PartTrace {
  effects: string
  operations?: string[]
  control?: boolean
  posture: string
  verdict: string
  rules?: RuleTrace[]
}

export interface Explanation {
  decision: { verdict: Verdict; rule?: string; reason?: string; asks?: Ask[]; would?: string[] }
  service?: string
  refused?: string
  roles?: string[]
  parts?: PartTrace[]
  silent?: string[]
  unsure?: string
}

export type Scope = Exact<Schemas['scope.Scope'], { kind?: 'once' | 'exact' | 'similar' }>

type Asked = One<Answer<'GET /approvals'>>

export type Need = One<NonNullable<Asked['needs']>>

export type Vote = Exact<One<NonNullable<Asked['votes']>>, { scope?: Scope }>

export type Grant = Exact<NonNullable<Asked['grant']>, { kind: 'exact' | 'similar' }>

export type Approval = Exact<
  Asked,
  { state: 'pending' | 'approved' | 'denied' | 'timed out' | 'cancelled'; votes?: Vote[]; grant?: Grant }
>

export type Agent = Exact<Answer<'GET /agents/{name}'>, { state: 'active' | 'waiting' | 'frozen' | 'expired'; manifest?: Manifest }>

export interface Manifest {
  agent: string
  roles: string[]
  services: ManifestService[]
}

export interface ManifestService {
  name: string
  protocol: string
  description?: string
  hosts: string[]
  databases?: string[]
  credential: string
  allowed?: string[]
  asked?: string[]
  denied?: string[]
  rules?: { name: string; verdict: string; about: string; reason?: string }[]
}

export type Enrolled = Exact<Answer<'POST /agents'>, { agent: Agent }>

export type Secret = One<Answer<'GET /secrets'>>

export type Service = One<Answer<'GET /services'>>

export type Preset = One<Answer<'GET /presets'>>

/** Contact is how far the gateway came on its way to a service. */
export type Contact = Exact<Answer<'POST /services/{name}/test'>, { steps: Exact<Schemas['action.Step'], { state: 'ok' | 'failed' | 'unsure' | 'skipped' }>[] }>

export type View = One<Answer<'GET /views'>>

export type Role = One<Answer<'GET /roles'>>

export type Status = Answer<'GET /status'>

export type Tailnet = Schemas['dashboard.Tailnet']

export type VerifyReport = Answer<'GET /audit/verify'>

export type Right = Schemas['route.Caller']['rights'][number]

export type Caller = Schemas['route.Caller']

/** Standing is who asks, and how somebody unproven can log in. */
export type Standing = Answer<'GET /session'>

export type Deed = Schemas['deeds.Entry']

export type Operators = Answer<'GET /operators'>

export type Token = One<Answer<'GET /tokens'>>

export type SourceText = Answer<'GET /policy'>

export type Finding = Schemas['action.Finding']

export type Preview = Answer<'POST /policy/check'>

export type Revision = Answer<'GET /policy/history/{number}'>

type Shift = { old: Verdict; new: Verdict }

export type Impact = Exact<
  Answer<'POST /policy/impact'>,
  { groups: Exact<Schemas['action.ImpactGroup'], Shift>[] | null; changes: Exact<Schemas['action.Change'], Shift>[] | null }
>

/** BlockValues are the inside of a block as values; {ref: "service.x"} is a reference. */
export type BlockValues = Schemas['action.Block'] & { attributes: Record<string, unknown> }

export type Draft =
  | { files: Record<string, string> }
  | { rollback: number }
  | { edits: (Exact<Schemas['action.Edit'], { op: 'add' | 'put' | 'replace' | 'remove' }>)[] }

/** A sketch is the edit that would answer an ask for good. */
export type Sketch = Answer<'GET /approvals/{id}/draft'>

/** A passage is a piece of all that an ask would send. */
export type Passage = Answer<'GET /approvals/{id}/whole'>

/** A block that is in force, with its values. */
export type StandingBlock = Answer<'GET /policy/blocks/{kind}/{name}'>

export type Sheets = Answer<'POST /policy/format'>

export type Proposals = Answer<'POST /policy/complete'>

export type Proposed = Proposals['items'][number]

export type Holding = Answer<'GET /store'>
