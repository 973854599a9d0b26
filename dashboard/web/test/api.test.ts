import assert from 'node:assert/strict'
import { test } from 'node:test'
import { get, post, whenRefused, type Problem } from '../src/lib/api'

const stale = () => new Response('{"type":"https://sallyport.dev/problems/step-up","detail":"prove once more who you are"}', { status: 403 })

/** gateway answers each request that comes with a proof; spends uses that up. */
function gateway(spends: boolean) {
  const g = { proofs: 0, asked: 0, open: 0 }
  globalThis.fetch = async (path) => {
    if (g.proofs === 0) return stale()
    if (spends) g.proofs--
    return new Response(JSON.stringify(String(path)))
  }
  whenRefused(
    () => {},
    async () => {
      assert.equal(++g.open, 1, 'one dialog at a time')
      g.asked++
      await new Promise((done) => setImmediate(done))
      g.open--
      g.proofs++
      return true
    },
  )
  return g
}

const three = () => Promise.all([get('/a'), get('/b'), post('/c')])

test('T47: beside an agent each call asks for a proof of its own, one after the other', async () => {
  const g = gateway(true)
  assert.deepEqual(await three(), ['/api/v1/a', '/api/v1/b', '/api/v1/c'])
  assert.deepEqual([g.asked, g.proofs], [3, 0])
  assert.equal(await get('/d'), '/api/v1/d')
  assert.equal(g.asked, 4)
})

test('elsewhere one proof is for all that wait', async () => {
  const g = gateway(false)
  assert.deepEqual(await three(), ['/api/v1/a', '/api/v1/b', '/api/v1/c'])
  assert.equal(g.asked, 1)
})

test('whoever does not prove it is told so, and the next one is asked', async () => {
  const g = gateway(true)
  const answers = [false, true]
  const prove = async () => {
    const yes = answers.shift()!
    if (yes) g.proofs++
    return yes
  }
  whenRefused(() => {}, prove)
  const [a, b] = await Promise.allSettled([get('/a'), get('/b')])
  assert.equal(a.status === 'rejected' && (a.reason as Problem).stepUp, true)
  assert.equal(b.status === 'fulfilled' && b.value, '/api/v1/b')
})
