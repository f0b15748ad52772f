// The last events that were heard since the page was opened, whichever view is shown.
import { signal } from '@preact/signals'
import type { HealthEvent } from './api'
import { listen } from './live'
import { now } from './time'

export const LONGEST_FEED = 40
export const heard = signal<HealthEvent[]>([])

listen((name, message) => {
  if (name !== 'event') return
  // What somebody published by hand has no id yet, and maybe no more than a type and a node.
  const event = { severity: 'warning', timestamp: new Date(now.value).toISOString(), ...message } as unknown as HealthEvent
  heard.value = [event, ...heard.value].slice(0, LONGEST_FEED)
})
