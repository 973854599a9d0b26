// Has the SDK of a language model do what programs do with it, and says for each call
// which usage the SDK was told: "name prompt cached completion reasoning", or "-".
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
const client = new OpenAI({
  baseURL: `https://${process.env.HOST}/v1`, apiKey: 'behind-the-gateway', maxRetries: 0,
  fetch: (url, init) => undici.fetch(url, { ...init, dispatcher }),
})

const chat = (u) => (u ? [u.prompt_tokens, u.prompt_tokens_details.cached_tokens, u.completion_tokens, u.completion_tokens_details.reasoning_tokens] : ['-'])
const response = (u) => [u.input_tokens, u.input_tokens_details.cached_tokens, u.output_tokens, u.output_tokens_details.reasoning_tokens]
const say = (name, usage) => console.log(name, ...usage)
const messages = [{ role: 'user', content: 'hello' }]
const with_ = (coding) => ({ headers: { 'x-coding': coding } })

async function streamed(name, body, coding, stop) {
  let usage, text = ''
  try {
    const stream = await client.chat.completions.create({ model: 'gpt-4.1', messages, stream: true, ...body }, with_(coding))
    for await (const chunk of stream) {
      usage = chunk.usage ?? usage
      text += chunk.choices[0]?.delta?.content ?? ''
      if (stop) {
        stream.controller.abort()
        break
      }
    }
    if (!stop && text !== 'Hello, world. ') text = `broken text ${JSON.stringify(text)}`
  } catch (e) {
    text = 'broken'
  }
  say(name, text.startsWith('broken') ? [text] : chat(usage))
}

for (const coding of ['', 'gzip', 'br']) {
  const r = await client.chat.completions.create({ model: 'gpt-4.1', messages }, with_(coding))
  say('chat-' + coding, chat(r.usage))
  await streamed('stream-' + coding, { stream_options: { include_usage: true } }, coding)
  await streamed('silent-' + coding, {}, coding)
}
await streamed('left', {}, '', true)
await streamed('cut', { model: 'gpt-4o' }, '')
if (process.env.RESPONSES) {
  const r = await client.responses.create({ model: 'gpt-4.1', input: 'hello' }, with_(''))
  say('response', response(r.usage))
  let usage
  for await (const event of await client.responses.create({ model: 'gpt-4.1', input: 'hello', stream: true }, with_('gzip'))) {
    if (event.type === 'response.completed') usage = event.response.usage
  }
  say('response-stream', response(usage))
}
process.exit(0)
