// The last events that were heard since the page was opened, whichever view is shown.
import { signal } from '@preact/signals'
import type { HealthEvent } from './api'
import { listen } from './live'

export const LONGEST_FEED = 40
export const heard = signal<HealthEvent[]>([])

listen((name, message) => {
  if (name === 'event') heard.value = [message as unknown as HealthEvent, ...heard.value].slice(0, LONGEST_FEED)
})
