import { account, authOf, byRole, isName, kindOf, wants, type Account } from './account'
import type { Draft, Preset, SourceText } from './types'

// What a person fills in to have a service, and the draft that it becomes.

export interface ServiceForm {
  preset: Preset
  name: string
  hosts: string
  ca: string // a file beside the configuration; '' where its certificate is publicly signed
  account: Account // of every role, or of none
  each: boolean // every role has an account of its own
  accounts: Record<string, Account> // by role, where each has its own
  databases: string
  posture: string
  roles: string[] // that use it
  newRole: string // '': none is made
}

export function begin(preset: Preset, roles: string[], taken: string[]): ServiceForm {
  let name = preset.name === 'http' || preset.name === 'postgres' ? '' : preset.name
  for (let i = 2; taken.includes(name) && name !== ''; i++) name = `${preset.name}_${i}`
  return {
    preset,
    name,
    hosts: '',
    ca: '',
    account: account(preset.auth ? 'preset' : preset.protocol === 'postgres' ? 'password' : 'none', { secret: preset.auth ? (preset.secrets?.[0] ?? '') : '' }),
    each: false,
    accounts: {},
    databases: '',
    posture: preset.posture || 'guarded',
    roles: roles.length === 1 ? [...roles] : [],
    newRole: roles.length === 0 ? 'agents' : '',
  }
}

export const words = (s: string) => s.split(/[,\s]+/).filter(Boolean)

/** users are the roles that will use it. */
export const users = (f: ServiceForm) => [...f.roles, ...(f.newRole ? [f.newRole] : [])]

/** ownOf is the account of a role, where each has its own. */
export const ownOf = (f: ServiceForm, role: string) => f.accounts[role] ?? account(f.preset.protocol === 'postgres' ? 'password' : 'bearer')

/** lacks says what is still to be filled in; '' when nothing is. */
export function lacks(f: ServiceForm): string {
  if (!f.name) return 'Give it a name.'
  if (!isName(f.name)) return 'A name is made of letters, digits, _ and -, and begins with a letter.'
  if ((f.preset.hosts ?? []).length === 0 && words(f.hosts).length === 0) return 'Say where it is.'
  if (f.newRole && !isName(f.newRole)) return 'The name of the new role is made of letters, digits, _ and -, and begins with a letter.'
  if (!f.each) return wants(f.account, f.name)
  if (users(f).length === 0) return 'Say which roles use it: each of them has its account.'
  for (const role of users(f)) {
    const lack = wants(ownOf(f, role), `${f.name}_${role}`)
    if (lack) return `${role}: ${lack}`
  }
  return ''
}

/** own reports whether another secret than the preset's is put where it says. */
const own = (f: ServiceForm) => f.account.kind === 'preset' && f.account.values.secret !== '' && f.account.values.secret !== f.preset.secrets?.[0]

/** simple reads a credential such as basic("user", secret.s, "Header"). */
const simple = (auth: string) => /^(\w+)\((?:"([^"\\]*)", )?secret\.[\w-]+(?:, "([^"\\]*)")?\)$/.exec(auth)

export const canRename = (p: Preset) => !!p.auth && simple(p.auth) !== null

function accountOf(f: ServiceForm): unknown {
  if (f.each) return byRole(users(f).map((role) => [role, ownOf(f, role)]), f.name)
  if (kindOf(f.account)) return authOf(f.account, f.name)
  const m = own(f) ? simple(f.preset.auth ?? '') : null
  const ref = { ref: `secret.${f.account.values.secret}` }
  return m ? { call: m[1], args: [m[2], ref, m[3]].filter((x) => x !== undefined) } : undefined
}

/** extend gives the text of a role with one more service that it uses; null where
 * it cannot be told how. */
export function extend(hcl: string, ref: string): string | null {
  const m = /^(\s*use\s*=\s*\[)([^\][#/]*)(\])|(\buse\s*=\s*\[)([^\][#/]*)(\])/m.exec(hcl)
  if (m) {
    const [head, inside, tail] = [m[1] ?? m[4]!, m[2] ?? m[5]!, m[3] ?? m[6]!]
    const had = inside.trim().replace(/,$/, '')
    const wide = inside.includes('\n')
    const list = had === '' ? ref : wide ? `${inside.trimEnd().replace(/,$/, '')},\n    ${ref},\n  ` : `${had}, ${ref}`
    return hcl.slice(0, m.index) + head + list + tail + hcl.slice(m.index + m[0].length)
  }
  if (/\buse\b/.test(hcl)) return null
  const end = hcl.lastIndexOf('}')
  return end < 0 ? null : `${hcl.slice(0, end).trimEnd()}\n  use = [${ref}]\n}`
}

/** draftOf makes the draft: the service, and the roles that use it. */
export function draftOf(f: ServiceForm, source: SourceText): Draft {
  const attributes: Record<string, unknown> = {}
  const hosts = words(f.hosts)
  if (f.name !== f.preset.name || hosts.length > 0) attributes.preset = f.preset.name
  if (hosts.length > 0) attributes.hosts = hosts
  else if (f.name !== f.preset.name) attributes.hosts = f.preset.hosts
  if (f.ca.trim()) attributes.tls = { object: { ca: { call: 'file', args: [f.ca.trim()] } } }
  const auth = accountOf(f)
  if (auth) attributes.auth = auth
  if (f.preset.protocol === 'postgres' && words(f.databases).length > 0) attributes.databases = words(f.databases)
  if (f.posture !== (f.preset.posture || 'guarded')) attributes.posture = f.posture
  const ref = `service.${f.name}`
  const edits: Extract<Draft, { edits: unknown }>['edits'] = [{ op: 'add', kind: 'service', name: f.name, block: { attributes } }]
  for (const role of f.roles) {
    const block = source.blocks.find((b) => b.kind === 'role' && b.name === role)
    const hcl = block && extend(block.hcl, ref)
    if (hcl) edits.push({ op: 'replace', kind: 'role', name: role, hcl })
  }
  if (f.newRole) edits.push({ op: 'add', kind: 'role', name: f.newRole, block: { attributes: { use: [{ ref }] } } })
  return { edits }
}

/** stuck lists the chosen roles that have to be edited by hand. */
export function stuck(f: ServiceForm, source: SourceText): string[] {
  return f.roles.filter((role) => {
    const block = source.blocks.find((b) => b.kind === 'role' && b.name === role)
    return !block || extend(block.hcl, 'service.x') === null
  })
}
