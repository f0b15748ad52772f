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

const COALESCE_MS = 60
const SHORTEST_GAP_MS = 700
const LONGEST_GAP_MS = 15_000
const GAP_PER_READ = 8 // a slow server is asked less often: reading takes an eighth of the time at most

class Reader<T> {
  readonly data: Signal<T | null> = signal(null)
  readonly problem: Signal<Problem | null> = signal(null)
  private busy = false
  private again = false
  private timer = 0
  private ended = 0
  private gapMs = SHORTEST_GAP_MS
  private closed = false

  constructor(
    private readonly path: string,
    private readonly wants: (name: Name, message: Message) => boolean,
  ) {}

  open = (): (() => void) => {
    const leave = listen((name, message) => {
      if (name === 'reload' || this.wants(name, message)) this.soon()
    })
    const seen = () => !document.hidden && this.again && this.soon()
    document.addEventListener('visibilitychange', seen)
    void this.now()
    return () => {
      this.closed = true
      leave()
      document.removeEventListener('visibilitychange', seen)
      window.clearTimeout(this.timer)
    }
  }

  soon = () => {
    this.again = true
    if (this.busy || this.timer || document.hidden) return
    const waitMs = Math.max(COALESCE_MS, this.ended + this.gapMs - performance.now())
    this.timer = window.setTimeout(() => {
      this.timer = 0
      void this.now()
    }, waitMs)
  }

  now = async () => {
    if (this.busy) {
      this.again = true
      return
    }
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
      this.ended = performance.now()
      this.gapMs = Math.min(Math.max(SHORTEST_GAP_MS, GAP_PER_READ * (this.ended - began)), LONGEST_GAP_MS)
    }
    if (this.again) this.soon()
  }
}

const never = () => false

/** `wants` must not change between renders in what it means; a new `path` begins anew. */
export function useLoaded<T>(path: string | null, wants: (name: Name, message: Message) => boolean = never): Loaded<T> {
  const reader = useMemo(() => (path === null ? null : new Reader<T>(path, wants)), [path])
  useEffect(() => reader?.open(), [reader])
  return {
    data: reader?.data.value ?? null,
    problem: reader?.problem.value ?? null,
    reload: () => void reader?.now(),
  }
}

export const on =
  (...names: Name[]) =>
  (name: Name) =>
    names.includes(name)
