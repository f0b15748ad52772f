// The world: how many are healthy, which nodes are offline, what is unhealthy; trouble first, and what just happened beside it.
import { useEffect, useRef, useState } from 'preact/hooks'
import { url, type HealthEvent, type NodePlace, type Page, type PastEvent, type Place, type State, type World } from '../api'
import { folded, heard, LONGEST_FEED } from '../feed'
import { step, useKeys } from '../keys'
import { onAndLateOnEvents, useLoaded } from '../loaded'
import { Empty, More, Panel, ErrorMessage, View, Waiting } from '../parts/frame'
import { Chip, labelOf, StateMark } from '../parts/marks'
import { Search } from '../parts/search'
import { setQuery, to, where } from '../routes'
import { UntrustedText } from '../text'
import { Ago } from '../time'
import type { PageView } from './view'

const PAGE = 100
const MOST = 1000
const NODES_FIRST = 24
const UNWATCHED_FIRST = 5
const STATES: State[] = ['sick', 'offline', 'unknown', 'healthy']

export const world: PageView = {
  name: 'world',
  title: 'World',
  Component: WorldView,
  nav: { key: '1', icon: 'M4 6.5h16M4 12h16M4 17.5h16M7 6.5v.01M7 12v.01M7 17.5v.01' },
}

function WorldView() {
  const q = where.value.query.get('q') ?? ''
  const state = where.value.query.get('state')
  const node = where.value.query.get('node')
  const [limit, setLimit] = useState(PAGE)
  useEffect(() => setLimit(PAGE), [q, state, node])
  const world = useLoaded<World>(url('world', { q, state, node, limit }), onAndLateOnEvents('world', 'audit'))
  const last = useRef<World | null>(null)
  if (world.data) last.current = world.data
  const data = world.data ?? last.current
  const list = useRef<HTMLUListElement>(null)
  useKeys({ j: () => step(list.current, 1), k: () => step(list.current, -1) })
  const filtered = Boolean(q || state || node)
  const empty = !filtered && data?.nodes.length === 0 && data.total === 0
  return (
    <View title="World" aside={<Search label="Search nodes and services" value={q} onChange={(text) => setQuery({ q: text })} />}>
      {world.problem && <ErrorMessage problem={world.problem} retry={world.reload} />}
      {!data && !world.problem && <Waiting />}
      {data && empty && <Nothing />}
      {data && !empty && (
        <>
          <Unwatched nodes={data.nodes} />
          <Tally world={data} state={state} />
          <div class="columns">
            <div>
              {data.nodes.length > 0 && <Nodes nodes={data.nodes} chosen={node} />}
              <Panel
                class="services"
                title={state ? `Services: ${labelOf(state).toLowerCase()}` : 'Services'}
                aside={
                  filtered && (
                    <button type="button" class="quiet" onClick={() => setQuery({ q: null, state: null, node: null })}>
                      Show all
                    </button>
                  )
                }
              >
                {data.places.length === 0 ? (
                  <Empty title={filtered ? 'Nothing fits' : 'No service has spoken yet'}>
                    <p>{filtered ? 'No service fits what you asked for.' : 'A service appears with its first event.'}</p>
                  </Empty>
                ) : (
                  <ul class="rows places" ref={list}>
                    {data.places.map((place) => (
                      <Row key={`${place.node}/${place.service}`} place={place} />
                    ))}
                  </ul>
                )}
                <More
                  shown={data.places.length}
                  total={data.total}
                  step={PAGE}
                  onMore={data.next && limit < MOST ? () => setLimit(Math.min(limit + PAGE, MOST)) : null}
                />
              </Panel>
            </div>
            <Feed />
          </div>
        </>
      )}
    </View>
  )
}

/** Probes that see nothing, in red above everything: what is not watched looks well. */
function Unwatched({ nodes }: { nodes: NodePlace[] }) {
  const [all, setAll] = useState(false)
  const found = nodes.flatMap((one) => one.failing_probes)
  if (!found.length) return null
  const shown = all ? found : found.slice(0, UNWATCHED_FIRST)
  const title = found.length === 1 ? 'A probe sees nothing: what it should watch is not watched' : `${found.length} probes see nothing: what they should watch is not watched`
  return (
    <div class="trouble against" role="group" aria-label="Probes that see nothing">
      <strong>{title}</strong>
      <ul>
        {shown.map((one) => (
          <li key={one.node + one.probe}>
            <UntrustedText class="strong" text={`${one.node}: ${one.probe}`} max={120} />: <UntrustedText text={one.error} max={300} />
          </li>
        ))}
      </ul>
      {found.length > UNWATCHED_FIRST && (
        <button type="button" class="quiet fold" aria-expanded={all} onClick={() => setAll(!all)}>
          {all ? 'Show fewer' : `Show all ${found.length}`}
        </button>
      )}
    </div>
  )
}

function Tally({ world, state }: { world: World; state: string | null }) {
  const { nodes, services } = world.counts
  const sum = (counts: Record<string, number>) => Object.values(counts).reduce((a, b) => a + b, 0)
  return (
    <ul class="tally" aria-label="Services by state">
      {STATES.map((one) => (
        <li key={one}>
          <button type="button" class={`tile ${one}`} aria-pressed={state === one} onClick={() => setQuery({ state: state === one ? null : one })}>
            <b>{(services[one] ?? 0).toLocaleString('en')}</b>
            <StateMark state={one} />
          </button>
        </li>
      ))}
      <li class="nodes-tile">
        <p class="tile">
          <b>
            {nodes.healthy ?? 0}
            <small>/{sum(nodes)}</small>
          </b>
          <span>nodes healthy{nodes.offline ? `, ${nodes.offline} offline` : ''}</span>
        </p>
      </li>
    </ul>
  )
}

function Nodes({ nodes, chosen }: { nodes: NodePlace[]; chosen: string | null }) {
  const [all, setAll] = useState(false)
  const shown = all ? nodes : nodes.slice(0, NODES_FIRST)
  return (
    <Panel title="Nodes" aside={<span class="count">{nodes.length}</span>}>
      <ul class="nodes">
        {shown.map((one) => (
          <li key={one.node}>
            <button
              type="button"
              class={`node ${one.state}`}
              aria-pressed={chosen === one.node}
              onClick={() => setQuery({ node: chosen === one.node ? null : one.node })}
            >
              <StateMark state={one.state} quiet />
              <UntrustedText class="name" text={one.node} max={60} />
              <small>
                {one.state === 'offline' ? 'offline ' : ''}
                <Ago at={one.since} />
                {!one.beats && <span title="No agent of this node has given a sign of life"> · no agent</span>}
                {one.silences && one.silences.length > 0 && <> · silenced</>}
                {one.held && <Held reason={one.held} />}
                {one.failing_probes.length > 0 && (
                  <em>
                    {' · '}
                    <UntrustedText text={one.failing_probes.map(({ probe }) => probe).join(', ')} max={60} /> sees nothing
                  </em>
                )}
                {one.services.sick ? <em> · {one.services.sick} unhealthy</em> : null}
              </small>
            </button>
          </li>
        ))}
      </ul>
      {nodes.length > NODES_FIRST && (
        <button type="button" class="quiet fold" aria-expanded={all} onClick={() => setAll(!all)}>
          {all ? 'Show fewer' : `Show all ${nodes.length} nodes`}
        </button>
      )}
    </Panel>
  )
}

function Held({ reason }: { reason: string }) {
  return (
    <span title="Nothing is proposed before this has ended">
      {' · waits: '}
      <UntrustedText text={reason} max={120} />
    </span>
  )
}

function Row({ place }: { place: Place }) {
  return (
    <li>
      <a class="row place" data-item href={place.event_id ? to('incident', place.event_id) : `${to('history')}?node=${encodeURIComponent(place.node)}`}>
        <StateMark state={place.state} />
        <span class="what">
          <span class="name">
            <UntrustedText text={place.node} max={60} />
            <i>/</i>
            <UntrustedText class="strong" text={place.service} max={80} />
          </span>
          <span class="sub">
            {place.state === 'offline' ? (
              `its node is offline; it was ${labelOf(place.own_state).toLowerCase()}`
            ) : place.event_type ? (
              <UntrustedText text={place.event_type.replaceAll('_', ' ')} max={80} />
            ) : (
              'nothing told yet'
            )}
            {place.occurrences > 1 && <> · {place.occurrences}×</>}
            {place.silences && place.silences.length > 0 && <> · silenced</>}
            {place.held && <Held reason={place.held} />}
          </span>
        </span>
        {place.state !== 'healthy' && place.severity !== 'info' ? <Chip word={place.severity} /> : <span />}
        <span class="when">
          <Ago at={place.since} />
        </span>
      </a>
    </li>
  )
}

interface Line {
  id: string
  at: string
  type: string
  node: string
  service: string | null
  severity: string
}

const lineOf = (event: HealthEvent): Line => ({
  id: event.id ?? '',
  at: event.timestamp,
  type: event.type,
  node: event.node,
  service: event.service ?? null,
  severity: event.severity,
})

/** The archive's entry of what was heard without an id: the same about the same, within some seconds. */
const isSame = (kept: PastEvent, line: Line) =>
  kept.type === line.type && kept.node === line.node && kept.service === line.service && Math.abs(Date.parse(kept.at) - Date.parse(line.at)) < 10_000

/** Events as they come, over what the archive knows. What came without an id gets it from there. */
function Feed() {
  const nameless = useRef(false)
  const recent = useLoaded<Page<PastEvent>>(url('events', { limit: LONGEST_FEED }), (name, message) =>
    name === 'event' ? !message.id : name === 'index' && nameless.current,
  )
  const kept = recent.data?.items ?? []
  const live = heard.value.map(lineOf).filter((line) => line.id || !kept.some((one) => isSame(one, line)))
  nameless.current = live.some((line) => !line.id)
  const ids = new Set(live.map((line) => line.id))
  const shown = folded([...live, ...kept.filter((line) => !ids.has(line.id))]).slice(0, LONGEST_FEED)
  return (
    <Panel title="Latest events" class="feed">
      {shown.length === 0 ? (
        <Empty title="Quiet">
          <p>Events appear here the moment they are told. Try it:</p>
          <pre class="said">{'mend inject service_down --node web01 --service shop'}</pre>
        </Empty>
      ) : (
        <ol class="events" tabIndex={0} aria-label="Latest events">
          {shown.map((line, index) => (
            <li key={line.id || index}>
              <Chip word={line.severity} />
              <a href={line.id ? to('incident', line.id) : '#/history?list=events'}>
                <UntrustedText text={line.service ? `${line.node}/${line.service}` : line.node} max={80} />
              </a>
              <span class="sub">
                <UntrustedText text={line.type.replaceAll('_', ' ')} max={80} />
                {line.times > 1 && <> · {line.times}×</>}
              </span>
              <span class="when">
                <Ago at={line.at} />
              </span>
            </li>
          ))}
        </ol>
      )}
    </Panel>
  )
}

function Nothing() {
  return (
    <Empty title="No node has spoken yet">
      <p>
        Start an agent on a host (<code>python -m node_agent</code>; <code>make up</code> has one for this machine), or tell the mesh of trouble yourself:
      </p>
      <pre class="said">mend inject service_down --node web01 --service nginx</pre>
      <p>It appears here within a second, without a reload.</p>
    </Empty>
  )
}
