// A list from the API that stays fresh: read at once, and again when the live stream says that it is old.
import { signal, type Signal } from '@preact/signals'
import { useEffect, useMemo } from 'preact/hooks'
import { get, Problem } from './api'
import { listen, type Message, type Name } from './live'
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
// After a quiet time a change is shown at once. While everything changes all the time, each read waits twice as long
// as the one before it, and never takes more than an eighth of the time: many viewers cost the observer little.
const FIRST_GAP_MS = 150
const LONGEST_GAP_MS = 5_000
const REMEMBERED_MS = 10_000
const GAP_PER_READ = 8

class Reader<T> {
  readonly data: Signal<T | null> = signal(null)
  readonly problem: Signal<Problem | null> = signal(null)
  private busy = false
  private again = false
  private timer = 0
  private due = 0
  private reads: number[] = []
  private tookMs = 0
  private closed = false

  constructor(
    private readonly path: string,
    private readonly wants: Wants,
  ) {}

  open = (): (() => void) => {
    const leave = listen((name, message) => {
      const wanted = name === 'reload' || this.wants(name, message)
      if (wanted) this.soon(wanted === 'late' ? LATE_MS : COALESCE_MS)
    })
    const seen = () => !document.hidden && this.again && this.soon(COALESCE_MS)
    document.addEventListener('visibilitychange', seen)
    void this.now()
    return () => {
      this.closed = true
      leave()
      document.removeEventListener('visibilitychange', seen)
      window.clearTimeout(this.timer)
    }
  }

  private soon(patienceMs: number) {
    this.again = true
    if (this.busy || document.hidden) return
    const now = performance.now()
    const hot = this.reads.filter((ended) => now - ended < REMEMBERED_MS).length
    const gapMs = Math.min(Math.max(FIRST_GAP_MS * 2 ** Math.max(0, hot - 1), GAP_PER_READ * this.tookMs), LONGEST_GAP_MS)
    const due = Math.max(now + patienceMs, (this.reads.at(-1) ?? -Infinity) + gapMs)
    if (this.timer && this.due <= due) return
    window.clearTimeout(this.timer)
    this.due = due
    this.timer = window.setTimeout(() => void this.now(), due - now)
  }

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
      if (error.status === 401) signedOut()
      this.problem.value = error
    } finally {
      this.busy = false
      const ended = performance.now()
      this.tookMs = ended - began
      this.reads = [...this.reads.slice(-8), ended]
    }
    if (this.again && !this.closed) this.soon(COALESCE_MS)
  }
}

const never = () => false

/** `wants` must not change between renders in what it means; a new `path` begins anew. */
export function useLoaded<T>(path: string | null, wants: Wants = never): Loaded<T> {
  const reader = useMemo(() => (path === null ? null : new Reader<T>(path, wants)), [path])
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
