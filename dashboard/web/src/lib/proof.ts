// A proof at the identity provider takes a tab of its own, which tells the page that
// asked for it. Nothing but that it is over goes from one to the other: whose proof it
// is and whether it holds, the page asks the API.

const name = 'sallyport-proof'

/** atProvider is the address by which somebody logs in at their provider, or proves anew
 * who they are, and then comes back to a page of the dashboard. */
export function atProvider(back: string, fresh: boolean): string {
  return `/api/v1/login/oidc?${new URLSearchParams({ ...(fresh && { fresh: '1' }), back })}`
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
