// Has the SDK of a language model take key and server from its environment, as programs
// do, and says what became of a call: the text of the answer, or the error's code.
import { readFileSync } from 'node:fs'
import tls from 'node:tls'
import { createRequire } from 'node:module'

const require = createRequire(process.env.MODULES + '/')
const { OpenAI } = require('openai')
const undici = require('undici')

const dispatcher = new undici.Agent({
  connect: (o, done) => {
    const c = tls.connect({ host: '127.0.0.1', port: Number(process.env.PORT), servername: o.hostname, ca: readFileSync(process.env.CA) })
    c.once('secureConnect', () => done(null, c))
    c.once('error', (e) => done(e, null))
  },
})
const client = new OpenAI({ maxRetries: 0, fetch: (url, init) => undici.fetch(url, { ...init, dispatcher }) })
try {
  const answer = await client.chat.completions.create({ model: 'gpt-4.1', messages: [{ role: 'user', content: 'hello' }] })
  console.log(answer.choices[0].message.content.trim())
} catch (e) {
  console.log(e.status, e.constructor.name)
}
dispatcher.destroy()
