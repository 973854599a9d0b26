// Asks a model through the gateway, as a program does that knows nothing of it: what
// the SDK does of itself when it is told to come back is all there is.
import { readFileSync } from 'node:fs'
import tls from 'node:tls'
import { createRequire } from 'node:module'

const require = createRequire(process.env.MODULES + '/')
const { OpenAI } = require('openai')
const { Anthropic } = require('@anthropic-ai/sdk')
const undici = require('undici')

const dispatcher = new undici.Agent({
  connect: (o, done) => {
    const c = tls.connect({ host: '127.0.0.1', port: Number(process.env.PORT), servername: o.hostname, ca: readFileSync(process.env.CA) })
    c.once('secureConnect', () => done(null, c))
    c.once('error', (e) => done(e, null))
  },
})
const fetch = (url, init) => undici.fetch(url, { ...init, dispatcher })
const messages = [{ role: 'user', content: process.env.SAY }]
const speak = {
  async openai() {
    const client = new OpenAI({ baseURL: 'https://api.example.com/v1', apiKey: 'behind-the-gateway', fetch })
    const r = await client.chat.completions.create({ model: 'gpt-5', messages })
    return r.choices[0].message.content
  },
  async anthropic() {
    const client = new Anthropic({ baseURL: 'https://api.example.com', apiKey: 'behind-the-gateway', fetch })
    const r = await client.messages.create({ model: 'claude', max_tokens: 10, messages })
    return r.content[0].text
  },
}
try {
  console.log(await speak[process.env.SDK]())
} catch (e) {
  console.log('error', e.status, e.message)
}
process.exit(0)
