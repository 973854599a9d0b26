import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asCurl, asPsql, readSample, shell } from '../src/lib/command'
import { cell, csv } from '../src/lib/export'
import { bytes, countdown, duration } from '../src/lib/format'
import { prettyJSON, prettySQL, tokensOfJSON, tokensOfSample, tokensOfSQL, type Token } from '../src/lib/highlight'
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
  }
  assert.deepEqual(tokensOfSample('a<U+202E>b').map((t) => t.kind), ['', 'mark', ''])
})

test('JSON is laid out as it stands', () => {
  assert.equal(prettyJSON('{"a":12345678901234567890,"b":[],"c":[1,{"d":"x, y: {"}]}'), '{\n  "a": 12345678901234567890,\n  "b": [],\n  "c": [\n    1,\n    {\n      "d": "x, y: {"\n    }\n  ]\n}')
  for (const s of ['', 'no', '"text"', '12', '{"a":', '[1,]']) assert.equal(prettyJSON(s), null, s)
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
  assert.deepEqual([0, 999, 1500, 25_000_000].map(bytes), ['0 B', '999 B', '1.5 kB', '25 MB'])
  assert.deepEqual([countdown(61_000, 0), countdown(0, 5), countdown(3_661_000, 0)], ['1:01', '0:00', '1:01:01'])
})
