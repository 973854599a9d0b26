import assert from 'node:assert/strict'
import { test } from 'node:test'
import { complete, quote, valueOf, withTerm, words } from '../src/lib/query'
import { again, before, Rows } from '../src/lib/rows'
import { Parser } from '../src/lib/sse'
import type { Row } from '../src/lib/types'

const row = (seq: number): Row => ({ seq, id: `id${seq}`, time: '', agent: {}, kind: 'request' })
const seqs = (r: Rows) => [...r].map((x) => x.seq)

test('a stream is the same, cut anywhere', () => {
  const text = ': hello\n\nid: 7\ndata: {"a":1}\ndata: more\n\nevent: approvals\r\ndata:{"pending":2}\r\n\r\n: beat\n\ndata: x\n\n'
  const want = [
    { id: '7', event: 'message', data: '{"a":1}\nmore' },
    { id: '7', event: 'approvals', data: '{"pending":2}' },
    { id: '7', event: 'message', data: 'x' },
  ]
  for (let cut = 0; cut <= text.length; cut++) {
    const p = new Parser()
    assert.deepEqual([...p.push(text.slice(0, cut)), ...p.push(text.slice(cut))], want, `cut at ${cut}`)
  }
})

test('rows stand newest first, however they come', () => {
  const r = new Rows()
  r.add([row(11), row(12)]) // live, before the first page is there
  r.reset([row(10), row(9)])
  assert.deepEqual(seqs(r), [12, 11, 10, 9])
  r.add([row(12), row(13)]) // 12 came twice
  r.append([row(9), row(8)])
  assert.deepEqual(seqs(r), [13, 12, 11, 10, 9, 8])
  assert.equal(r.indexOf('id10'), 3)
  assert.equal(r.oldest, 8)
})

test('a page that is read anew keeps what came in meanwhile', () => {
  const of = (l: Row[]) => l.map((r) => r.seq)
  assert.deepEqual(of(again([row(5), row(3)], before([row(6), row(7)], [row(3)]))), [7, 6, 5, 3])
  assert.deepEqual(of(again([], [row(2)])), [2])
  const r = new Rows()
  assert.equal(r.read, false)
  r.reset([])
  assert.deepEqual([r.read, r.newest], [true, 0])
})

test('while held, a list stays, and nothing is lost', () => {
  const r = new Rows()
  r.reset([row(2), row(1)])
  r.hold(true)
  r.add([row(3), row(4)])
  assert.deepEqual([seqs(r), r.waitingCount, r.newest], [[2, 1], 2, 4])
  r.hold(false)
  assert.deepEqual([seqs(r), r.waitingCount], [[4, 3, 2, 1], 0])
})

test('a full list lets the oldest go', () => {
  const r = new Rows(4)
  r.reset([row(3), row(2), row(1)])
  r.add([row(4), row(5)])
  assert.deepEqual(seqs(r), [5, 4, 3, 2])
  r.add([row(6), row(7), row(8), row(9)])
  assert.deepEqual([seqs(r), r.full], [[9, 8, 7, 6], true])
})

test('one term of a query changes, the others stay', () => {
  assert.deepEqual(words('agent:ci !rule:"no drop" text'), ['agent:ci', '!rule:"no drop"', 'text'])
  assert.equal(withTerm('agent:ci verdict:deny text', 'verdict', 'ask'), 'agent:ci text verdict:ask')
  assert.equal(withTerm('!verdict:deny rule:"a b"', 'verdict', ''), 'rule:"a b"')
  assert.equal(valueOf('rule:"a \\"b" agent:x', 'rule'), 'a "b')
  assert.deepEqual(['ci', 'a b', 'a,b', 'a"b', '', '!x'].map(quote), ['ci', '"a b"', '"a,b"', '"a\\"b"', '""', '"!x"'])
})

test('a query is completed', () => {
  const known = { agent: ['ci', 'laptop', 'with space'] }
  const labels = (q: string) => complete(q, known).map((c) => c.label)
  assert.deepEqual(labels('ver'), ['verdict:'])
  assert.deepEqual(labels('agent:'), ['agent:ci', 'agent:laptop', 'agent:with space'])
  assert.deepEqual(labels('verdict:deny,a'), ['verdict:allow', 'verdict:ask'])
  assert.deepEqual(labels('!agent:l'), ['!agent:laptop'])
  assert.equal(complete('x agent:w', known)[0]!.text, 'x agent:"with space" ')
  assert.deepEqual(labels('agent:ci '), [])
})
