import { useCallback, useEffect, useState } from 'react'
import { get, problem, type Problem } from '../lib/api'
import { useLive } from '../lib/live'
import { before } from '../lib/rows'
import type { Row } from '../lib/types'

/** useActions reads the newest actions of a query, and those that come. */
export function useActions(query: string, limit: number) {
  const [rows, setRows] = useState<Row[] | null>(null)
  const [error, setError] = useState<Problem | null>(null)
  const load = useCallback(() => {
    setError(null)
    get<Row[]>(`/actions/rows?q=${encodeURIComponent(`${query} limit:${limit}`)}`).then(setRows, (err) => setError(problem(err)))
  }, [query, limit])
  useEffect(load, [load])
  useLive(query, {
    onRows: (list) => setRows((old) => before(list, old ?? []).slice(0, limit)),
    onLost: load,
    onBack: load,
  })
  return { rows, error, load }
}
