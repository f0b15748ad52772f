// A long list in pages: the first stays fresh, older ones are read when somebody asks for more.
import { useEffect, useState } from 'preact/hooks'
import { get, Problem } from '../api'
import { useLoaded, type Wants } from '../loaded'

interface Answer<T> {
  items: T[]
  next: string | number | null
}

const MOST_PAGES = 20

export function usePages<A extends Answer<T>, T>(pathOf: (cursor: string | null) => string, wants?: Wants) {
  const path = pathOf(null)
  const first = useLoaded<A>(path, wants)
  const [older, setOlder] = useState<A[]>([])
  const [problem, setProblem] = useState<Problem | null>(null)
  useEffect(() => {
    setOlder([])
    setProblem(null)
  }, [path])
  const last = older.at(-1) ?? first.data
  const more = async () => {
    try {
      const page = await get<A>(pathOf(String(last?.next ?? '')))
      setOlder((before) => [...before, page])
      setProblem(null)
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      setProblem(error)
    }
  }
  const goesOn = last?.next !== null && last?.next !== undefined && older.length < MOST_PAGES
  return {
    first: first.data,
    items: [...(first.data?.items ?? []), ...older.flatMap((page) => page.items)],
    problem: first.problem ?? problem,
    reload: first.reload,
    more: goesOn ? () => void more() : null,
  }
}
