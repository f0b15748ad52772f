// A list from the API that stays fresh: read at once, and again when the live stream says that it is old.
import { signal, type Signal } from '@preact/signals'
import { useEffect, useMemo } from 'preact/hooks'
import { get, Problem } from './api'
import { listen, viewers, type Message, type Name } from './live'
import { signedOut } from './session'

export interface Loaded<T> {
  data: T | null
  problem: Problem | null
  reload: () => void
}

/** How soon a message makes a list old: at once, in a while (a mere count has changed), or not at all. */
export type Wants = (name: Name, message: Message) => boolean | 'late'

const COALESCE_MS = 40
const LATE_MS = 3_000
/** What stands against a yes changes without a word on the stream: an executor that dies says nothing. */
export const OBSTACLES_MS = 30_000
// A change is shown at once, some times in a row. While everything changes all the time, a list is read the less often
// the longer the observer takes for it and the more people look: all together they keep it busy half of the time.
const QUICK_GAP_MS = 150
const QUICK_READS = 6
const STEADY_GAP_MS = 700
const LONGEST_GAP_MS = 15_000

class Reader<T> {
  readonly data: Signal<T | null> = signal(null)
  readonly problem: Signal<Problem | null> = signal(null)
  private busy = false
  private again = false
  private timer = 0
  private due = 0
  private quick = QUICK_READS
  private ended = -Infinity
  private tookMs = 0
  private closed = false

  constructor(
    private readonly path: string,
    private readonly wants: Wants,
    private readonly everyMs: number,
  ) {}

  open = (): (() => void) => {
    const leave = listen((name, message) => {
      const wanted = name === 'reload' || this.wants(name, message)
      if (wanted) this.soon(wanted === 'late' ? LATE_MS : COALESCE_MS)
    })
    const seen = () => !document.hidden && this.again && this.soon(COALESCE_MS)
    document.addEventListener('visibilitychange', seen)
    const again = this.everyMs ? window.setInterval(() => this.soon(COALESCE_MS), this.everyMs) : 0
    void this.now()
    return () => {
      this.closed = true
      leave()
      window.clearInterval(again)
      document.removeEventListener('visibilitychange', seen)
      window.clearTimeout(this.timer)
    }
  }

  private soon(patienceMs: number) {
    this.again = true
    if (this.busy || document.hidden) return
    const now = performance.now()
    const due = Math.max(now + patienceMs, this.ended + (this.quick >= 1 ? QUICK_GAP_MS : this.steadyMs()))
    if (this.timer && this.due <= due) return
    window.clearTimeout(this.timer)
    this.due = due
    this.timer = window.setTimeout(() => void this.now(), due - now)
  }

  private steadyMs = () => Math.min(Math.max(STEADY_GAP_MS, 2 * viewers.value * this.tookMs), LONGEST_GAP_MS)

  now = async () => {
    if (this.busy) {
      this.again = true
      return
    }
    window.clearTimeout(this.timer)
    this.timer = 0
    this.busy = true
    this.again = false
    const began = performance.now()
    try {
      const data = await get<T>(this.path)
      if (this.closed) return
      this.data.value = data
      this.problem.value = null
    } catch (error) {
      if (this.closed) return
      if (!(error instanceof Problem)) throw error
      if (error.status === 401) signedOut(error.code)
      this.problem.value = error
    } finally {
      this.busy = false
      this.quick = Math.max(Math.min(QUICK_READS, this.quick + (began - this.ended) / this.steadyMs()) - 1, 0)
      this.ended = performance.now()
      this.tookMs = this.ended - began
    }
    if (this.closed) return
    if (this.again) this.soon(COALESCE_MS)
  }
}

const never = () => false

/** `wants` must not change between renders in what it means; a new `path` begins anew. `everyMs`: also so often. */
export function useLoaded<T>(path: string | null, wants: Wants = never, everyMs = 0): Loaded<T> {
  const reader = useMemo(() => (path === null ? null : new Reader<T>(path, wants, everyMs)), [path])
  useEffect(() => reader?.open(), [reader])
  return {
    data: reader?.data.value ?? null,
    problem: reader?.problem.value ?? null,
    reload: () => void reader?.now(),
  }
}

export const on =
  (...names: Name[]): Wants =>
  (name) =>
    names.includes(name)

/** As `on(first)`; and in a while on events, which change no more than how often something was announced. */
export const onAndLateOnEvents =
  (...names: Name[]): Wants =>
  (name) =>
    names.includes(name) || (name === 'event' && 'late')
