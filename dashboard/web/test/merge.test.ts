import { test } from 'node:test'
import assert from 'node:assert/strict'
import { merge, pairs, settled, where } from '../src/lib/merge'

const lines = (s: string) => s.split('').join('\n')
const kinds = (base: string, mine: string, theirs: string) => merge(lines(base), lines(mine), lines(theirs)).map((c) => c.kind).join(' ')
const result = (base: string, mine: string, theirs: string) =>
  merge(lines(base), lines(mine), lines(theirs)).flatMap((c) => settled(c) ?? ['<', ...c.mine, '|', ...c.theirs, '>']).join('')

test('changes that do not meet stand together', () => {
  for (const [base, mine, theirs, want] of [
    ['abc', 'abc', 'abc', 'abc'],
    ['abc', 'aXbc', 'abc', 'aXbc'],
    ['abc', 'abc', 'abYc', 'abYc'],
    ['abcdef', 'aXcdef', 'abcdYf', 'aXcdYf'],
    ['abcdef', 'bcdef', 'abcde', 'bcde'],
    ['abc', 'aXc', 'aXc', 'aXc'],
    ['abc', 'aXc', 'aYc', 'a<X|Y>c'],
    ['abc', 'ac', 'aYc', 'a<|Y>c'],
    ['abc', 'abXc', 'abYc', 'ab<X|Y>c'],
    ['', 'x', '', 'x'],
  ] as const) assert.equal(result(base, mine, theirs), want, `${base} ${mine} ${theirs}`)
  assert.equal(kinds('abcdef', 'aXcdef', 'abcdYf'), 'same mine same theirs same')
})

test('a merge loses nothing: with one side as it was, it is the other', () => {
  let seed = 7
  const random = (n: number) => (seed = (seed * 1103515245 + 12345) % 2147483648) % n
  const change = (s: string[]) => s.flatMap((l) => (random(5) === 0 ? [] : random(5) === 0 ? [l, 'n' + random(9)] : [l]))
  for (let i = 0; i < 300; i++) {
    const base = Array.from({ length: random(30) }, () => 'l' + random(6))
    const [mine, theirs] = [change(base), change(base)]
    const text = (c: ReturnType<typeof merge>) => c.flatMap((x) => settled(x) ?? ['conflict']).join('\n')
    assert.equal(text(merge(base.join('\n'), mine.join('\n'), base.join('\n'))), mine.join('\n'))
    assert.equal(text(merge(base.join('\n'), base.join('\n'), theirs.join('\n'))), theirs.join('\n'))
    assert.equal(text(merge(base.join('\n'), mine.join('\n'), mine.join('\n'))), mine.join('\n'))
    const kept = pairs(base, mine)
    for (const [a, b] of kept.entries()) if (b >= 0) assert.equal(base[a], mine[b])
    const up = kept.filter((b) => b >= 0)
    assert.deepEqual(up, [...up].sort((a, b) => a - b))
  }
})

test('two texts that share nothing are one conflict, and soon', () => {
  const make = (p: string) => Array.from({ length: 5000 }, (_, i) => p + i).join('\n')
  const begun = process.cpuUsage() // not the clock: others compute, too
  assert.equal(merge(make('a'), make('b'), make('c')).length, 1)
  assert.ok(process.cpuUsage(begun).user < 5e6)
})

test('a conflict is named after the block it stands in', () => {
  assert.equal(where(['service "a" {}', 'rule "no drop" {', '  on = "*"']), 'rule "no drop"')
  assert.equal(where(['rule "no drop" {', '}', '']), '')
})
