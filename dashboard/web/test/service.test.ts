import { test } from 'node:test'
import assert from 'node:assert/strict'
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
  assert.deepEqual(draftOf({ ...begin(github, [], ['github']), secret: 'other' }, source), {
    edits: [
      { op: 'add', kind: 'service', name: 'github_2', block: { attributes: { preset: 'github', hosts: ['api.github.com'], auth: { call: 'basic', args: ['x-access-token', { ref: 'secret.other' }] } } } },
      { op: 'add', kind: 'role', name: 'agents', block: { attributes: { use: [{ ref: 'service.github_2' }] } } },
    ],
  })
  const f = begin(postgres, ['dev'], [])
  assert.equal(lacks(f), 'Give it a name.')
  assert.equal(lacks({ ...f, name: 'orders' }), 'Say where it is.')
  assert.equal(lacks({ ...f, name: 'orders', hosts: 'db:5432' }), 'Name the secret that it takes.')
  assert.equal(lacks({ ...f, name: 'orders', hosts: 'db:5432', secret: 'orders' }), 'Name the user.')
  const whole = { ...f, name: 'orders', hosts: 'db.internal:5432', secret: 'orders', user: 'agent_ro', databases: 'app, reports', posture: 'locked' }
  assert.equal(lacks(whole), '')
  assert.deepEqual((draftOf(whole, source) as { edits: { block?: unknown }[] }).edits[0]!.block, {
    attributes: {
      preset: 'postgres', hosts: ['db.internal:5432'], auth: { call: 'password', args: ['agent_ro', { ref: 'secret.orders' }] },
      databases: ['app', 'reports'], posture: 'locked',
    },
  })
})
