// What the API answers, as far as the pages read it.

export type Verdict = 'allow' | 'ask' | 'deny'

/** A recorded action without what only its own page shows. */
export interface Row {
  seq: number
  id: string
  time: string
  session?: string
  agent: { id?: string; name?: string; user?: string }
  service?: string
  protocol?: string
  host?: string
  dst?: string
  kind: string
  method?: string
  summary?: string
  verdict?: Verdict
  rule?: string
  reason?: string
  outcome?: string
  status?: string
  error?: string
  rows?: number
  sent?: number
  received?: number
  duration_ns?: number
  would?: string[]
  missing?: number
}

export interface Part {
  effects?: string
  control?: boolean
  facts?: Record<string, unknown>
}

export interface Ask {
  rule?: string
  reason?: string
  approvers?: string[]
}

export interface ActionRecord extends Row {
  prev: string
  hash?: string
  recorded: string
  agent: Row['agent'] & { tags?: string[]; roles?: string[]; addr?: string }
  parts?: Part[]
  asks?: Ask[]
  upstream?: string
  injected?: boolean
  sample?: string
  hidden?: number
  digest?: string
}

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

export interface Need {
  approver: string // "" is any operator who may approve
  require: number
  have?: string[]
}

export interface Scope {
  kind?: 'once' | 'exact' | 'similar'
  for?: number // nanoseconds
  times?: number
}

export interface Vote {
  person: { name: string; via: string }
  yes: boolean
  note?: string
  time: string
  scope?: Scope
}

export interface Grant {
  kind: 'exact' | 'similar'
  until: string
  left?: number
  counted?: boolean
  revoked?: string
}

export interface Approval {
  id: string
  state: 'pending' | 'approved' | 'denied' | 'timed out' | 'cancelled'
  agent: string
  user?: string
  session?: string
  service: string
  host?: string
  kind: string
  summary: string
  sample?: string
  hidden_bytes?: number
  digest?: string
  alike?: string
  rules?: string[]
  reasons?: string[]
  judges?: string[]
  needs?: Need[]
  votes?: Vote[]
  waiting?: number
  again?: boolean
  created: string
  expires: string
  answered?: string
  by?: string
  note?: string
  break_glass?: boolean
  used?: string
  grant?: Grant
}

export interface Agent {
  name: string
  id: string
  roles?: string[]
  address: string
  state: 'active' | 'waiting' | 'frozen' | 'expired'
  node?: string
  user?: string
  tags?: string[]
  created: string
  expires?: string
  link: { last_handshake?: string; received_bytes: number; sent_bytes: number }
  manifest_markdown?: string
  manifest?: Manifest
}

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

export interface Enrolled {
  agent: Agent
  config: string
  notice?: string
}

export interface Secret {
  name: string
  version?: number
  created?: string
  source: string
  problem?: string
}

export interface Status {
  version: string
  started: string
  ready: string
  config: string
  loaded: string
  config_error?: string
  services: number
  rules: number
  agents: number
  open_connections?: Record<string, number>
  pending_approvals: number
  wireguard?: string
  public_key?: string
  address?: string
  tailnet?: Tailnet
  warnings?: string[]
  account_warnings?: Record<string, string[]>
}

export interface Tailnet {
  state: string
  name?: string
  tailnet?: string
  addresses?: string[]
  hostname: string
  tags?: string[]
  routes?: string[]
  refused?: string[]
  expiry?: string
  https: boolean
  problems?: string[]
}

export interface VerifyReport {
  records: number
  first: number
  last: number
  months: string[]
  dropped?: string[]
  signed: number
  signed_at?: string
  problems?: { seq?: number; what: string }[]
}

export type Right = 'viewer' | 'approver' | 'editor' | 'admin'

export interface Caller {
  person: { name: string; groups?: string[]; via: string }
  rights: Right[]
  from: string
  session?: string
  fresh: boolean
  shared?: boolean
}

/** Standing is who asks, and how somebody unproven can log in. */
export interface Standing {
  caller?: Caller
  login: string[]
  step_up: string[]
  setup: boolean
  agent?: boolean
  notes?: string[]
}

export interface Deed {
  seq: number
  time: string
  who: string
  via?: string
  from: string
  session?: string
  what: string
  on?: Record<string, string>
  notes?: Record<string, string>
  status?: number
  error?: string
  prev: string
}

export interface Operators {
  local: { name: string; rights: Right[] | null; created: string; password: boolean; passkeys?: string[] }[]
  config: Record<string, string[] | null> | null
}

export interface Token {
  id: string
  name: string
  owner: { name: string; via: string }
  scope: Right[]
  created: string
  expires: string
}

export interface SourceText {
  revision: string
  number: number
  files: { name: string; text: string; fixed?: string }[]
  blocks: { kind: string; name?: string; file: string; line: number; end: number; host?: boolean; hcl: string }[]
}

export interface Finding {
  severity: string
  summary: string
  detail?: string
  file?: string
  new?: boolean
  start?: { line: number; column: number; offset: number }
  end?: { line: number; column: number; offset: number }
}

export interface Preview {
  ok: boolean
  base: string
  revision: string
  diff: string
  files: string[]
  findings?: Finding[]
  guarded?: { kind: string; name: string; what: string }[]
  tests: number
}

export interface Revision {
  number: number
  revision: string
  time: string
  by: string
  origin: string
  to?: number
  note?: string
  changed: string[]
  diff?: string
  files?: Record<string, string>
}

export interface Impact {
  replayed: number
  groups: { old: Verdict; new: Verdict; count: number }[] | null
  changes: { id: string; time: string; agent: string; service: string; summary: string; old: Verdict; new: Verdict; rule?: string; reason?: string }[] | null
  left_off?: number
  cannot_tell: number
  cut?: boolean
}

/** A Block is the inside of a block as values; {ref: "service.x"} is a reference. */
export interface BlockValues {
  attributes: Record<string, unknown>
}

export type Draft =
  | { files: Record<string, string> }
  | { rollback: number }
  | { edits: { op: string; kind: string; name: string; block?: BlockValues }[] }
