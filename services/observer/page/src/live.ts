// The live stream: one EventSource for the whole page. What it brings is a hint that lists are old, never the truth.
import { signal } from '@preact/signals'
import { url } from './api'

/** `index` and `audit`: what is read from there may be old. `reload`: anything may be. */
export type Name = 'event' | 'world' | 'action' | 'attempt' | 'request' | 'output' | 'index' | 'audit' | 'reload'
export type Message = Record<string, unknown>
type Listener = (name: Name, message: Message) => void

/** How many look, as the observer said when it let us in. */
export const viewers = signal(1)
export const connection = signal<'opening' | 'live' | 'lost'>('opening')

const NAMES: Name[] = ['event', 'world', 'action', 'attempt', 'request', 'output', 'index', 'audit']
const FIRST_WAIT_MS = 400
const LONGEST_WAIT_MS = 5_000
const SILENCE_MS = 40_000 // the server says something every 15 s, but comments are not seen here: see `watchdog`
const listeners = new Set<Listener>()
let source: EventSource | null = null
let waitMs = FIRST_WAIT_MS
let timer = 0

export function listen(listener: Listener): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

function tell(name: Name, message: Message) {
  for (const listener of [...listeners]) listener(name, message)
}

export function connect() {
  window.clearTimeout(timer)
  source?.close()
  const own = (source = new EventSource(url('stream')))
  own.addEventListener('hello', (event) => {
    viewers.value = viewersIn((event as MessageEvent<string>).data)
    const again = connection.value !== 'live'
    connection.value = 'live'
    waitMs = FIRST_WAIT_MS
    if (again) tell('reload', {})
  })
  own.addEventListener('lag', () => tell('reload', {}))
  for (const name of NAMES) {
    own.addEventListener(name, (event) => {
      try {
        tell(name, JSON.parse((event as MessageEvent<string>).data) as Message)
      } catch {
        // not JSON: the server checks, so this cannot be trusted with anything else
      }
    })
  }
  own.onerror = () => {
    own.close()
    if (own !== source) return
    connection.value = 'lost'
    tell('reload', {}) // finds out why: a 401 brings the login form
    timer = window.setTimeout(connect, waitMs * (0.75 + Math.random() / 2))
    waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)
  }
}

function viewersIn(data: string): number {
  try {
    const said = (JSON.parse(data) as { viewers?: unknown }).viewers
    return typeof said === 'number' && said > 0 ? said : 1
  } catch {
    return 1
  }
}

export function disconnect() {
  window.clearTimeout(timer)
  source?.close()
  source = null
}

// A laptop that slept may hold a dead connection: begin anew when it comes back after a while.
let hiddenAt = 0
document.addEventListener('visibilitychange', () => {
  if (document.hidden) hiddenAt = Date.now()
  else if (source && Date.now() - hiddenAt > SILENCE_MS) connect()
})
window.addEventListener('online', () => source && connect())
