// Times as people say them: how long ago, how much longer. One clock ticks for the whole page, by the server's time.
import { computed, signal } from '@preact/signals'
import { clockSkewMs } from './api'

const tick = signal(Date.now())
window.setInterval(() => {
  if (!document.hidden) tick.value = Date.now()
}, 1_000)

export const now = computed(() => tick.value + clockSkewMs())

const UNITS: [string, number][] = [
  ['d', 86_400],
  ['h', 3_600],
  ['m', 60],
]

/** 45s, 3m, 2h10m, 5d3h; `fine`: also 3m20s */
export function span(seconds: number, fine = false): string {
  const whole = Math.max(0, Math.floor(seconds))
  if (fine && whole >= 60 && whole < 3_600 && whole % 60) return `${Math.floor(whole / 60)}m${whole % 60}s`
  for (const [index, [unit, size]] of UNITS.entries()) {
    if (whole >= size) {
      const smaller = UNITS[index + 1]
      const rest = smaller ? Math.floor((whole % size) / smaller[1]) : 0
      return `${Math.floor(whole / size)}${unit}${smaller && rest ? `${rest}${smaller[0]}` : ''}`
    }
  }
  return `${whole}s`
}

export const seconds = (value: number) => (value < 10 ? `${value.toFixed(1)}s` : span(value, true))

export const clock = (iso: string) => {
  const date = new Date(iso)
  if (Number.isNaN(date.getTime())) return iso
  const pad = (value: number) => String(value).padStart(2, '0')
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())} ${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`
}

export function Ago({ at }: { at: string | null | undefined }) {
  const moment = Date.parse(at ?? '')
  if (!at || Number.isNaN(moment)) return <span>–</span>
  return (
    <time dateTime={at} title={clock(at)}>
      {span((now.value - moment) / 1000)}
    </time>
  )
}

export function Left({ until }: { until: string }) {
  const left = (Date.parse(until) - now.value) / 1000
  return (
    <time dateTime={until} title={clock(until)} class={left < 3_600 ? 'soon' : undefined}>
      {left <= 0 ? 'expired' : span(left)}
    </time>
  )
}

export function Clock({ at }: { at: string | null | undefined }) {
  return at ? <time dateTime={at}>{clock(at)}</time> : <span>–</span>
}
