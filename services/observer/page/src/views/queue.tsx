// The queue: what waits for a person, and beside it all about the one that is open, or what people asked for.
import { useEffect, useRef, useState } from 'preact/hooks'
import { url, type Asked, type Obstacle, type Proposal, type ProposalPage } from '../api'
import { step, useKeys } from '../keys'
import { OBSTACLES_MS, on, onAndLateOnEvents, useLoaded } from '../loaded'
import { Empty, More, ErrorMessage, View, Waiting } from '../parts/frame'
import { Chip, Wrong } from '../parts/marks'
import { FirstObstacle, Obstacles, shared } from '../parts/obstacles'
import { Requests, useRequests } from '../parts/requests/requests'
import { Search } from '../parts/search'
import { go, setQuery, to, where } from '../routes'
import { mayDecide } from '../session'
import { ModelReason, UntrustedText } from '../text'
import { Ago, Left } from '../time'
import { ProposalView } from './proposal'
import type { PageView } from './view'

const PAGE = 50
const MOST = 500

export const queue: PageView = {
  name: 'queue',
  title: 'Queue',
  Component: Queue,
  nav: { key: '2', icon: 'M4 13h4.5l1.5 3h4l1.5-3H20M4 13l2.5-8h11L20 13v6H4z', Badge },
  aliases: ['proposals', 'requests'],
}

function Queue() {
  const chosen = (where.value.view !== 'requests' && where.value.args[0]) || null
  const q = where.value.query.get('q') ?? ''
  const [limit, setLimit] = useState(PAGE)
  useEffect(() => setLimit(PAGE), [q])
  const page = useLoaded<ProposalPage>(url('proposals', { folder: 'pending', q, limit }), onAndLateOnEvents('action'), OBSTACLES_MS)
  const last = useRef<ProposalPage | null>(null)
  if (page.data) last.current = page.data
  const data = page.data ?? last.current
  const requests = useRequests()
  const common = data ? shared(data.items) : []
  const list = useRef<HTMLUListElement>(null)
  useKeys({
    j: () => step(list.current, 1),
    k: () => step(list.current, -1),
    Escape: chosen !== null && (() => back(list.current, chosen)),
    n: mayDecide.value && toAsk,
  })
  return (
    <View
      title="Queue"
      deep={chosen !== null}
      aside={
        <>
          <AskedBack read={requests.data?.items ?? []} />
          <div class="tools">
            <Search label="Search proposals" value={q} onChange={(text) => setQuery({ q: text })} />
            {mayDecide.value && (
              <button type="button" onClick={toAsk} aria-keyshortcuts="n">
                Ask for something…
              </button>
            )}
          </div>
        </>
      }
    >
      {page.problem && <ErrorMessage problem={page.problem} retry={page.reload} />}
      {!data && !page.problem && <Waiting />}
      {data && (
        <div class={chosen ? 'split open' : 'split'}>
          <section class="panel list" aria-label="Waiting proposals">
            {data.renamed.map((told) => (
              <p class="trouble" key={told}>
                <UntrustedText text={told} max={600} />
              </p>
            ))}
            <Obstacles found={common} />
            {data.items.length === 0 ? (
              q ? (
                <Empty title="Nothing fits">
                  <p>No waiting proposal fits what you asked for.</p>
                </Empty>
              ) : (
                <Nothing />
              )
            ) : (
              <ul class="rows" ref={list}>
                {data.items.map((one) => (
                  <Row key={one.id} proposal={one} chosen={one.id === chosen} common={common} />
                ))}
              </ul>
            )}
            <More
              shown={data.items.length}
              total={data.total}
              step={PAGE}
              onMore={data.next && limit < MOST ? () => setLimit(Math.min(limit + PAGE, MOST)) : null}
            />
          </section>
          {chosen ? (
            <ProposalView key={chosen} id={chosen} />
          ) : (
            <div class="requests">
              <Requests loaded={requests}>
                {data.items.length > 0 && (
                  <p class="hint beside">
                    To decide, choose a proposal: <kbd>j</kbd> and <kbd>k</kbd> walk through the list, <kbd>a</kbd> approves, <kbd>r</kbd> rejects. Nothing
                    touches a host before you say yes.
                  </p>
                )}
              </Requests>
            </div>
          )}
        </div>
      )}
    </View>
  )
}

/** `#/requests` is the box to ask in. */
function toAsk() {
  go(to('requests'))
  document.querySelector<HTMLElement>('.ask textarea')?.focus()
}

function AskedBack({ read }: { read: Asked[] }) {
  const asks = read.filter((one) => one.state === 'asks')
  if (!asks[0]) return null
  return (
    <a class="asks-back" href={to('requests', asks[0].id)}>
      {asks.length === 1 ? 'A request asks' : `${asks.length} requests ask`} you something
    </a>
  )
}

function Badge() {
  const waiting = useLoaded<ProposalPage>(url('proposals', { folder: 'pending', limit: 1 }), on('action')).data?.total ?? 0
  return waiting > 0 ? (
    <b class="badge">
      {waiting}
      <span class="unseen"> waiting</span>
    </b>
  ) : null
}

function back(list: HTMLElement | null, chosen: string) {
  go(to('queue'))
  list?.querySelector<HTMLElement>(`[data-id="${CSS.escape(chosen)}"]`)?.focus()
}

function Row({ proposal: p, chosen, common }: { proposal: Proposal; chosen: boolean; common: Obstacle[] }) {
  const query = where.value.query.toString()
  return (
    <li>
      <a
        class={`row proposal risk-${p.risk_level}`}
        data-item="follow"
        data-id={p.id}
        href={to('proposals', p.id) + (query ? `?${query}` : '')}
        aria-current={chosen ? 'true' : undefined}
      >
        <span class="what">
          <span class="name">
            <UntrustedText text={p.node} max={60} />
            {p.service && (
              <>
                <i>/</i>
                <UntrustedText class="strong" text={p.service} max={60} />
              </>
            )}
          </span>
          <Wrong p={p} />
          {p.because ? <UntrustedText class="sub" text={p.because} max={140} /> : <ModelReason class="sub" p={p} max={140} />}
          <span class="sub touches">
            If you approve: <UntrustedText text={p.touches} max={220} />
          </span>
          <FirstObstacle found={p.obstacles} but={common} />
        </span>
        <span class="marks">
          <Chip word={`would run ${p.type}`} tone="plain" />
          <Chip word={p.risk_level} title="risk" />
        </span>
        <span class="when">
          <span title="waits since">
            <Ago at={p.created_at} />
          </span>
          {(p.occurrences ?? 1) > 1 && <span title="how often the trouble came"> · {p.occurrences}×</span>}
          <small>
            left <Left until={p.expires_at} />
          </small>
        </span>
      </a>
    </li>
  )
}

function Nothing() {
  return (
    <Empty title="Nothing waits for you">
      <p>
        When something is wrong, the planner shows the evidence to a chain of models and writes a proposal; it appears here and in{' '}
        <code>actions/pending/</code>. Nothing runs before you approve it.
      </p>
      <p>To see one now:</p>
      <pre class="said">mend inject container_unhealthy --node NODE --service NAME</pre>
      <p>
        or the whole loop with a throwaway service: <code>make demo</code>. What you ask for in words waits here as well.
      </p>
    </Empty>
  )
}
