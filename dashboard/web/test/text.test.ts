import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asCurl, asPsql, readSample, shell } from '../src/lib/command'
import { cell, csv, ndjson } from '../src/lib/export'
import { bytes, countdown, duration, until } from '../src/lib/format'
import { marksOf, prettyEvents, prettyJSON, prettySQL, tokensOfEvents, tokensOfJSON, tokensOfSample, tokensOfSQL, type Token } from '../src/lib/highlight'
import { pageHere } from '../src/lib/proof'
import { hidden, pieces } from '../src/lib/reveal'
import type { ActionRecord } from '../src/lib/types'

const joined = (list: Token[]) => list.map((t) => t.text).join('')

test('T49: a cell that a spreadsheet would run is guarded', () => {
  for (const [value, want] of [
    ['=1+1', "'=1+1"],
    ['+1', "'+1"],
    ['-1', "'-1"],
    ['@SUM(1)', "'@SUM(1)"],
    ['\t=1', "'\t=1"],
    ['\r=1', '"\'\r=1"'],
    ['  =1', "'  =1"],
    ['\uff1d1', "'\uff1d1"],
    ['=cmd|"/C calc"!A0', '"\'=cmd|""/C calc""!A0"'],
    ['GET /a', 'GET /a'],
    ['a,b', '"a,b"'],
    ['a"b', '"a""b"'],
    ['two\nlines', '"two\nlines"'],
    [-5, '-5'],
    [undefined, ''],
  ] as const) {
    assert.equal(cell(value), want, JSON.stringify(value))
  }
})

test('a CSV has one line for each record', () => {
  const text = csv([{ seq: 1, id: 'A', time: '2026-01-01T00:00:00Z', agent: { name: '=x' }, kind: 'request', summary: 'GET "a"' }])
  const lines = text.trimEnd().split('\r\n')
  assert.equal(lines.length, 2)
  assert.match(lines[1]!, /^1,A,2026-01-01T00:00:00Z,'=x,/)
  assert.match(lines[1]!, /"GET ""a"""/)
})

test('tokens and cost are columns, and what has no price has no cost', () => {
  const row = { seq: 1, id: 'A', time: '2026-01-01T00:00:00Z', agent: { name: 'x' }, kind: 'request' }
  const usage = { provider: 'openai', asked: 'gpt', model: 'gpt-1', input: 600, cache_read: 400, output: 100, reasoning: 40, cost_nano: 2500000 }
  const [head, priced, free, other] = csv([{ ...row, usage: { ...usage, price: '2026-11' } }, { ...row, usage }, row]).trimEnd().split('\r\n')
  const of = (line: string) => Object.fromEntries(line.split(',').map((v, i) => [head!.split(',')[i], v]))
  assert.deepEqual(
    ['provider', 'model', 'input_tokens', 'cached_tokens', 'output_tokens', 'reasoning_tokens', 'estimated', 'cost_usd'].map((n) => of(priced!)[n]),
    ['openai', 'gpt-1', '1000', '400', '100', '40', 'false', '0.0025'],
  )
  assert.equal(of(free!).cost_usd, '')
  assert.equal(of(other!).input_tokens, '')
  const lines = ndjson([{ ...row, usage: { ...usage, price: '2026-11' } }, row]).trimEnd().split('\n').map((l) => JSON.parse(l))
  assert.equal(lines[0].cost_usd, 0.0025)
  assert.equal(lines[0].input_tokens, 1000)
  assert.equal('cost_usd' in lines[1], false)
})

test('letters that are not seen are marked, and nothing is lost', () => {
  const all = 'a\u202eb\u200bc\u0000d\u{e0041}e\ud800f\n\tg\u00e9\u4e2d\u{1f600}'
  assert.equal(pieces(all).map((p) => p.text).join(''), all)
  assert.deepEqual(pieces(all).filter((p) => p.ghost).map((p) => p.text.codePointAt(0)!.toString(16)), ['202e', '200b', '0', 'e0041', 'd800'])
  assert.equal(hidden('plain \u{1f600} text\n'), 0)
})

test('colouring changes no letter', () => {
  for (const s of ['', '{"a": [1, -2.5e3, true, null, "x\\"y"]}', '{"open', 'select * from "t" where a = \'it\'\'s\' -- x\n and b = $1', "$tag$ select '$tag$", '/* open', '<U+202E> and <0xFF>', '<script>']) {
    assert.equal(joined(tokensOfJSON(s)), s)
    assert.equal(joined(tokensOfSQL(s)), s)
    assert.equal(joined(tokensOfSample(s)), s)
    for (const t of [s, `data: ${s}`, `event: x\n: note\ndata: ${s}\n\n`]) assert.equal(joined(tokensOfEvents(t)), t)
    assert.equal(marksOf(`a[hidden]${s}`).map((m) => m.text).join(''), `a[hidden]${s}`)
  }
  assert.deepEqual(tokensOfSample('a<U+202E>b').map((t) => t.kind), ['', 'mark', ''])
})

test('what came back is laid out as far as it goes, and what was taken out is marked', () => {
  for (const [s, want] of [
    ['{"a":[1,{"b":"x', '{\n  "a": [\n    1,\n    {\n      "b": "x'],
    ['{"a":', '{\n  "a": '],
    ['{"a":"x\\', '{\n  "a": "x\\'],
    ['[ ', '[\n  '],
    ['{', '{\n  '],
    ['no', null],
  ] as const) {
    assert.equal(prettyJSON(s, true), want, s)
  }
  assert.equal(prettyEvents('event: x\ndata: {"a":1}\n\ndata: [DONE]\n{"b":[]}\n{"c":'), 'event: x\ndata: {\n  "a": 1\n}\n\ndata: [DONE]\n{\n  "b": []\n}\n{"c":')
  assert.deepEqual(marksOf('"[hidden]" ************ *** token=%5Bhidden%5D').filter((m) => m.gone).map((m) => m.text), ['[hidden]', '************', '%5Bhidden%5D'])
})

test('JSON is laid out as it stands', () => {
  assert.equal(prettyJSON('{"a":12345678901234567890,"b":[],"c":[1,{"d":"x, y: {"}]}'), '{\n  "a": 12345678901234567890,\n  "b": [],\n  "c": [\n    1,\n    {\n      "d": "x, y: {"\n    }\n  ]\n}')
  for (const s of ['', 'no', '"text"', '12', '{"a":', '[1,]']) assert.equal(prettyJSON(s), null, s)
})

test('a body whose layout would fill the memory of a browser is shown as it was sent', () => {
  const levels = 8000
  const open = '['.repeat(levels)
  assert.equal(prettyJSON(open + ']'.repeat(levels)), null, 'a body')
  assert.equal(prettyJSON(open, true), null, 'the beginning of an answer')
  assert.equal(prettyJSON('{"a":'.repeat(levels), true), null, 'the beginning of objects')
  assert.equal(prettyEvents(`data: ${open + ']'.repeat(levels)}\n\n`), `data: ${open + ']'.repeat(levels)}\n\n`, 'an event')
  const each = '['.repeat(100) + ']'.repeat(100)
  assert.equal(prettyEvents(`data: ${each}\n\n`.repeat(500)), null, 'events that are much together')
})

test('what is deep is indented as far as one can see', () => {
  const lines = prettyJSON('['.repeat(100) + '1' + ']'.repeat(100))!.split('\n')
  assert.equal(lines[100], ' '.repeat(80) + '1')
  assert.deepEqual([lines[1], lines[39], lines[199], lines[200]], ['  [', ' '.repeat(78) + '[', '  ]', ']'])
})

test('SQL is laid out, and its strings stay', () => {
  assert.equal(prettySQL("delete from t where a = 'x  from  y' and b in (select 1 from u)"), "delete from t\nwhere a = 'x  from  y'\n  and b in (select 1 from u)")
  assert.equal(prettySQL('select a\n  from t left join u on true'), 'select a\nfrom t\nleft join u on true')
})

test('a shell takes a word for one word', () => {
  assert.equal(shell('plain/path?'), "'plain/path?'")
  assert.equal(shell('a-b.c'), 'a-b.c')
  assert.equal(shell("it's $(rm)"), `'it'\\''s $(rm)'`)
})

test('a sample becomes a command', () => {
  const sample = 'POST https://api.example/a\nheader Authorization: [hidden]\nheader Content-Type: a/b\nbody 13 bytes\n| {"a":1}\n| header X: y\n'
  const m = readSample(sample)!
  assert.deepEqual(m, { method: 'POST', url: 'https://api.example/a', headers: [['Authorization', '[hidden]'], ['Content-Type', 'a/b']], body: '{"a":1}\nheader X: y' })
  const r = { protocol: 'http', kind: 'request', sample } as ActionRecord
  assert.equal(asCurl(r), `curl -X POST https://api.example/a -H 'Content-Type: a/b' --data-binary '{"a":1}\nheader X: y'`)
  assert.equal(asPsql(r), null)
})

test('facts become a command', () => {
  const r = {
    protocol: 'http', kind: 'request', host: 'api.example', seq: 1, id: 'x', time: '', agent: {}, prev: '', recorded: '',
    parts: [{ facts: { method: 'GET', path: '/a b', query: [{ name: 'q', values: ['1&2'] }], headers: [{ name: 'X', values: ["it's"] }] } }],
  } as ActionRecord
  assert.equal(asCurl(r), `curl -X GET 'https://api.example/a b?q=1%262' -H 'X: it'\\''s'`)
  const sql = { ...r, protocol: 'postgres', parts: [{ facts: { text: "SELECT 'x'", database: 'shop' } }] } as ActionRecord
  assert.equal(asPsql(sql), `psql 'host=api.example dbname=shop' -c 'SELECT '\\''x'\\'''`)
})

test('figures are said as people say them', () => {
  assert.deepEqual([900, 1_500_000, 12_000_000, 61_000_000_000].map(duration), ['1 µs', '1.5 ms', '12 ms', '1 min 1 s'])
  assert.deepEqual([0, 1023, 1536, 25_000_000].map(bytes), ['0 B', '1023 B', '1.5 KiB', '23.8 MiB'])
  assert.deepEqual([countdown(61_000, 0), countdown(0, 5), countdown(3_661_000, 0)], ['1:01', '0:00', '1:01:01'])
})

test('a moment to come has its day unless that is today', () => {
  const now = new Date(2026, 10, 26, 9, 0).getTime()
  for (const [at, want] of [
    [new Date(2026, 10, 26, 11, 5), '11:05'],
    [new Date(2026, 10, 27, 0, 0), '27 Nov, 00:00'],
    [new Date(2026, 11, 26, 9, 0), '26 Dec, 09:00'],
  ] as const) {
    assert.equal(until(at.toISOString(), now), want)
  }
  assert.equal(until('never', now), 'never')
})

test('T46: whoever has proved who they are goes on at a page of the dashboard', () => {
  const bad = ['', '//evil.test', '/\\evil.test', '/\t/evil.test', '\n//evil.test', '/..//evil.test', 'https://evil.test/', 'javascript:alert(1)', 'https://', '/%2e%2e//evil.test']
  for (const address of bad) assert.equal(pageHere(address, 'https://gw.test'), '/', address)
  for (const address of ['/approvals?id=7', '/policy?next=https://evil.test/', '/agents/it%27s%20me']) {
    assert.equal(pageHere(address, 'https://gw.test'), address)
  }
})
