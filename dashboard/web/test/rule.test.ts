import { test } from 'node:test'
import assert from 'node:assert/strict'
import { attributesOf, bare, draftOf, elements, fields, formOf, hidden, lacks, misspelt, onlyFor, remarksOn, type Form } from '../src/lib/rule'
import type { Preview } from '../src/lib/types'

const ref = (r: string) => ({ ref: r })

// Every attribute that a person uses, as the gateway reads it out of a file.
const whole: Record<string, unknown> = {
  on: [ref('service.shop'), ref('service.db')],
  roles: ref('role.dev'),
  approvers: [ref('judge.j'), ref('approver.a')],
  effects: ['read', 'write'],
  methods: ['POST', '!PUT'],
  paths: ['/orders/*', '/a b'],
  operations: ['pulls.merge'],
  verbs: 'select',
  tables: ['shop.*'],
  columns: ['c.email'],
  functions: ['f'],
  databases: ['app'],
  tools: ['delete_*'],
  models: ['gpt-5*'],
  hosts: ['*.example.com'],
  when: { keep: 'agent.name == "ci" && http.size > 3' },
  unless: { keep: '(\n    http.method == "GET"\n    || http.size < 3\n  )' },
  hours: ['mon-fri 09:00-12:00,13:00-18:00 Europe/Berlin', 'sat'],
  limit: '20/hour',
  per: 'role',
  otherwise: 'deny',
  until: '2026-12-31',
  verdict: 'ask',
  mode: 'observe',
  reason: 'Because.',
}

test('what is not touched goes back as it came', () => {
  const f = formOf('r', whole)
  assert.deepEqual(hidden(f), [])
  assert.deepEqual(attributesOf(f), whole)
  assert.deepEqual(fields.map((x) => x.key).sort(), Object.keys(whole).sort())
  assert.equal(f.texts.unless, 'http.method == "GET"\n|| http.size < 3')
})

const change = (f: Form, key: string, text: string): Form => ({ ...f, texts: { ...f.texts, [key]: text } })

test('what is touched is written, and no more', () => {
  const f = formOf('r', whole)
  const rows: [string, string, unknown][] = [
    ['on', 'service.shop', [ref('service.shop')]],
    ['on', '*', '*'],
    ['roles', '', undefined],
    ['methods', 'GET POST,DELETE', ['GET', 'POST', 'DELETE']],
    ['paths', '/a b, /c', ['/a b', '/c']],
    ['hours', 'sat; sun 10:00-12:00,14:00-15:00', ['sat', 'sun 10:00-12:00,14:00-15:00']],
    ['when', ' http.size > 4 ', { expr: 'http.size > 4' }],
    ['limit', '3/day', '3/day'],
    ['mode', '', undefined],
  ]
  for (const [key, text, want] of rows) {
    const { [key]: _, ...others } = whole
    assert.deepEqual(attributesOf(change(f, key, text)), want === undefined ? others : { ...others, [key]: want }, key)
  }
})

test('what no field can show is kept', () => {
  const odd = { on: { keep: 'local.x' }, verdict: 'deny', paths: ['/a,b'], reason: 'two\nlines', methods: { keep: '[\n "GET", # why\n]' }, when: true, effects: ['odd'] }
  const f = formOf('r', odd)
  assert.deepEqual(hidden(f).map(([k]) => k), ['on', 'paths', 'reason', 'methods', 'when', 'effects'])
  assert.deepEqual(attributesOf(change(f, 'verdict', 'ask')), { ...odd, verdict: 'ask' })
  assert.equal(lacks(f), '')
  assert.deepEqual(draftOf({ ...f, old: { attributes: odd } }), { edits: [{ op: 'replace', kind: 'rule', name: 'r', block: { attributes: odd } }] })
})

test('a role is a form, too', () => {
  const was = { use: [ref('service.shop')], members: ['tag:ci', 'user:ana@acme.dev'], until: '2026-12-31', budgets: { keep: 'x' } }
  const f = formOf('dev', was, { role: true, old: { attributes: was } })
  assert.deepEqual(attributesOf(f), was)
  assert.deepEqual(hidden(f).map(([k]) => k), ['budgets'])
  const next = draftOf({ ...f, texts: { ...f.texts, members: '*', until: '' } })
  assert.deepEqual(next, { edits: [{ op: 'replace', kind: 'role', name: 'dev', block: { attributes: { use: was.use, members: ['*'], budgets: was.budgets } } }] })
  assert.deepEqual(draftOf(formOf('new', {}, { role: true })), { edits: [{ op: 'add', kind: 'role', name: 'new', block: { attributes: {} } }] })
  assert.equal(lacks(formOf('not a name', {}, { role: true })).startsWith('A name'), true)
})

test('what is still to be filled in', () => {
  assert.equal(lacks(formOf('', {})), 'Give it a name.')
  assert.equal(lacks(formOf('r', {})), 'Say which services it is for.')
  assert.equal(lacks(formOf('r', { on: '*', limit: '3/day' })), 'Say what becomes of more than that: Otherwise.')
  assert.equal(lacks(formOf('r', { on: '*' })), '')
})

test('parentheses around all of a condition are layout', () => {
  const rows: [string, string][] = [
    ['(a)', 'a'], ['(a) && (b)', '(a) && (b)'], ['(a == ")")', 'a == ")"'], ['a', 'a'], ['(\n  a\n  && b\n)', 'a\n&& b'], ['("\\"(")', '"\\"("'],
  ]
  for (const [text, want] of rows) assert.equal(bare(text), want)
})

test('a condition is narrowed down', () => {
  const rows: [string, 'agent.name' | 'agent.user' | 'agent.tags', string, string][] = [
    ['', 'agent.name', 'ci', 'agent.name == "ci"'],
    ['agent.name == "ci"', 'agent.name', 'b', 'contains(["ci", "b"], agent.name)'],
    ['contains(["ci", "b"], agent.name) && x', 'agent.name', 'c', 'contains(["ci", "b", "c"], agent.name) && x'],
    ['a || b', 'agent.user', 'u@x', '(a || b) && agent.user == "u@x"'],
    ['', 'agent.tags', 'ci', 'contains(agent.tags, "ci")'],
    ['contains(agent.tags, "ci")', 'agent.tags', 'x', 'contains(agent.tags, "ci") || contains(agent.tags, "x")'],
    ['', 'agent.name', '${a}"', 'agent.name == "$${a}\\""'],
    ['agent.name == "$${a}\\""', 'agent.name', 'b', 'contains(["$${a}\\"", "b"], agent.name)'],
    ['x &&\n agent.name == "a && b"', 'agent.name', 'b', 'x &&\n contains(["a && b", "b"], agent.name)'],
    // What only holds the comparison stays as it is: it may mean the opposite, or another fact.
    ['!(agent.name == "a")', 'agent.name', 'b', '!(agent.name == "a") && agent.name == "b"'],
    ['!contains(["a"], agent.name)', 'agent.name', 'b', '!contains(["a"], agent.name) && agent.name == "b"'],
    ['user_agent.name == "x"', 'agent.name', 'b', 'user_agent.name == "x" && agent.name == "b"'],
    ['http.json.agent.name == "x"', 'agent.name', 'b', 'http.json.agent.name == "x" && agent.name == "b"'],
    ['http.json.note == "agent.name == \\"a\\""', 'agent.name', 'b', 'http.json.note == "agent.name == \\"a\\"" && agent.name == "b"'],
    ['agent.name == "a" == false', 'agent.name', 'b', 'agent.name == "a" == false && agent.name == "b"'],
    ['agent.name == "a" || x', 'agent.name', 'b', '(agent.name == "a" || x) && agent.name == "b"'],
    ['x ? y : agent.name == "a"', 'agent.name', 'b', '(x ? y : agent.name == "a") && agent.name == "b"'],
    ['"${agent.name == "a"}" == "true" && agent.name == "a"', 'agent.name', 'b', '"${agent.name == "a"}" == "true" && agent.name == "a" && agent.name == "b"'],
    ['x # and no more', 'agent.name', 'b', '(x # and no more\n) && agent.name == "b"'],
    ['contains(agent.tags, "ci") && false', 'agent.tags', 'b', 'contains(agent.tags, "ci") && false && contains(agent.tags, "b")'],
  ]
  for (const [was, fact, value, want] of rows) assert.equal(onlyFor(was, fact, value), want)
})

test('a remark stands where the text is wrong', () => {
  const file = '# x\nrule "a" {\n  on   = "*"\n  when = (agent.nam == "x"\n  && true)\n}\n'
  const at = file.indexOf('agent.nam')
  const preview = {
    ok: false, placed: [{ op: 'add', kind: 'rule', name: 'a', file: 'f.hcl', line: 2 }], texts: { 'f.hcl': file },
    findings: [
      { severity: 'error', summary: 'Unknown fact', file: 'f.hcl', start: { line: 4, column: 11, offset: at }, end: { line: 4, column: 20, offset: at + 9 } },
      { severity: 'error', summary: 'elsewhere', file: 'f.hcl', start: { line: 3, column: 3, offset: file.indexOf('on ') } },
      { severity: 'error', summary: 'behind', file: 'f.hcl', start: { line: 6, column: 1, offset: file.indexOf('\n}') + 1 } },
    ],
  } as unknown as Preview
  const text = 'agent.nam   ==\n"x" && true'
  assert.deepEqual(remarksOn(preview, 'a', 'when', text).map((r) => [r.summary, text.slice(r.from, r.to)]), [['Unknown fact', 'agent.nam']])
  assert.deepEqual(remarksOn(preview, 'a', 'unless', text), [])
  assert.deepEqual(misspelt('rule "a": when: it is no expression (line 2, column 3): why', 'when', 'a\nb == ').map((r) => [r.detail, r.from, r.to]), [['why', 4, 5]])
  assert.deepEqual(misspelt('rule "a": unless: it is no expression (line 1, column 3): why', 'when', 'a'), [])
  assert.deepEqual(elements(fields.find((x) => x.key === 'hours')!, 'a,b; c'), ['a,b', 'c'])
})
