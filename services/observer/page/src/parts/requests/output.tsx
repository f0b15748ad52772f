// What the runs of a request say, from their first line on. One card at a time: each holds a connection open.
import { signal } from '@preact/signals'
import { useEffect, useState } from 'preact/hooks'
import { url, type Asked } from '../../api'
import { LiveLines, MOST_LINES } from '../live_lines'

const RAN = ['running', 'done', 'failed', 'interrupted']
const AGAIN_MS = 2_000
/** The id of the request whose output is shown. */
const watched = signal<string | null>(null)

export function RequestOutput({ r }: { r: Asked }) {
  const open = watched.value === r.id
  if (!open && !r.proposals.some(({ folder }) => RAN.includes(folder ?? ''))) return null
  return (
    <div class="ran">
      <button type="button" class="quiet" aria-expanded={open} onClick={() => (watched.value = open ? null : r.id)}>
        {open ? 'Hide what its runs say' : 'Show what its runs say'}
      </button>
      {open && <Lines key={r.id} r={r} />}
    </div>
  )
}

function Lines({ r }: { r: Asked }) {
  const [lines, setLines] = useState<string[]>([])
  useEffect(() => {
    let ended = 0
    let timer = 0
    let source: EventSource | null = null
    const more = (line: string) => setLines((before) => [...before, line].slice(-MOST_LINES))
    const connect = () => {
      ended = 0
      setLines([])
      const own = (source = new EventSource(url(`requests/${encodeURIComponent(r.id)}/output`)))
      own.addEventListener('output', (event) => {
        const { host, line } = read(event)
        more(`${host}: ${line}`)
      })
      own.addEventListener('ended', (event) => {
        const { host, folder } = read(event)
        ended += 1
        more(`${host}: ${folder}`)
      })
      own.onerror = () => {
        own.close()
        if (ended < r.proposals.length) timer = window.setTimeout(connect, AGAIN_MS) // not its end: it tells all anew
      }
    }
    connect()
    return () => {
      window.clearTimeout(timer)
      source?.close()
    }
  }, [r.id])
  return <LiveLines lines={lines} />
}

const read = (event: Event) => JSON.parse((event as MessageEvent<string>).data) as { host: string; line: string; folder: string }
