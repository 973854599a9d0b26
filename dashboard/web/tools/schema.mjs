// Writes the types of the API for the pages from its document: an interface that
// has a schema under each name, and what each route takes and answers.
//   node schema.mjs openapi.json > schema.ts
import { readFileSync } from 'node:fs'

const doc = JSON.parse(readFileSync(process.argv[2], 'utf8'))

const quoted = (s) => `'${s.replaceAll("'", "\\'")}'`
const key = (s) => (/^[A-Za-z_]\w*$/.test(s) ? s : quoted(s))

/** type writes a schema as TypeScript. */
function type(s, indent) {
  if (!s || Object.keys(s).length === 0) return 'unknown'
  if (s.$ref) return `Schemas[${quoted(s.$ref.replace('#/components/schemas/', ''))}]`
  if (s.enum) return s.enum.map((v) => (typeof v === 'string' ? quoted(v) : JSON.stringify(v))).join(' | ')
  if (s.oneOf ?? s.anyOf) return (s.oneOf ?? s.anyOf).map((x) => type(x, indent)).join(' | ')
  switch (s.type) {
    case 'string':
      return 'string'
    case 'integer':
    case 'number':
      return 'number'
    case 'boolean':
      return 'boolean'
    case 'null':
      return 'null'
    case 'array': {
      const inner = type(s.items, indent)
      return inner.includes(' ') && !inner.startsWith('{') ? `(${inner})[]` : `${inner}[]`
    }
    case 'object':
      return object(s, indent)
  }
  throw new Error(`no type is known for the schema ${JSON.stringify(s)}`)
}

function object(s, indent) {
  const props = Object.entries(s.properties ?? {})
  const wanted = new Set(s.required ?? [])
  if (props.length === 0) {
    return s.additionalProperties ? `Record<string, ${type(s.additionalProperties, indent)}>` : 'Record<string, never>'
  }
  const inner = indent + '  '
  const lines = props.map(([name, of]) => `${inner}${key(name)}${wanted.has(name) ? '' : '?'}: ${type(of, inner)}\n`)
  return `{\n${lines.join('')}${indent}}`
}

const body = (of, indent) => {
  const content = Object.entries(of?.content ?? {})[0]
  return content ? type(content[1].schema, indent) : 'null'
}

let out = '// Code generated from docs/openapi.json by tools/schema.mjs. DO NOT EDIT.\n\n'
out += '/** Schemas are what the API speaks of, by the names of its document. */\nexport interface Schemas {\n'
for (const [name, s] of Object.entries(doc.components.schemas)) out += `  ${quoted(name)}: ${type(s, '  ')}\n`
out += '}\n\n/** Routes are what can be asked of the API: what goes in, and what comes out. */\nexport interface Routes {\n'
for (const [path, item] of Object.entries(doc.paths)) {
  for (const [method, op] of Object.entries(item)) {
    if (!path.startsWith('/api/v1/')) continue
    const at = `${method.toUpperCase()} ${path.slice('/api/v1'.length)}`
    out += `  ${quoted(at)}: { in: ${body(op.requestBody, '  ')}; out: ${body(op.responses['200'], '  ')} }\n`
  }
}
out += '}\n'
process.stdout.write(out)
