import { createContext, useContext } from 'react'
import type { Caller, Right } from './types'

// Who looks at the pages. The API judges every call by itself; here it is only
// known what need not be offered.

export const Who = createContext<Caller | null>(null)

export const useWho = () => useContext(Who)

export function useMay(): (r: Right) => boolean {
  const who = useContext(Who)
  return (r) => who === null || who.rights.includes(r)
}
