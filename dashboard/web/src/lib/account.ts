// The accounts that a service can take, as a form has them and as an edit by values
// writes them.

/** A Part is one thing that an account is made of. */
export interface Part {
  key: string
  label: string
  is?: 'secret' | 'list' | readonly [value: string, label: string][]
  may?: boolean // it may stay empty
  end?: string // of the usual name of this secret
  note?: string
  eg?: string
}

export interface Kind {
  id: string
  label: string
  on: 'http' | 'postgres'
  call: string
  note?: string
  fixed?: Record<string, string> // of an object
  object?: boolean // the parts are entries of one object
  bare?: boolean // it goes out in the handshake, where no dummy can stand
  parts: Part[]
}

const secret = (key: string, label: string, end = '', more: Partial<Part> = {}): Part => ({ key, label, is: 'secret', end, ...more })

const https = 'https://id.example.com/oauth/token'
const client: Part[] = [
  { key: 'token_url', label: 'Token URL', eg: https },
  { key: 'client_id', label: 'Client id' },
]
const how: Part = { key: 'client_auth', label: 'The client shows its secret', is: [['', 'in a header (basic)'], ['body', 'in the body']], may: true }
const scopes: Part = { key: 'scopes', label: 'Scopes', is: 'list', may: true, eg: 'read:issues, write:issues' }

/** person are the parts of a flow in which somebody agrees. */
const person = (page: string, label: string): Part[] => [
  { key: 'issuer', label: 'Issuer', may: true, eg: 'https://id.example.com', note: 'It says where the rest is, so that the rest may stay empty.' },
  { key: 'resource', label: 'Resource', may: true, eg: 'https://mcp.example.com/mcp', note: 'An MCP server says where its issuer is.' },
  { key: page, label, may: true, eg: `https://id.example.com/${page === 'device_url' ? 'device' : 'authorize'}` },
  { ...client[0]!, may: true },
  { ...client[1]!, may: true, note: 'Empty: the gateway registers itself, where the issuer lets it.' },
  secret('client_secret', 'Client secret', '', { may: true, note: 'Empty for a client without one.' }),
  secret('refresh_token', 'Refresh token', '', { note: 'Nobody types its value: Connect gives it one.' }),
  scopes,
  { key: 'audience', label: 'Audience', may: true },
  how,
]

const rds: Part[] = [
  secret('key', 'Access key id', '_key_id'),
  secret('secret', 'Secret access key'),
  { key: 'role_arn', label: 'Role to assume', may: true, eg: 'arn:aws:iam::123456789012:role/agent' },
  { key: 'region', label: 'Region', may: true, note: 'Empty: as the host says.' },
]

export const kinds: readonly Kind[] = [
  { id: 'bearer', label: 'Bearer token', on: 'http', call: 'bearer', parts: [secret('secret', 'Secret')] },
  { id: 'header', label: 'A header', on: 'http', call: 'header', parts: [{ key: 'name', label: 'Header', eg: 'X-Api-Key' }, secret('secret', 'Secret')] },
  { id: 'basic', label: 'User and password', on: 'http', call: 'basic', parts: [{ key: 'name', label: 'User' }, secret('secret', 'Secret'), { key: 'also', label: 'In this header as well', may: true, eg: 'PRIVATE-TOKEN' }] },
  { id: 'query', label: 'A parameter of the query', on: 'http', call: 'query', parts: [{ key: 'name', label: 'Parameter', eg: 'key' }, secret('secret', 'Secret')] },
  { id: 'cookie', label: 'A cookie', on: 'http', call: 'cookie', parts: [{ key: 'name', label: 'Cookie', eg: 'session' }, secret('secret', 'Secret')] },
  {
    id: 'oauth_client', label: 'OAuth: the client’s own account (client credentials)', on: 'http', call: 'oauth2', object: true, fixed: { flow: 'client_credentials' },
    parts: [...client, secret('client_secret', 'Client secret'), scopes, { key: 'audience', label: 'Audience', may: true }, how],
  },
  {
    id: 'oauth_refresh', label: 'OAuth: a refresh token that you have', on: 'http', call: 'oauth2', object: true, fixed: { flow: 'refresh_token' },
    parts: [...client, secret('client_secret', 'Client secret', '', { may: true, note: 'Empty for a client without one.' }), secret('refresh_token', 'Refresh token'), scopes, how],
  },
  {
    id: 'oauth_code', label: 'OAuth: a person agrees in the browser', on: 'http', call: 'oauth2', object: true, fixed: { flow: 'authorization_code' },
    note: 'When it is taken, Connect leads to the provider, and what is agreed there is sealed here.', parts: person('authorize_url', 'Authorisation URL'),
  },
  {
    id: 'oauth_device', label: 'OAuth: a person types a code (device)', on: 'http', call: 'oauth2', object: true, fixed: { flow: 'device_code' },
    note: 'When it is taken, Connect shows a code to type at the provider.', parts: person('device_url', 'Device URL'),
  },
  { id: 'mtls', label: 'Client certificate (mTLS)', on: 'http', call: 'mtls', bare: true, parts: [secret('cert', 'Certificate', '_cert', { note: 'PEM, with its chain.' }), secret('secret', 'Its key', '_key', { note: 'PEM.' })] },
  { id: 'aws', label: 'AWS signature (SigV4)', on: 'http', call: 'aws_sigv4', object: true, parts: rds },
  {
    id: 'github_app', label: 'GitHub App', on: 'http', call: 'github_app', object: true,
    parts: [{ key: 'app_id', label: 'App id', eg: '123456' }, { key: 'installation', label: 'Installation id', eg: '7654321' }, secret('key', 'Private key', '', { note: 'The .pem file of the App.' }), { key: 'api', label: 'API', may: true, eg: 'https://api.github.com', note: 'Only for a server of your own.' }],
  },
  { id: 'gcp', label: 'Google service account', on: 'http', call: 'gcp_service_account', parts: [secret('secret', 'Key file', '', { note: 'The JSON file of the service account.' }), { ...scopes, eg: 'https://www.googleapis.com/auth/cloud-platform' }] },
  {
    id: 'password', label: 'User and password', on: 'postgres', call: 'password',
    parts: [{ key: 'name', label: 'User', eg: 'agent_ro' }, secret('secret', 'Secret'), { key: 'least', label: 'Proved by at least', is: [['', 'whatever the server asks'], ['md5', 'MD5'], ['scram-sha-256', 'SCRAM-SHA-256'], ['scram-sha-256-plus', 'SCRAM-SHA-256, bound to TLS']], may: true }],
  },
  { id: 'pg_mtls', label: 'Client certificate (mTLS)', on: 'postgres', call: 'mtls', bare: true, parts: [{ key: 'name', label: 'User' }, secret('cert', 'Certificate', '_cert', { note: 'PEM, with its chain.' }), secret('secret', 'Its key', '_key', { note: 'PEM.' })] },
  { id: 'rds', label: 'AWS RDS, a token of IAM', on: 'postgres', call: 'aws_sigv4', object: true, bare: true, parts: [{ key: 'user', label: 'User' }, ...rds, { key: 'endpoint', label: 'Endpoint', may: true, note: 'Empty: as the host says.' }] },
]

/** An Account as it is filled in. kind is one of the kinds, "none", "preset" (as the
 * preset has it) or "keep" (as it stands). */
export interface Account {
  kind: string
  values: Record<string, string>
  dummy: string // the variable in which agents hold a placeholder; '': none
}

export const account = (kind: string, values: Record<string, string> = {}): Account => ({ kind, values, dummy: '' })

export const kindOf = (a: Account) => kinds.find((k) => k.id === a.kind)

const nameRule = /^[a-zA-Z_][a-zA-Z0-9_-]*$/
export const isName = (s: string) => nameRule.test(s)

const items = (s: string) => s.split(/[,\s]+/).filter(Boolean)

/** valueOf is what a part says; a secret that is not named has its usual name. */
export function valueOf(a: Account, p: Part, base: string): string {
  const v = (a.values[p.key] ?? '').trim()
  return v === '' && p.is === 'secret' && !p.may ? usual(p, base) : v
}

export const usual = (p: Part, base: string) => (p.is === 'secret' ? base + (p.end ?? '') : '')

/** wants says what an account still lacks; '' when nothing. */
export function wants(a: Account, base: string): string {
  for (const p of kindOf(a)?.parts ?? []) {
    const v = valueOf(a, p, base)
    if (v === '' && !p.may) return `Fill in: ${p.label}.`
    if (v !== '' && p.is === 'secret' && !isName(v)) return `${p.label}: the name of a secret is made of letters, digits, _ and -, and begins with a letter.`
  }
  const on = (key: string) => (a.values[key] ?? '').trim() !== ''
  if (/^oauth_(code|device)$/.test(a.kind) && !on('issuer') && !on('resource') && !(on('token_url') && on(a.kind === 'oauth_code' ? 'authorize_url' : 'device_url'))) {
    return 'Give the issuer, the resource, or both addresses of the provider.'
  }
  return ''
}

/** authOf is the account as an edit writes it; undefined is none. */
export function authOf(a: Account, base: string): unknown {
  const k = kindOf(a)
  if (!k) return undefined
  const said = k.parts.flatMap((p): [string, unknown][] => {
    const v = valueOf(a, p, base)
    return v === '' ? [] : [[p.key, p.is === 'secret' ? { ref: `secret.${v}` } : p.is === 'list' ? items(v) : v]]
  })
  const args = k.object ? [{ object: { ...k.fixed, ...Object.fromEntries(said) } }] : said.map(([, v]) => v)
  const auth = { call: k.call, args }
  return a.dummy.trim() && !k.bare && k.on === 'http' ? { call: 'placeholder', args: [a.dummy.trim(), auth] } : auth
}

/** byRole gives each role its own account. */
export const byRole = (accounts: [role: string, a: Account][], base: string): unknown => ({
  call: 'by_role',
  args: [{ object: Object.fromEntries(accounts.map(([role, a]) => [`role.${role}`, authOf(a, `${base}_${role}`)])) }],
})
