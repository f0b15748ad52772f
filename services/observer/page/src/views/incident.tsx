// One trouble, from its first symptom to the proof that it is gone.
import { url, type Incident as Case, type Step } from '../api'
import { on, useLoaded } from '../loaded'
import { Empty, Panel, ErrorMessage, View, Waiting } from '../parts/frame'
import { Chip, labelOf } from '../parts/marks'
import { to, where } from '../routes'
import { UntrustedText } from '../text'
import { Ago, clock, Clock, span } from '../time'
import type { PageView } from './view'

const STATES: Record<string, [string, string]> = {
  open: ['open: nothing is proposed', 'bad'],
  waiting: ['waits for a person', 'busy'],
  working: ['being repaired', 'busy'],
  recovered: ['recovered', 'good'],
  closed: ['closed', 'plain'],
}

export const incident: PageView = {
  name: 'incident',
  title: 'Timeline',
  Component: Incident,
  under: 'world',
}

function Incident() {
  const id = where.value.args[0] ?? ''
  const loaded = useLoaded<Case>(id ? url(`incidents/${encodeURIComponent(id)}`) : null, on('index', 'action'))
  const one = loaded.data
  return (
    <View title="Timeline">
      {!id && (
        <Empty title="No incident is chosen">
          <p>
            Every service in the <a href="#/world">world</a> and every line of the <a href="#/history">history</a> leads to its timeline.
          </p>
        </Empty>
      )}
      {loaded.problem && !one && <ErrorMessage problem={loaded.problem} retry={loaded.reload} />}
      {id && !one && !loaded.problem && <Waiting />}
      {one && (
        <article class="panel detail" aria-label="Incident">
          <header class="title">
            <h2>
              <UntrustedText text={one.type.replaceAll('_', ' ') || 'trouble'} /> <span class="on">on</span> <UntrustedText text={one.node} />
              {one.service && (
                <>
                  <i>/</i>
                  <UntrustedText class="strong" text={one.service} />
                </>
              )}
            </h2>
            <p class="chips">
              <Chip word={STATES[one.state]?.[0] ?? one.state} tone={STATES[one.state]?.[1] ?? 'plain'} />
              <Chip word={one.severity} />
            </p>
          </header>
          <dl class="facts">
            <div class="long">
              <dt>Began</dt>
              <dd>
                <Clock at={one.began_at} />
              </dd>
            </div>
            <div>
              <dt>{one.recovered_at ? 'Lasted' : 'For'}</dt>
              <dd>
                {one.recovered_at ? span((Date.parse(one.recovered_at) - Date.parse(one.began_at)) / 1000, true) : <Ago at={one.began_at} />}
              </dd>
            </div>
            <div>
              <dt>Announced</dt>
              <dd>{one.announcements}×</dd>
            </div>
            <div class="long">
              <dt>Proposals</dt>
              <dd class="links">
                {one.actions.length === 0 && '–'}
                {one.actions.map((action) => (
                  <a key={action.id} href={to('proposals', action.id)}>
                    {(action.type ?? 'proposal').replaceAll('_', ' ')}: {action.put_aside ? labelOf(action.put_aside) : action.result}
                  </a>
                ))}
              </dd>
            </div>
          </dl>
          <Panel title="What happened">
            <ol class="timeline">
              {one.steps.map((step, index) => (
                <Line key={index} step={step} first={one.began_at} />
              ))}
            </ol>
            {one.cut && <p class="hint">There were more steps than are shown.</p>}
          </Panel>
        </article>
      )}
    </View>
  )
}

const tone = (step: Step) => {
  if (step.good === true) return 'good'
  if (step.good === false) return 'bad'
  return step.kind === 'symptom' ? 'bad' : step.kind === 'proposal' || step.kind === 'choice' ? 'busy' : 'plain'
}

function Line({ step, first }: { step: Step; first: string }) {
  const after = (Date.parse(step.at) - Date.parse(first)) / 1000
  return (
    <li class={tone(step)}>
      <span class="when" title={clock(step.at)}>
        <Clock at={step.at} />
        {after >= 1 && <small>+{span(after, true)}</small>}
      </span>
      <span class="dot" aria-hidden="true" />
      <div>
        <strong>
          <UntrustedText text={step.title.replaceAll('_', ' ')} max={120} />
        </strong>{' '}
        {step.count > 1 && <span class="sub">{step.count}×, the last {clock(step.until)} </span>}
        {step.by && (
          <span class="sub">
            <UntrustedText text={step.by} max={80} />
          </span>
        )}
        {step.detail && (
          <p class="sub">
            <UntrustedText text={step.detail} max={600} />
          </p>
        )}
      </div>
    </li>
  )
}
