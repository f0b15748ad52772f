// History: what became of proposals, and every event that was told; filters are part of the address.
import { useRef } from 'preact/hooks'
import { url, type HistoryPage, type Page, type PastAction, type PastEvent } from '../api'
import { step, useKeys } from '../keys'
import { on } from '../loaded'
import { ChoiceFilter, TextFilter } from '../parts/filters'
import { Empty, More, Panel, ErrorMessage, View, Waiting } from '../parts/frame'
import { Chip, labelOf } from '../parts/marks'
import { usePages } from '../parts/pages'
import { setQuery, to, where } from '../routes'
import { UntrustedText } from '../text'
import { Ago, seconds } from '../time'
import type { PageView } from './view'

const PAGE = 50
const RESULTS: [string, string][] = ['done', 'failed', 'interrupted', 'rejected', 'withdrawn', 'expired', 'quarantine'].map((one) => [one, one])
const SEVERITIES: [string, string][] = [
  ['info', 'info or worse'],
  ['warning', 'warning or worse'],
  ['error', 'error or worse'],
  ['critical', 'critical'],
]
const SINCE: [string, string][] = [
  ['1', 'a day'],
  ['7', 'a week'],
  ['30', 'a month'],
  ['365', 'a year'],
]

// By the day, so that the address of a page of the list does not change with every second.
const since = (days: string | null) => (days ? `${new Date(Date.now() - Number(days) * 86_400_000).toISOString().slice(0, 10)}T00:00:00Z` : null)

export const history: PageView = {
  name: 'history',
  title: 'History',
  Component: History,
  nav: { key: '4', icon: 'M12 7v5l3.5 2M4.5 12a7.5 7.5 0 1 0 2.4-5.5M4.5 4v4h4' },
}

function History() {
  const events = where.value.query.get('list') === 'events'
  return (
    <View
      title="History"
      aside={
        <div class="tabs" role="group" aria-label="Which list">
          <button type="button" class="tab" aria-pressed={!events} onClick={() => setQuery({ list: null, severity: null })}>
            Proposals and runs
          </button>
          <button type="button" class="tab" aria-pressed={events} onClick={() => setQuery({ list: 'events', result: null, type: null })}>
            Events
          </button>
        </div>
      }
    >
      {events ? <Events /> : <Actions />}
    </View>
  )
}

function Actions() {
  const said = where.value.query
  const query = { node: said.get('node'), service: said.get('service'), result: said.get('result'), type: said.get('type'), since: since(said.get('days')), limit: PAGE }
  const pages = usePages<HistoryPage, PastAction>((cursor) => url('history', { ...query, cursor }), on('index'))
  const types = (pages.first?.types ?? []).map((one): [string, string] => [one, one.replaceAll('_', ' ')])
  const list = useRef<HTMLUListElement>(null)
  useKeys({ j: () => step(list.current, 1), k: () => step(list.current, -1) })
  return (
    <Panel title="Proposals and runs">
      <form class="filters" onSubmit={(event) => event.preventDefault()}>
        <TextFilter name="node" label="Node" />
        <TextFilter name="service" label="Service" />
        <ChoiceFilter name="result" label="Result" choices={RESULTS} />
        <ChoiceFilter name="type" label="Action" choices={types} />
        <ChoiceFilter name="days" label="Within" choices={SINCE} />
      </form>
      {pages.problem && <ErrorMessage problem={pages.problem} retry={pages.reload} />}
      {!pages.first && !pages.problem && <Waiting />}
      {pages.first && pages.items.length === 0 && (
        <Empty title="Nothing fits">
          <p>What was decided, and what came of it, is listed here: done, failed, rejected, expired and the rest.</p>
        </Empty>
      )}
      <ul class="rows" ref={list}>
        {pages.items.map((one) => (
          <li key={`${one.result}/${one.id}`}>
            <a class="row past" data-item href={one.event_id ? to('incident', one.id) : to('proposals', one.id)}>
              {one.put_aside ? <Chip word={labelOf(one.put_aside)} tone="plain" /> : <Chip word={one.result} />}
              <span class="what">
                <span class="name">
                  <UntrustedText text={one.node ?? one.id} max={80} />
                  {one.service && (
                    <>
                      <i>/</i>
                      <UntrustedText class="strong" text={one.service} max={80} />
                    </>
                  )}{' '}
                  <span class="sub">{(one.type ?? '').replaceAll('_', ' ')}</span>
                  {one.attempt > 1 && <span class="sub"> · attempt {one.attempt}</span>}
                </span>
                <UntrustedText class="sub" text={one.reason} max={180} />
              </span>
              <span class="sub by">
                {one.verdict && <Chip word={one.verdict} />} {one.by && <UntrustedText text={one.by} max={40} />}
              </span>
              <span class="when">
                <Ago at={one.at} />
                {one.run_seconds !== null && <small>{seconds(one.run_seconds)}</small>}
              </span>
            </a>
          </li>
        ))}
      </ul>
      <Rest pages={pages} />
    </Panel>
  )
}

function Events() {
  const said = where.value.query
  const query = { node: said.get('node'), service: said.get('service'), severity: said.get('severity'), q: said.get('q'), since: since(said.get('days')), limit: PAGE }
  const pages = usePages<Page<PastEvent>, PastEvent>((cursor) => url('events', { ...query, cursor }), on('index'))
  const list = useRef<HTMLUListElement>(null)
  useKeys({ j: () => step(list.current, 1), k: () => step(list.current, -1) })
  return (
    <Panel title="Events">
      <form class="filters" onSubmit={(event) => event.preventDefault()}>
        <TextFilter name="q" label="Words" />
        <TextFilter name="node" label="Node" />
        <TextFilter name="service" label="Service" />
        <ChoiceFilter name="severity" label="Severity" choices={SEVERITIES} />
        <ChoiceFilter name="days" label="Within" choices={SINCE} />
      </form>
      {pages.problem && <ErrorMessage problem={pages.problem} retry={pages.reload} />}
      {!pages.first && !pages.problem && <Waiting />}
      {pages.first && pages.items.length === 0 && (
        <Empty title="Nothing fits">
          <p>Every event that the mesh was told is kept for a year under <code>events/</code>, with what was decided about it.</p>
        </Empty>
      )}
      <ul class="rows" ref={list}>
        {pages.items.map((one) => (
          <li key={one.id}>
            <a class="row past" data-item href={to('incident', one.id)}>
              <Chip word={one.severity} />
              <span class="what">
                <span class="name">
                  <UntrustedText text={one.node} max={80} />
                  {one.service && (
                    <>
                      <i>/</i>
                      <UntrustedText class="strong" text={one.service} max={80} />
                    </>
                  )}{' '}
                  <UntrustedText class="sub" text={one.type.replaceAll('_', ' ')} max={80} />
                </span>
                <UntrustedText class="sub" text={one.summary} max={180} />
              </span>
              <span class="sub by">{one.verdict && <Chip word={one.verdict} />}</span>
              <span class="when">
                <Ago at={one.at} />
              </span>
            </a>
          </li>
        ))}
      </ul>
      <Rest pages={pages} />
    </Panel>
  )
}

function Rest({ pages }: { pages: { first: { complete?: boolean } | null; items: unknown[]; more: (() => void) | null } }) {
  if (!pages.first) return null
  return (
    <>
      {pages.first.complete === false && <p class="hint">The index is being built anew; older ones follow.</p>}
      {pages.items.length > 0 && <More shown={pages.items.length} total={pages.more ? null : pages.items.length} step={PAGE} onMore={pages.more} />}
    </>
  )
}
