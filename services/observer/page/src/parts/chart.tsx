// One chart: uPlot with our colours, our hours, and the same numbers as a table for those who do not see it.
import { useEffect, useRef, useState } from 'preact/hooks'
import type { uPlot as UPlot } from './plot'
import { dark } from '../theme'

export interface Series {
  label: string
  tone: string // the name of a colour in tokens.css
  values: (number | null)[]
}

interface Props {
  title: string
  times: number[] // seconds since 1970
  series: Series[]
  kind: 'lines' | 'stack'
  say: (value: number) => string
  daily?: boolean
  counts?: boolean // whole numbers only
}

const HEIGHT = 180
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const DAYS = [1, 2, 7, 14, 30, 61, 122].map((days) => days * 86_400)
const WHOLE = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000].flatMap((size) => [size, 2 * size, 5 * size])
const dayOf = (seconds: number) => {
  const date = new Date(seconds * 1000)
  return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]}`
}
const hourOf = (seconds: number) => new Date(seconds * 1000).toTimeString().slice(0, 5)
const tokens = (name: string) => {
  const probe = document.createElement('i')
  probe.style.color = `var(--${name})`
  document.body.append(probe)
  const colour = getComputedStyle(probe).color
  probe.remove()
  return colour
}

function stacked(series: Series[]): (number | null)[][] {
  const sums: number[] = []
  return series.map(({ values }) => values.map((value, index) => (sums[index] = (sums[index] ?? 0) + (value ?? 0))))
}

export function Chart({ title, times, series, kind, say, daily = false, counts = false }: Props) {
  const box = useRef<HTMLDivElement>(null)
  const [uPlot, setUPlot] = useState<typeof UPlot | null>(null)
  useEffect(() => void import('./plot').then((plot) => setUPlot(() => plot.uPlot)), [])
  useEffect(() => {
    const here = box.current
    if (!here || !uPlot || times.length === 0) return
    const soft = tokens('soft')
    const line = tokens('line')
    // Stacked bars: the sums from the top down, each drawn over the one before.
    const shown = kind === 'stack' ? stacked(series).reverse() : series.map(({ values }) => values)
    const order = kind === 'stack' ? [...series].reverse() : series
    const axis = { stroke: soft, grid: { stroke: line, width: 1 }, ticks: { show: false }, font: '12px system-ui, sans-serif' }
    const bars = uPlot.paths.bars
    const half = kind === 'stack' ? ((times[1] ?? 0) - (times[0] ?? 0) || 3_600) / 2 : 0
    const chart = new uPlot(
      {
        width: Math.max(here.clientWidth, 200),
        height: HEIGHT,
        cursor: { drag: { x: false, y: false }, points: { show: kind === 'lines' } },
        legend: { show: false },
        padding: [null, 24, null, null], // the last label of the time axis stands half beyond it
        tzDate: (seconds) => (daily ? uPlot.tzDate(new Date(seconds * 1000), 'Etc/UTC') : new Date(seconds * 1000)),
        scales: { x: { time: true, range: (_, first, last) => [first - half, last + half] }, y: { range: (_, __, most) => [0, most > 0 ? most * 1.1 : 1] } },
        axes: [{ ...axis, space: 64, ...(daily ? { incrs: DAYS } : {}), values: (_, ticks) => ticks.map((tick) => (daily ? dayOf(tick) : hourOf(tick))) }, { ...axis, size: 58, ...(counts ? { incrs: WHOLE } : {}), values: (_, ticks) => ticks.map(say) }],
        series: [
          {},
          ...order.map(({ label, tone }) => {
            const colour = tokens(tone)
            return kind === 'stack' && bars
              ? { label, stroke: colour, fill: colour, width: 0, paths: bars({ size: [0.7, 36] }), points: { show: false } }
              : { label, stroke: colour, width: 2, points: { show: times.length < 40 }, spanGaps: true }
          }),
        ],
      },
      [times, ...shown] as UPlot.AlignedData,
      here,
    )
    const watcher = new ResizeObserver(() => chart.setSize({ width: Math.max(here.clientWidth, 200), height: HEIGHT }))
    watcher.observe(here)
    return () => {
      watcher.disconnect()
      chart.destroy()
    }
  }, [uPlot, times, series, kind, dark.value])
  const when = (seconds: number) => new Date(seconds * 1000).toISOString().slice(0, daily ? 10 : 16).replace('T', ' ')
  return (
    <figure>
      <div class="chart" ref={box} aria-hidden="true" />
      <figcaption class="legend">
        {series.map(({ label, tone }) => (
          <span key={label}>
            <i class={`swatch ${tone}`} />
            {label}
          </span>
        ))}
      </figcaption>
      <details>
        <summary>As a table</summary>
        <div class="scroll" tabIndex={0} role="region" aria-label={`${title} as a table`}>
          <table>
            <thead>
              <tr>
                <th scope="col">When (UTC)</th>
                {series.map(({ label }) => (
                  <th key={label} scope="col" class="num">
                    {label}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {times.map((seconds, index) => (
                <tr key={seconds}>
                  <td>{when(seconds)}</td>
                  {series.map(({ label, values }) => {
                    const value = values[index]
                    return (
                      <td key={label} class="num">
                        {value === null || value === undefined ? '–' : say(value)}
                      </td>
                    )
                  })}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </details>
    </figure>
  )
}
