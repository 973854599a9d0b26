import { test } from 'node:test'
import assert from 'node:assert/strict'
import { account, authOf, kinds, wants } from '../src/lib/account'
import { begin, draftOf, extend, lacks } from '../src/lib/service'
import type { Preset, SourceText } from '../src/lib/types'

test('a role uses one more service, and all else stays', () => {
  const rows: [string, string | null][] = [
    ['role "a" { use = [service.x] }', 'role "a" { use = [service.x, service.n] }'],
    ['role "a" { use = [] }', 'role "a" { use = [service.n] }'],
    ['role "a" {\n  use = [service.x,]\n}', 'role "a" {\n  use = [service.x, service.n]\n}'],
    ['role "a" {\n  use = [\n    service.x,\n    service.y,\n  ]\n}', 'role "a" {\n  use = [\n    service.x,\n    service.y,\n    service.n,\n  ]\n}'],
    ['role "a" {\n  members = ["*"]\n}', 'role "a" {\n  members = ["*"]\n  use = [service.n]\n}'],
    ['# kept\nrole "a" {\n  use = [service.x] # why\n}', '# kept\nrole "a" {\n  use = [service.x, service.n] # why\n}'],
    ['role "a" {\n  use = [\n    service.x, # with a ]\n  ]\n}', null],
    ['role "a" {\n  use = concat([service.x], [])\n}', null],
  ]
  for (const [before, after] of rows) assert.equal(extend(before, 'service.n'), after, before)
})

const github: Preset = { name: 'github', description: 'GitHub', about: '', protocol: 'http', hosts: ['api.github.com'], auth: 'basic("x-access-token", secret.github)', secrets: ['github'], posture: 'guarded', hcl: '' }
const postgres: Preset = { name: 'postgres', description: 'PostgreSQL', about: '', protocol: 'postgres', hosts: [], posture: 'guarded', hcl: '' }
const source: SourceText = { revision: 'r', number: 1, files: [], blocks: [{ kind: 'role', name: 'dev', file: 'a.hcl', line: 1, end: 1, hcl: 'role "dev" { use = [service.x] }' }] }

test('a service is what was filled in, and no more', () => {
  assert.deepEqual(draftOf(begin(github, ['dev'], []), source), {
    edits: [
      { op: 'add', kind: 'service', name: 'github', block: { attributes: {} } },
      { op: 'replace', kind: 'role', name: 'dev', hcl: 'role "dev" { use = [service.x, service.github] }' },
    ],
  })
  assert.deepEqual(draftOf({ ...begin(github, [], ['github']), account: account('preset', { secret: 'other' }) }, source), {
    edits: [
      { op: 'add', kind: 'service', name: 'github_2', block: { attributes: { preset: 'github', hosts: ['api.github.com'], auth: { call: 'basic', args: ['x-access-token', { ref: 'secret.other' }] } } } },
      { op: 'add', kind: 'role', name: 'agents', block: { attributes: { use: [{ ref: 'service.github_2' }] } } },
    ],
  })
  const f = begin(postgres, ['dev'], [])
  assert.equal(lacks(f), 'Give it a name.')
  assert.equal(lacks({ ...f, name: 'orders' }), 'Say where it is.')
  assert.equal(lacks({ ...f, name: 'orders', hosts: 'db:5432' }), 'Fill in: User.')
  const whole = { ...f, name: 'orders', hosts: 'db.internal:5432', account: account('password', { name: 'agent_ro' }), databases: 'app, reports', posture: 'locked' }
  assert.equal(lacks(whole), '')
  assert.deepEqual((draftOf(whole, source) as { edits: { block?: unknown }[] }).edits[0]!.block, {
    attributes: {
      preset: 'postgres', hosts: ['db.internal:5432'], auth: { call: 'password', args: ['agent_ro', { ref: 'secret.orders' }] },
      databases: ['app', 'reports'], posture: 'locked',
    },
  })
  const each = { ...whole, each: true, newRole: 'writer', accounts: { dev: account('password', { name: 'ro' }), writer: account('password', { name: 'rw', secret: 'theirs', least: 'scram-sha-256' }) } }
  assert.deepEqual(attrs(draftOf(each, source)).auth, {
    call: 'by_role',
    args: [{ object: {
      'role.dev': { call: 'password', args: ['ro', { ref: 'secret.orders_dev' }] },
      'role.writer': { call: 'password', args: ['rw', { ref: 'secret.theirs' }, 'scram-sha-256'] },
    } }],
  })
  assert.equal(lacks({ ...each, accounts: { dev: account('password', { name: 'ro' }) } }), 'writer: Fill in: User.')
})

const attrs = (d: unknown) => (d as { edits: { block: { attributes: Record<string, unknown> } }[] }).edits[0]!.block.attributes

test('every kind of account is written as the language has it', () => {
  const s = (name: string) => ({ ref: `secret.${name}` })
  const rows: [string, Record<string, string>, unknown][] = [
    ['bearer', {}, { call: 'bearer', args: [s('x')] }],
    ['header', { name: 'X-Api-Key' }, { call: 'header', args: ['X-Api-Key', s('x')] }],
    ['basic', { name: 'me', also: 'PRIVATE-TOKEN' }, { call: 'basic', args: ['me', s('x'), 'PRIVATE-TOKEN'] }],
    ['query', { name: 'key', secret: 'k' }, { call: 'query', args: ['key', s('k')] }],
    ['cookie', { name: 'sid' }, { call: 'cookie', args: ['sid', s('x')] }],
    ['mtls', {}, { call: 'mtls', args: [s('x_cert'), s('x_key')] }],
    ['pg_mtls', { name: 'ro' }, { call: 'mtls', args: ['ro', s('x_cert'), s('x_key')] }],
    ['gcp', { scopes: 'a, b' }, { call: 'gcp_service_account', args: [s('x'), ['a', 'b']] }],
    ['github_app', { app_id: '1', installation: '2' }, { call: 'github_app', args: [{ object: { app_id: '1', installation: '2', key: s('x') } }] }],
    ['aws', { region: 'eu-central-1' }, { call: 'aws_sigv4', args: [{ object: { key: s('x_key_id'), secret: s('x'), region: 'eu-central-1' } }] }],
    ['rds', { user: 'ro' }, { call: 'aws_sigv4', args: [{ object: { user: 'ro', key: s('x_key_id'), secret: s('x') } }] }],
    ['oauth_client', { token_url: 'https://id/t', client_id: 'c', scopes: 'r w', client_auth: 'body' }, { call: 'oauth2', args: [{ object: { flow: 'client_credentials', token_url: 'https://id/t', client_id: 'c', client_secret: s('x'), scopes: ['r', 'w'], client_auth: 'body' } }] }],
    ['oauth_refresh', { token_url: 'https://id/t', client_id: 'c' }, { call: 'oauth2', args: [{ object: { flow: 'refresh_token', token_url: 'https://id/t', client_id: 'c', refresh_token: s('x') } }] }],
    ['oauth_code', { issuer: 'https://id' }, { call: 'oauth2', args: [{ object: { flow: 'authorization_code', issuer: 'https://id', refresh_token: s('x') } }] }],
    ['oauth_device', { device_url: 'https://id/d', token_url: 'https://id/t', client_id: 'c' }, { call: 'oauth2', args: [{ object: { flow: 'device_code', device_url: 'https://id/d', token_url: 'https://id/t', client_id: 'c', refresh_token: s('x') } }] }],
  ]
  for (const [kind, values, want] of rows) {
    assert.equal(wants(account(kind, values), 'x'), '', kind)
    assert.deepEqual(authOf(account(kind, values), 'x'), want, kind)
  }
  assert.deepEqual(kinds.map((k) => k.id).filter((id) => !rows.some(([kind]) => kind === id)), ['password'])
  assert.deepEqual(authOf({ ...account('bearer'), dummy: 'SHOP_TOKEN' }, 'x'), { call: 'placeholder', args: ['SHOP_TOKEN', { call: 'bearer', args: [s('x')] }] })
  assert.equal(wants(account('oauth_code', { token_url: 'https://id/t' }), 'x'), 'Give the issuer, the resource, or both addresses of the provider.')
  assert.equal(wants(account('bearer', { secret: 'not a name' }), 'x').startsWith('Secret: the name'), true)
})
