// Silences: where nothing is proposed for a while, who wants it so and why. Events are kept all the same.
import { useState } from 'preact/hooks'
import { Problem, send, url, type Silence } from '../api'
import { on, useLoaded } from '../loaded'
import { Dialog } from '../parts/dialog'
import { Empty, Panel, ErrorMessage, View, Waiting } from '../parts/frame'
import { Chip } from '../parts/marks'
import { notice } from '../parts/notices'
import { SpanField } from '../parts/snooze'
import { mayDecide } from '../session'
import { UntrustedText } from '../text'
import { Ago, Clock, Left } from '../time'
import type { PageView } from './view'

export const silences: PageView = {
  name: 'silences',
  title: 'Silences',
  Component: Silences,
  nav: { key: '6', icon: 'M6 17V11a6 6 0 0 1 9.5-4.9M18 10v7M4.5 17H18M10 20h4M4 4l16 16' },
}

function Silences() {
  const [over, setOver] = useState(false)
  const [making, setMaking] = useState(false)
  const loaded = useLoaded<{ items: Silence[] }>(url('silences', { ended: over ? 'true' : null }), on('action', 'audit'))
  const items = loaded.data?.items ?? []
  const holding = items.filter((one) => one.ended === null)
  const ended = items.filter((one) => one.ended !== null)
  return (
    <View
      title="Silences"
      aside={
        mayDecide.value && (
          <button type="button" class="primary" onClick={() => setMaking(true)}>
            New maintenance…
          </button>
        )
      }
    >
      {loaded.problem && <ErrorMessage problem={loaded.problem} retry={loaded.reload} />}
      {!loaded.data && !loaded.problem && <Waiting />}
      {loaded.data && (
        <Panel title="In force">
          {holding.length === 0 ? (
            <Empty title="Nothing is silenced">
              <p>
                While you work on a host, a maintenance keeps the planner from proposing anything there; a snooze does it for one service, from its
                proposal. Events are kept and the world shows them. From a terminal: <code>mend maintenance web01 --for 2h</code>.
              </p>
            </Empty>
          ) : (
            <List items={holding} onEnd={loaded.reload} />
          )}
        </Panel>
      )}
      {ended.length > 0 && (
        <Panel title="Over">
          <List items={ended} />
        </Panel>
      )}
      <button type="button" class="quiet" aria-expanded={over} onClick={() => setOver(!over)}>
        {over ? 'Hide what is over' : 'Show what is over'}
      </button>
      {making && <Make onClose={() => setMaking(false)} onDone={loaded.reload} />}
    </View>
  )
}

function List({ items, onEnd }: { items: Silence[]; onEnd?: () => void }) {
  const [problem, setProblem] = useState<Problem | null>(null)
  const end = async (one: Silence) => {
    try {
      await send('DELETE', url(`silences/${encodeURIComponent(one.id)}`))
      notice('Ended: what is still wrong is proposed within a minute', 'good')
      setProblem(null)
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      setProblem(error)
    }
    onEnd?.()
  }
  return (
    <>
      {problem && <ErrorMessage problem={problem} />}
      <ul class="rows">
        {items.map((one) => (
          <li class="row silence" key={one.id}>
            <Chip word={one.kind} tone={one.active ? 'busy' : 'plain'} />
            <span class="what">
              <span class="name">
                <UntrustedText text={one.node} max={130} />
                {one.service && (
                  <>
                    <i>/</i>
                    <UntrustedText class="strong" text={one.service} max={130} />
                  </>
                )}
                {one.type && (
                  <span class="sub">
                    {' '}
                    only <UntrustedText text={one.type} max={70} />
                  </span>
                )}
              </span>
              <span class="sub">
                <UntrustedText text={one.by} max={60} />
                {one.reason && (
                  <>
                    {': '}
                    <UntrustedText text={one.reason} max={300} />
                  </>
                )}
                {one.ended && (
                  <>
                    {' · '}
                    <UntrustedText text={one.ended} max={200} />
                  </>
                )}
              </span>
            </span>
            <span class="when">
              {one.ended !== null ? (
                <>
                  ended <Ago at={one.ends_at} /> ago
                </>
              ) : one.active ? (
                <>
                  <Left until={one.ends_at} /> left
                </>
              ) : (
                <>
                  from <Clock at={one.starts_at} />
                </>
              )}
              <small>
                until <Clock at={one.ends_at} />
              </small>
            </span>
            {one.ended === null && mayDecide.value && (
              <button type="button" onClick={() => void end(one)} aria-label={`End the silence of ${one.node}${one.service ? `/${one.service}` : ''}`}>
                End
              </button>
            )}
          </li>
        ))}
      </ul>
    </>
  )
}

function Make({ onClose, onDone }: { onClose: () => void; onDone: () => void }) {
  const submit = async (form: FormData) => {
    const text = (name: string) => String(form.get(name) ?? '').trim()
    const body = {
      kind: text('kind'),
      node: text('node'),
      service: text('service') || null,
      type: text('type') || null,
      seconds: Number(text('seconds')),
      reason: text('reason'),
    }
    const made = await send<{ going_on: string[] }>('POST', url('silences'), body)
    const goes = made.going_on.length
    notice(goes ? `In force; ${goes} approved before goes on` : 'In force', 'good')
    onDone()
  }
  return (
    <Dialog title="A silence" action="Begin" onClose={onClose} onSubmit={submit}>
      <label>
        Kind
        <select name="kind">
          <option value="maintenance">Maintenance: work is being done there</option>
          <option value="acknowledge">Acknowledge: I know, until it is healthy again</option>
        </select>
      </label>
      <label>
        Node (a maintenance may say web*)
        <input name="node" required maxLength={128} autocomplete="off" spellcheck={false} />
      </label>
      <label>
        Service (empty: everything on the node)
        <input name="service" maxLength={128} autocomplete="off" spellcheck={false} />
      </label>
      <label>
        Only this type of event (may be empty)
        <input name="type" maxLength={64} autocomplete="off" spellcheck={false} />
      </label>
      <SpanField />
      <label>
        Reason
        <input name="reason" maxLength={500} placeholder="new disks" />
      </label>
    </Dialog>
  )
}
