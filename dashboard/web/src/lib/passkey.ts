import { post, Problem } from './api'

// Passkeys by the browser's own JSON forms (WebAuthn Level 3, 5.1.8 to 5.1.10).

interface Options {
  publicKey: unknown
}

type Static = typeof PublicKeyCredential & {
  parseRequestOptionsFromJSON?: (o: unknown) => PublicKeyCredentialRequestOptions
  parseCreationOptionsFromJSON?: (o: unknown) => PublicKeyCredentialCreationOptions
}

/** canPasskey reports whether this browser, at this address, takes passkeys. */
export function canPasskey(): boolean {
  return isSecureContext && typeof PublicKeyCredential === 'function' && !!(PublicKeyCredential as Static).parseRequestOptionsFromJSON
}

async function asked(wait: Promise<Credential | null>): Promise<unknown> {
  let got: Credential | null
  try {
    got = await wait
  } catch {
    throw new Problem(-1, 'The browser gave no passkey; it was cancelled, or there is none for this address.')
  }
  return (got as PublicKeyCredential & { toJSON(): unknown }).toJSON()
}

/** usePasskey logs in with one, or proves anew who asks. */
export async function usePasskey() {
  const o = await post<Options>('/session/passkey/challenge', undefined, { quiet: true })
  const publicKey = (PublicKeyCredential as Static).parseRequestOptionsFromJSON!(o.publicKey)
  await post('/session/passkey', await asked(navigator.credentials.get({ publicKey })), { quiet: true })
}

/** makePasskey registers one under a name. */
export async function makePasskey(name: string) {
  const o = await post<Options>('/passkeys/challenge')
  const publicKey = (PublicKeyCredential as Static).parseCreationOptionsFromJSON!(o.publicKey)
  await post('/passkeys', { name, credential: await asked(navigator.credentials.create({ publicKey })) })
}
