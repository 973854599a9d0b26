import { useEffect, useRef, useState } from 'react'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import './chart.css'
import { useTheme } from '../lib/theme'
import { Foreign } from './kit'

export interface Line {
  name: string
  values: number[]
}

interface Props {
  label: string // what the picture shows, for those who do not see it
  times: number[] // seconds
  step: 'hour' | 'day'
  lines: Line[]
  say: (n: number) => string
}

const height = 240

/** Chart stacks lines over time as bars. What it shows stands in a table beside it. */
export default function Chart({ label, times, step, lines, say }: Props) {
  const box = useRef<HTMLDivElement>(null)
  const legend = useRef<HTMLUListElement>(null)
  const [at, setAt] = useState<number | null>(null)
  const theme = useTheme()
  useEffect(() => {
    const el = box.current!
    const colours = [...legend.current!.querySelectorAll('.swatch')].map((s) => getComputedStyle(s).backgroundColor)
    const plot = new uPlot(options(el, colours, step, say, setAt), stack(times, lines), el)
    const watch = new ResizeObserver(() => plot.setSize({ width: el.clientWidth, height }))
    watch.observe(el)
    const scheme = matchMedia('(prefers-color-scheme: dark)')
    const paint = () => plot.redraw(false)
    scheme.addEventListener('change', paint)
    return () => {
      scheme.removeEventListener('change', paint)
      watch.disconnect()
      plot.destroy()
    }
  }, [times, lines, step, say, theme])
  return (
    <>
      <div className="chart" ref={box} role="img" aria-label={label} />
      <div className="legend-head quiet small">{at === null ? 'The whole range' : moment(times[at]!, step)}</div>
      <ul className="legend" ref={legend}>
        {lines.map((l, i) => (
          <li key={l.name}>
            <span className={`swatch c${i % 8}`} aria-hidden="true" />
            <span className="clip"><Foreign text={l.name} /></span>
            <span className="num">{say(at === null ? l.values.reduce((a, b) => a + b, 0) : l.values[at]!)}</span>
          </li>
        ))}
      </ul>
    </>
  )
}

/** stack puts each line on those before it; the highest is drawn first. */
function stack(times: number[], lines: Line[]): uPlot.AlignedData {
  const sums: number[][] = []
  const so = times.map(() => 0)
  for (const l of lines) {
    l.values.forEach((v, i) => (so[i]! += v))
    sums.unshift([...so])
  }
  return [times, ...sums]
}

function options(el: HTMLElement, colours: string[], step: 'hour' | 'day', say: (n: number) => string, onPoint: (i: number | null) => void): uPlot.Options {
  const style = () => getComputedStyle(el)
  const axis = { stroke: () => style().color, font: '12px system-ui, sans-serif', ticks: { show: false } }
  const grid = { stroke: () => style().borderTopColor, width: 1 }
  return {
    width: el.clientWidth,
    height,
    tzDate: (ts) => uPlot.tzDate(new Date(ts * 1e3), 'Etc/UTC'),
    legend: { show: false },
    cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
    scales: { x: { time: true, range: (_, lo, hi) => [lo - seconds[step] / 2, hi + seconds[step] / 2] }, y: { range: (_, __, hi) => [0, hi > 0 ? hi * 1.05 : 1] } },
    axes: [{ ...axis, grid: { show: false }, space: step === 'day' ? 64 : 48, incrs: [1, 2, 3, 6, 12, 24].map((n) => n * seconds[step]), values: (_, list) => list.map((s) => tick(s, step)) }, { ...axis, grid, size: 76, values: (_, list) => list.map(say) }],
    series: [{}, ...colours.map((_, i) => ({ fill: colours[colours.length - 1 - i]!, width: 0, points: { show: false }, paths: uPlot.paths.bars!({ size: [0.72, 48] }) }))],
    hooks: { setCursor: [(u) => onPoint(u.cursor.idx ?? null)] },
  }
}

const seconds = { hour: 3600, day: 86_400 }

const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' })

const tick = (s: number, step: 'hour' | 'day') => (step === 'day' ? day.format(s * 1e3) : new Date(s * 1e3).toISOString().slice(11, 16))

function moment(s: number, step: 'hour' | 'day'): string {
  const iso = new Date(s * 1e3).toISOString()
  return step === 'day' ? `${iso.slice(0, 10)} (UTC)` : `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`
}
