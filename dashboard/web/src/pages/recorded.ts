import { useCallback, useEffect, useRef, useState } from 'react'
import { get, problem, type Problem } from '../lib/api'
import { useLive } from '../lib/live'
import { again, before } from '../lib/rows'
import type { Row } from '../lib/types'

/** useActions reads the newest actions of a query, and those that come if it is live.
 * While another query is read, what the one before found stays in sight. */
export function useActions(query: string, limit: number, live = true) {
  const [read, setRead] = useState<{ of: string; rows: Row[] } | null>(null)
  const [error, setError] = useState<Problem | null>(null)
  const asked = useRef(query)
  asked.current = query
  const load = useCallback(() => {
    setError(null)
    get<Row[]>(`/actions/rows?q=${encodeURIComponent(`${query} limit:${limit}`)}`).then(
      (page) => {
        if (asked.current !== query) return
        setRead((old) => ({ of: query, rows: old?.of === query ? again(page, old.rows).slice(0, limit) : page }))
      },
      (err) => asked.current === query && setError(problem(err)),
    )
  }, [query, limit])
  useEffect(load, [load])
  const now = read?.of === query ? read.rows : null
  useLive(live && now ? query : null, now?.[0]?.seq ?? 0, {
    onRows: (list) => setRead((old) => old && { ...old, rows: before(list, old.rows).slice(0, limit) }),
    onLost: load,
    onBack: load,
  })
  return { rows: read?.rows ?? null, error, load }
}
