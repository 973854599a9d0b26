import { del, get, post } from './api'
import { register } from './worker'

/** A Browse is a browser that the gateway tells when an agent asks. */
export interface Browse {
  id: string
  name: string
  browser: string
  service: string
  created: string
  seen: string
  told?: string
  ends?: boolean
  until?: string
  problem?: string
}

export interface PushStanding {
  key?: string
  why?: string
  browsers: Browse[]
}

/** cannot says why this browser cannot show notices; "" if it can. */
export function cannot(): string {
  if (!isSecureContext) return 'Notices need HTTPS, or localhost.'
  if (!('serviceWorker' in navigator) || !('PushManager' in window) || !('Notification' in window)) {
    return /iphone|ipad/i.test(navigator.platform) ? 'Add this page to the home screen first, and open it from there.' : 'This browser has no Web Push.'
  }
  return Notification.permission === 'denied' ? 'This browser was told to show no notices of this site; allow them in its settings.' : ''
}

const day = 24 * 60 * 60 * 1000

/** idOf is what the gateway calls an endpoint: the first bytes of its digest. */
async function idOf(endpoint: string): Promise<string> {
  const sum = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(endpoint))
  return [...new Uint8Array(sum).slice(0, 8)].map((b) => b.toString(16).padStart(2, '0')).join('')
}

async function current(): Promise<PushSubscription | null> {
  if (cannot()) return null
  const worker = await navigator.serviceWorker.getRegistration('/')
  return (await worker?.pushManager.getSubscription()) ?? null
}

/** here is the id of this very browser; "" if it is not subscribed. */
export async function here(): Promise<string> {
  const sub = await current()
  return sub ? idOf(sub.endpoint) : ''
}

function tell(sub: PushSubscription) {
  const { endpoint, keys } = sub.toJSON()
  return post<Browse>('/push', { endpoint, keys, browser: name() })
}

/** turnOn asks the person, subscribes and tells the gateway. */
export async function turnOn(key: string): Promise<void> {
  if ((await Notification.requestPermission()) !== 'granted') throw new Error('The browser was not allowed to show notices.')
  const worker = await register()
  await navigator.serviceWorker.ready
  const old = await worker.pushManager.getSubscription()
  await old?.unsubscribe() // it may be another gateway's
  await tell(await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key }))
}

export async function turnOff(id: string): Promise<void> {
  const sub = await current()
  if (sub && (await idOf(sub.endpoint)) === id) await sub.unsubscribe()
  await del(`/push/${id}`)
}

/** leave ends the subscription of this browser before its owner logs out. */
export async function leave(): Promise<void> {
  try {
    const id = await here()
    if (id) await turnOff(id)
  } catch {
    // The gateway ends it with the login.
  }
}

/** renew tells the gateway, once a day and for each login, whose browser this is still. */
export async function renew(me: string): Promise<void> {
  try {
    const sub = await current()
    if (!sub) return
    const id = await idOf(sub.endpoint)
    const { key, browsers } = await get<PushStanding>('/push', { quiet: true })
    const known = browsers.find((b) => b.id === id && b.name === me)
    if (!key || (known?.ends && Date.now() - new Date(known.seen).getTime() < day)) return
    if (!known) await sub.unsubscribe() // the gateway has ended it, or it was somebody else's
    else await tell(sub)
  } catch {
    // The next visit tries again.
  }
}

/** name is what the person will know the browser by. */
function name(): string {
  const ua = navigator.userAgent
  const browser = /Edg\//.test(ua) ? 'Edge' : /Firefox\//.test(ua) ? 'Firefox' : /Chrome\//.test(ua) ? 'Chrome' : /Safari\//.test(ua) ? 'Safari' : 'A browser'
  const system = /Android/.test(ua) ? 'Android' : /iPhone|iPad/.test(ua) ? 'iOS' : /Mac/.test(ua) ? 'macOS' : /Windows/.test(ua) ? 'Windows' : /Linux/.test(ua) ? 'Linux' : ''
  return system ? `${browser} on ${system}` : browser
}
