// The one policy of Trusted Types that the gateway allows, made before anything
// else so that nobody else can make it: it gives one address.

const at = '/sw.js'

interface Policies {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): unknown }
}

const policies = (globalThis as { trustedTypes?: Policies }).trustedTypes
const policy = policies?.createPolicy('sallyport-worker', {
  createScriptURL(url) {
    if (url !== at) throw new TypeError('there is one worker')
    return url
  },
})

export function register(): Promise<ServiceWorkerRegistration> {
  return navigator.serviceWorker.register((policy ? policy.createScriptURL(at) : at) as string, { scope: '/' })
}

/** whenClicked calls f with the page that a notice leads to, in a window that is
 * among the approvals already. It gives what ends that. */
export function whenClicked(f: (url: string) => void): () => void {
  const workers = navigator.serviceWorker as ServiceWorkerContainer | undefined
  const told = (e: MessageEvent) => {
    const url: unknown = (e.data as { go?: unknown } | null)?.go
    if (typeof url !== 'string' || !url.startsWith('/approvals') || !location.pathname.startsWith('/approvals')) return
    e.ports[0]?.postMessage(true)
    f(url)
  }
  workers?.addEventListener('message', told)
  return () => workers?.removeEventListener('message', told)
}
