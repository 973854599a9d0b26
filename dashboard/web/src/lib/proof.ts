// A proof at the identity provider takes a tab of its own, which tells the page that
// asked for it. Nothing but that it is over goes from one to the other: whose proof it
// is and whether it holds, the page asks the API.

const name = 'sallyport-proof'

/** atProvider is the address by which somebody logs in at their provider, or proves anew
 * who they are, and then comes back to a page of the dashboard. */
export function atProvider(back: string, fresh: boolean): string {
  return `/api/v1/login/oidc?${new URLSearchParams({ ...(fresh && { fresh: '1' }), back })}`
}

/** pageHere gives the page of the dashboard that an address names, as path and query, and
 * the first one for everything that a browser takes for another site's. */
export function pageHere(address: string, origin: string): string {
  try {
    const u = new URL(address, origin)
    const page = u.pathname + u.search
    if (u.origin === origin && new URL(page, origin).origin === origin) return page
  } catch {
    // It is no address.
  }
  return '/'
}

export function tellProven() {
  const c = new BroadcastChannel(name)
  c.postMessage(true)
  c.close()
}

/** whenProven calls f when a tab has come back; it gives what ends that. */
export function whenProven(f: () => void): () => void {
  const c = new BroadcastChannel(name)
  c.onmessage = f
  return () => c.close()
}
