import { useEffect, useLayoutEffect, useRef, useState, type KeyboardEvent, type ReactNode, type Ref } from 'react'

// A list of any length whose rows are all of one height: only those in sight are
// in the document.

interface Props {
  count: number
  rowHeight: number
  label: string
  head: ReactNode
  columns: number
  selected: number // -1: none
  onSelect: (i: number) => void
  onOpen: (i: number) => void
  onNearEnd?: () => void
  onScrolled?: (top: boolean) => void
  row: (i: number) => ReactNode
  rowKey: (i: number) => string | number
  scroller?: Ref<HTMLDivElement>
  foot?: ReactNode
}

const spare = 8

export function VirtualGrid(p: Props) {
  const box = useRef<HTMLDivElement>(null)
  const [top, setTop] = useState(0)
  const [height, setHeight] = useState(600)
  const { count, rowHeight, onNearEnd } = p

  useLayoutEffect(() => {
    const el = box.current!
    const seen = new ResizeObserver(() => setHeight(el.clientHeight))
    seen.observe(el)
    return () => seen.disconnect()
  }, [])

  const from = Math.max(0, Math.floor(top / rowHeight) - spare)
  const to = Math.min(count, Math.ceil((top + height) / rowHeight) + spare)

  useEffect(() => {
    if (onNearEnd && to > count - 100) onNearEnd()
  }, [to, count, onNearEnd])

  // The selected row is kept in sight when it moves.
  useEffect(() => {
    const el = box.current!
    if (p.selected < 0) return
    const y = p.selected * rowHeight
    if (y < el.scrollTop) el.scrollTop = y
    else if (y + rowHeight > el.scrollTop + el.clientHeight - rowHeight) el.scrollTop = y + 2 * rowHeight - el.clientHeight
  }, [p.selected, rowHeight])

  const onKeyDown = (e: KeyboardEvent) => {
    if (e.metaKey || e.ctrlKey || e.altKey || e.target !== e.currentTarget) return
    const page = Math.max(1, Math.floor(height / rowHeight) - 2)
    const at = p.selected
    const moves: Record<string, number> = {
      ArrowDown: at + 1, j: at + 1, ArrowUp: at - 1, k: at - 1,
      PageDown: at + page, PageUp: at - page, Home: 0, End: count - 1,
    }
    const next = moves[e.key]
    if (next !== undefined) {
      e.preventDefault()
      if (count > 0) p.onSelect(Math.min(count - 1, Math.max(0, next)))
    } else if (e.key === 'Enter' && at >= 0) {
      e.preventDefault()
      p.onOpen(at)
    }
  }

  const rows: ReactNode[] = []
  for (let i = from; i < to; i++) {
    rows.push(
      <div
        key={p.rowKey(i)}
        id={`row-${i}`}
        role="row"
        aria-rowindex={i + 2}
        aria-selected={i === p.selected}
        className="vrow"
        style={{ transform: `translateY(${i * rowHeight}px)` }}
        onClick={() => p.onOpen(i)}
      >
        {p.row(i)}
      </div>,
    )
  }
  return (
    <div
      ref={box}
      className="vgrid"
      role="grid"
      tabIndex={0}
      aria-label={p.label}
      aria-rowcount={count + 1}
      aria-colcount={p.columns}
      aria-activedescendant={p.selected >= from && p.selected < to ? `row-${p.selected}` : undefined}
      onKeyDown={onKeyDown}
      onScroll={(e) => {
        setTop(e.currentTarget.scrollTop)
        p.onScrolled?.(e.currentTarget.scrollTop < rowHeight)
      }}
    >
      <div role="rowgroup" className="vhead">
        <div role="row" aria-rowindex={1} className="vheadrow">
          {p.head}
        </div>
      </div>
      <div role="rowgroup" className="vbody" style={{ height: count * rowHeight }}>
        {rows}
      </div>
      {p.foot}
    </div>
  )
}
