'use strict'
// The service worker shows what a push service brings, and opens the page that it
// is about. It fetches nothing for the pages and keeps nothing.

const line = (v, otherwise) => (typeof v === 'string' && v ? v.slice(0, 200) : otherwise)

/** place is where a notice leads: a page of approvals, here and nowhere else. */
function place(url) {
  const at = new URL(line(url, '/approvals'), location.origin)
  return at.origin === location.origin && (at.pathname === '/approvals' || at.pathname.startsWith('/approvals/')) ? at.pathname : '/approvals'
}

self.addEventListener('install', () => self.skipWaiting())

self.addEventListener('push', (event) => {
  let notice = {}
  try {
    notice = event.data?.json() ?? {}
  } catch {
    // What cannot be read is shown as an ask, since a browser wants to see something.
  }
  event.waitUntil(
    self.registration.showNotification(line(notice.title, 'An agent asks'), {
      body: line(notice.body, ''),
      tag: line(notice.tag, 'asks'),
      renotify: true,
      requireInteraction: true,
      icon: '/favicon.svg',
      data: { url: place(notice.url) },
    }),
  )
})

self.addEventListener('notificationclick', (event) => {
  event.notification.close()
  event.waitUntil(show(place(event.notification.data?.url)))
})

/** taken asks a window whether it is among the approvals; if so, it goes to the ask. */
const taken = (c, url) =>
  new Promise((done) => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => done(true)
    c.postMessage({ go: url }, [port2])
    setTimeout(() => done(false), 1000) // a phone that wakes up takes its time
  })

/** show leads a window that is among the approvals to the ask, or opens one: what
 * somebody is writing elsewhere stays. */
async function show(url) {
  for (const c of await self.clients.matchAll({ type: 'window', includeUncontrolled: true })) {
    if (!(await taken(c, url))) continue
    return c.focus().catch(() => c) // it was led there all the same
  }
  return self.clients.openWindow(url)
}

// The browser changes an endpoint when it likes; the gateway is told the new one.
self.addEventListener('pushsubscriptionchange', (event) => {
  event.waitUntil(
    (async () => {
      const sub = event.newSubscription ?? (event.oldSubscription && (await self.registration.pushManager.subscribe(event.oldSubscription.options)))
      if (!sub) return
      const { endpoint, keys } = sub.toJSON()
      await fetch('/api/v1/push', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        credentials: 'same-origin',
        body: JSON.stringify({ endpoint, keys }),
      })
    })(),
  )
})
