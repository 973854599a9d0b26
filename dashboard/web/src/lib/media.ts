import { useSyncExternalStore } from 'react'

export function useMedia(query: string): boolean {
  return useSyncExternalStore(
    (w) => {
      const m = matchMedia(query)
      m.addEventListener('change', w)
      return () => m.removeEventListener('change', w)
    },
    () => matchMedia(query).matches,
  )
}

export const useNarrow = () => useMedia('(max-width: 719px)')
