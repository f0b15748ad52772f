// The last events that were heard since the page was opened, whichever view is shown.
import { signal } from '@preact/signals'
import type { HealthEvent } from './api'
import { listen } from './live'
import { now } from './time'

export const LONGEST_FEED = 40
const MOST_HEARD = 200 // what is told again and again is one line
export const heard = signal<HealthEvent[]>([])

listen((name, message) => {
  if (name !== 'event') return
  // What somebody published by hand has no id yet, and maybe no more than a type and a node.
  const event = { severity: 'warning', timestamp: new Date(now.value).toISOString(), ...message } as unknown as HealthEvent
  heard.value = [event, ...heard.value].slice(0, MOST_HEARD)
})

interface Told {
  type: string
  node: string
  service: string | null
  severity: string
}

/** Newest first: what a place repeats, with nothing else or worse told of it in between, is one line that says how often. */
export function folded<T extends Told>(lines: T[]): (T & { times: number })[] {
  const shown: (T & { times: number })[] = []
  const lastOf = new Map<string, T & { times: number }>()
  for (const line of lines) {
    const place = `${line.node}/${line.service ?? ''}`
    const later = lastOf.get(place)
    if (later?.type === line.type && later.severity === line.severity) {
      later.times += 1
      continue
    }
    const own = { ...line, times: 1 }
    lastOf.set(place, own)
    shown.push(own)
  }
  return shown
}
