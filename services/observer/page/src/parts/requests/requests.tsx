// What people ask for in words: the box to ask in, and a card for each request that is open or ended lately.
import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { url, type Asked, type AskedPage, type Inventory } from '../../api'
import { on, useLoaded } from '../../loaded'
import { mayDecide } from '../../session'
import { now } from '../../time'
import { ErrorMessage } from '../frame'
import { Ask } from './ask'
import { RequestCard } from './card'
import { sent, type Sent } from './draft'

const MOST = 50
const LATELY_MS = 86_400_000
const WAITS = ['pending', 'approved', 'running']

export const isOpen = (r: Asked) => r.state === null || r.state === 'writing' || r.state === 'asks' || r.proposals.some(({ folder }) => WAITS.includes(folder ?? ''))

const isNew = (r: Asked) => now.peek() - Date.parse(r.updated_at ?? r.ts) < LATELY_MS

export const useRequests = () => useLoaded<AskedPage>(url('requests', { limit: MOST }), on('request', 'action'))

/** `children` come after them, and not before they are there: nothing moves. */
export function Requests({ loaded, children }: { loaded: ReturnType<typeof useRequests>; children: ComponentChildren }) {
  const [all, setAll] = useState(false)
  const inventory = useLoaded<Inventory>(mayDecide.value ? url('inventory') : null)
  const read = loaded.data?.items
  useEffect(() => {
    if (read && sent.value.some(({ id }) => read.some((one) => one.id === id))) sent.value = sent.value.filter(({ id }) => !read.some((one) => one.id === id))
  }, [read])
  const problem = loaded.problem ?? inventory.problem
  if (problem) return <ErrorMessage problem={problem} retry={() => (loaded.reload(), inventory.reload())} />
  if (!read || (mayDecide.value && !inventory.data)) return null
  const unread = sent.value.filter(({ id }) => !read.some((one) => one.id === id)).map(notRead)
  const shown = read.filter((one) => all || isOpen(one) || isNew(one))
  const rest = read.length - shown.length
  return (
    <>
      {mayDecide.value && inventory.data && <Ask inventory={inventory.data} onAsked={loaded.reload} />}
      {[...unread, ...shown.sort((a, b) => Number(isOpen(b)) - Number(isOpen(a)))].map((one) => (
        <RequestCard key={one.id} r={one} reload={loaded.reload} />
      ))}
      {(rest > 0 || all) && (
        <button type="button" class="quiet" aria-expanded={all} onClick={() => setAll(!all)}>
          {all ? 'Hide older requests' : `Show ${rest} older ${rest === 1 ? 'request' : 'requests'}`}
        </button>
      )}
      {children}
    </>
  )
}

const notRead = (one: Sent): Asked => ({
  ...one,
  state: null,
  ts: '',
  by: '',
  reason: '',
  questions: [],
  answers: {},
  proposals: [],
  risk: null,
  written_by: null,
  updated_at: null,
})
