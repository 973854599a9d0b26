import { test } from 'node:test'
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { inline, leads, parse, type Block, type Inline } from '../src/lib/markdown'

const words = (list: Inline[]): string => list.map((x) => ('text' in x ? x.text : words(x.inside))).join('')

test('the pieces of a page', () => {
  const got = parse(
    ['# The *page*', '', 'One `two` **three**', 'four [five](operations.md#x).', '', '## Sub', '', '- a', '  more', '- b', '  1. c', '', '```sh', '# no heading', '```', '', '| x | y |', '|---|---|', '| `a|b` | c \\| d |', '', '> said', '', '## Sub', '---'].join('\n'),
  )
  assert.deepEqual(got.map((b) => b.kind), ['heading', 'paragraph', 'heading', 'list', 'code', 'table', 'quote', 'heading', 'rule'])
  const [page, , first, list, code, table, , second] = got as [Block & { kind: 'heading' }, Block, Block & { kind: 'heading' }, Block & { kind: 'list' }, Block & { kind: 'code' }, Block & { kind: 'table' }, Block, Block & { kind: 'heading' }]
  assert.deepEqual([page.anchor, first.anchor, second.anchor], ['', 'sub', 'sub-1'])
  assert.equal(list.items.length, 2)
  assert.equal(list.items[1]![1]!.kind, 'list')
  assert.equal(code.text, '# no heading')
  assert.deepEqual(table.rows[0]!.map(words), ['a|b', 'c | d'])
})

test('T45: no link leads where a script would run', () => {
  for (const to of ['javascript:alert(1)', 'JavaScript:alert(1)', ' javascript:alert(1)', 'data:text/html,x', 'vbscript:x', '//evil.example', '/api/v1/x', '../x.md', 'x.html', 'a.md/../../x']) assert.equal(leads(to, 'agents'), null, to)
  assert.deepEqual(leads('https://a.example/x', 'agents'), { out: 'https://a.example/x' })
  assert.deepEqual(leads('operations.md#backup', 'agents'), { path: '/docs/operations#backup' })
  assert.deepEqual(leads('#here', 'agents'), { path: '/docs/agents#here' })
})

test('what is no Markdown stays as it is', () => {
  for (const s of ['a * b * c', 'snake_case_name', '`open', '[open', '<script>alert(1)</script>', '2 < 3 | 4']) assert.equal(words(inline(s)), s)
  assert.equal(words(inline('\\*not em\\*')), '*not em*')
})

// The tests run from dashboard/web's parent of parents, or from there.
const docs = ['docs', '../../docs'].find((d) => {
  try {
    return readdirSync(d).includes('reference.md')
  } catch {
    return false
  }
})

test('every page of the documentation is taken apart, and no word of it is lost', { skip: docs ? false : 'the documentation is not beside the tests' }, () => {
  const flat = (list: Block[]): string =>
    list
      .map((b) => {
        if (b.kind === 'code') return b.text
        if (b.kind === 'list') return b.items.map(flat).join(' ')
        if (b.kind === 'table') return [b.head, ...b.rows].flat().map(words).join(' ')
        if (b.kind === 'quote') return flat(b.inside)
        return b.kind === 'rule' ? '' : words(b.inside)
      })
      .join(' ')
  const plain = (s: string) => s.replace(/\]\([^)]*\)/g, ' ').replace(/^```\S*/gm, ' ').replace(/[^\p{L}\p{N}]+/gu, ' ').trim()
  for (const file of readdirSync(docs!).filter((f) => f.endsWith('.md'))) {
    const text = readFileSync(`${docs}/${file}`, 'utf8')
    const begun = process.cpuUsage() // not the clock: others compute, too
    const got = plain(flat(parse(text))).split(' ')
    assert.ok(process.cpuUsage(begun).user < 1e6, file)
    const want = plain(text).replace(/ (\d+) (?=\d+ )/g, ' $1 ').split(' ')
    const missing = want.filter((w) => !/^\d+$/.test(w) && !got.includes(w) && !got.some((g) => g.includes(w) || w.includes(g)))
    assert.deepEqual(missing, [], file)
  }
})

test('a page that somebody made to be slow is not', () => {
  for (const s of ['*'.repeat(20000), '['.repeat(20000), '`'.repeat(20001), '**a'.repeat(8000), '[a]('.repeat(8000), '> '.repeat(5000) + 'x', '|'.repeat(20000) + '\n|-|']) {
    const begun = process.cpuUsage()
    parse(s)
    assert.ok(process.cpuUsage(begun).user < 2_000_000, s.slice(0, 10))
  }
})
