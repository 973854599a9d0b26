import assert from 'node:assert/strict'
import { test } from 'node:test'
import { alike, answerIn, fold, promptIn } from '../src/lib/prompt'

const flat = (body: unknown) => (promptIn(typeof body === 'string' ? body : JSON.stringify(body)) ?? []).map((s) => `${s.role} ${s.kind} ${s.name ?? ''} ${s.text}`.replace(/ +/g, ' '))

test('what a request says is told in every shape of the providers', () => {
  assert.deepEqual(
    flat({ system: [{ type: 'text', text: 'be brief' }], messages: [{ role: 'user', content: 'hi' }, { role: 'assistant', content: [{ type: 'text', text: 'yes' }, { type: 'tool_use', name: 'ls', input: { dir: '/' } }] }, { role: 'user', content: [{ type: 'tool_result', content: [{ type: 'text', text: 'etc' }] }, { type: 'image', source: {} }] }] }),
    ['system text be brief', 'user text hi', 'assistant text yes', 'assistant call ls {"dir":"/"}', 'tool result etc', 'user other image'],
  )
  assert.deepEqual(
    flat({ messages: [{ role: 'system', content: 'be brief' }, { role: 'user', content: [{ type: 'text', text: 'hi' }] }, { role: 'assistant', content: null, tool_calls: [{ function: { name: 'ls', arguments: '{"dir":"/"}' } }] }, { role: 'tool', content: 'etc' }] }),
    ['system text be brief', 'user text hi', 'assistant call ls {"dir":"/"}', 'tool result etc'],
  )
  assert.deepEqual(
    flat({ instructions: 'be brief', input: [{ role: 'user', content: [{ type: 'input_text', text: 'hi' }] }, { type: 'function_call', name: 'ls', arguments: '{}' }, { type: 'function_call_output', output: 'etc' }] }),
    ['system text be brief', 'user text hi', 'assistant call ls {}', 'tool result etc'],
  )
  assert.deepEqual(flat({ model: 'x', input: 'hi' }), ['user text hi'])
  assert.deepEqual(
    flat({ systemInstruction: { parts: [{ text: 'be brief' }] }, contents: [{ role: 'user', parts: [{ text: 'hi' }] }, { role: 'model', parts: [{ functionCall: { name: 'ls', args: {} } }] }, { role: 'user', parts: [{ functionResponse: { name: 'ls', response: { out: 'etc' } } }] }] }),
    ['system text be brief', 'user text hi', 'model call ls {}', 'tool result ls {"out":"etc"}'],
  )
  assert.deepEqual(flat({ jsonrpc: '2.0', method: 'tools/call', params: { name: 'search', arguments: { q: 'x' } } }), ['tool call search {"q":"x"}'])
})

test('what is no prompt, is cut or is made to confuse is none, and throws nothing', () => {
  for (const body of ['', '{', '[]', 'null', '1', '{"messages":{}}', '{"messages":[]}', '{"messages":[null,1,"x",[]]}', '{"input":{"a":[1]}}', '{"contents":[{"parts":{"text":1}}]}', '{"messages":[{"content":[[[]]]}]}', '{"messages":[{"role":{"a":1},"content":{"text":"t"}}]}', '{"__proto__":{"messages":1}}', '{"method":"tools/call"}']) {
    for (const s of promptIn(body) ?? []) assert.equal(typeof s.text + typeof s.role, 'stringstring')
    for (const s of answerIn(body) ?? []) assert.equal(typeof s.text, 'string')
  }
  for (const n of [1, 5, 20, 40]) promptIn(JSON.stringify({ messages: [{ role: 'user', content: 'hello there' }] }).slice(0, n))
})

test('an answer is told whole and in events', () => {
  const said = (body: string) => (answerIn(body) ?? []).map((s) => `${s.kind} ${s.name ?? ''} ${s.text}`.replace(/ +/g, ' '))
  assert.deepEqual(said('{"choices":[{"message":{"role":"assistant","content":"Done.","tool_calls":[{"function":{"name":"ls","arguments":"{}"}}]}}]}'), ['text Done.', 'call ls {}'])
  assert.deepEqual(said('{"type":"message","content":[{"type":"text","text":"Done."},{"type":"tool_use","name":"ls","input":{}}]}'), ['text Done.', 'call ls {}'])
  assert.deepEqual(said('{"candidates":[{"content":{"parts":[{"text":"Done."}]}}]}'), ['text Done.'])
  assert.deepEqual(said('{"output":[{"type":"message","role":"assistant","content":[{"type":"output_text","text":"Done."}]}]}'), ['text Done.'])
  assert.deepEqual(said('{"jsonrpc":"2.0","result":{"content":[{"type":"text","text":"found"}]}}'), ['result found'])
  assert.deepEqual(said('data: {"choices":[{"delta":{"content":"Do"}}]}\n\ndata: {"choices":[{"delta":{"content":"ne","tool_calls":[{"function":{"name":"ls","arguments":"{"}}]}}]}\n\ndata: {"choices":[{"delta":{"tool_calls":[{"function":{"arguments":"}"}}]}}]}\n\ndata: [DONE]\n\n'), ['text Done', 'call ls {}'])
  assert.deepEqual(said('event: content_block_start\ndata: {"type":"content_block_start","content_block":{"type":"tool_use","name":"ls"}}\n\ndata: {"delta":{"type":"input_json_delta","partial_json":"{}"}}\n\ndata: {"delta":{"type":"text_delta","text":"Done"}}\n\ndata: {"delta":'), ['text Done', 'call ls {}'])
  assert.deepEqual(said('data: {"type":"response.output_text.delta","delta":"Done"}\n\n'), ['text Done'])
  assert.deepEqual(said('plain text'), [])
})

test('a conversation is told once, and what follows itself is one line', () => {
  const a = promptIn('{"messages":[{"role":"user","content":"hi"}]}')!
  const b = promptIn('{"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"yes"}]}')!
  assert.equal(alike([], a), 0)
  assert.equal(alike(a, b), 1)
  assert.equal(alike(b, promptIn('{"messages":[{"role":"system","content":"hi"}]}')!), 0)
  const runs = (s: string) => fold([...s], (c) => c).map((f) => f.rows.join(''))
  assert.deepEqual(runs('aabbbca'), ['a', 'a', 'bbb', 'c', 'a'])
  assert.deepEqual(runs(''), [])
  assert.deepEqual(runs('aaaa'), ['aaaa'])
})
