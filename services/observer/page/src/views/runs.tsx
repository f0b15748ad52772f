// Runs: what an executor does right now with Ansible's own words, and what came of what it did.
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { getText, Problem, url, type Run, type RunDetail, type RunPage, type Stage } from '../api'
import { step, useKeys } from '../keys'
import { listen } from '../live'
import { on, useLoaded } from '../loaded'
import { Empty, More, Panel, ErrorMessage, View, Waiting } from '../parts/frame'
import { LiveLines, MOST_LINES } from '../parts/live_lines'
import { Chip, StateMark } from '../parts/marks'
import { go, to, where } from '../routes'
import { asJson, UntrustedBlock, UntrustedText } from '../text'
import { Ago, Clock, now, seconds, span } from '../time'
import type { PageView } from './view'

const PAGE = 50
const MOST = 200

export const runs: PageView = {
  name: 'runs',
  title: 'Runs',
  Component: Runs,
  nav: { key: '3', icon: 'M7 4.5v15l12-7.5z' },
}

function Runs() {
  const chosen = where.value.args[0] ?? null
  const [limit, setLimit] = useState(PAGE)
  const page = useLoaded<RunPage>(url('runs', { limit }), on('action'))
  const last = useRef<RunPage | null>(null)
  if (page.data) last.current = page.data
  const data = page.data ?? last.current
  const list = useRef<HTMLUListElement>(null)
  useKeys({ j: () => step(list.current, 1), k: () => step(list.current, -1), Escape: chosen !== null && (() => go(to('runs'))) })
  const running = data?.items.filter((run) => run.folder === 'running') ?? []
  const ended = data?.items.filter((run) => run.folder !== 'running') ?? []
  return (
    <View title="Runs" deep={chosen !== null}>
      {page.problem && <ErrorMessage problem={page.problem} retry={page.reload} />}
      {!data && !page.problem && <Waiting />}
      {data && (
        <div class={chosen ? 'split open' : 'split'}>
          <section class="panel list" aria-label="Runs">
            {data.items.length === 0 ? (
              <Empty title="Nothing has run yet">
                <p>
                  A run begins when somebody approves a proposal, here or with <code>mv</code> or <code>mend approve</code>. Its output appears here line by
                  line.
                </p>
              </Empty>
            ) : (
              <ul class="rows" ref={list}>
                {[...running, ...ended].map((run) => (
                  <Row key={run.id} run={run} chosen={run.id === chosen} />
                ))}
              </ul>
            )}
            <More
              shown={data.items.length}
              total={data.next ? null : data.items.length}
              step={PAGE}
              onMore={data.next && limit < MOST ? () => setLimit(limit + PAGE) : null}
            />
          </section>
          {chosen ? <RunView key={chosen} id={chosen} /> : data.items.length > 0 && <div class="empty beside"><p class="lead">Choose a run</p><p>Its stages, its output and what was seen before and after.</p></div>}
        </div>
      )}
    </View>
  )
}

function Row({ run, chosen }: { run: Run; chosen: boolean }) {
  return (
    <li>
      <a class="row run" data-item="follow" href={to('runs', run.id)} aria-current={chosen ? 'true' : undefined}>
        <StateMark state={run.folder} />
        <span class="what">
          <span class="name">
            <UntrustedText text={run.node ?? run.id} max={60} />
            {run.service && (
              <>
                <i>/</i>
                <UntrustedText class="strong" text={run.service} max={60} />
              </>
            )}
          </span>
          <span class="sub">
            {(run.type ?? '').replaceAll('_', ' ')}
            {run.reason && (
              <>
                {' · '}
                <UntrustedText text={run.reason} max={110} />
              </>
            )}
          </span>
        </span>
        <span class="when">
          <Ago at={run.finished_at ?? run.started_at} />
          <small>{took(run)}</small>
        </span>
      </a>
    </li>
  )
}

const took = (run: Run) =>
  run.started_at && run.finished_at ? seconds((Date.parse(run.finished_at) - Date.parse(run.started_at)) / 1000) : run.folder === 'running' ? 'now' : ''

export function RunView({ id }: { id: string }) {
  const loaded = useLoaded<RunDetail>(url(`runs/${encodeURIComponent(id)}`), (name, message) => name === 'action' && message.action_id === id)
  const run = loaded.data
  return (
    <article class="panel detail" aria-label="Run">
      <a class="backlink" href={to('runs')}>
        ← Runs
      </a>
      {loaded.problem && !run && <ErrorMessage problem={loaded.problem} retry={loaded.reload} />}
      {!run && !loaded.problem && <Waiting />}
      {run && (
        <>
          <header class="title">
            <h2>
              <UntrustedText text={(run.type ?? 'run').replaceAll('_', ' ')} /> <span class="on">on</span> <UntrustedText text={run.node ?? '?'} />
              {run.service && (
                <>
                  <i>/</i>
                  <UntrustedText class="strong" text={run.service} />
                </>
              )}
            </h2>
            <p class="chips">
              <Chip word={run.folder} />
              {run.verdict && <Chip word={run.verdict} />}
              {(run.attempt ?? 1) > 1 && <Chip word={`attempt ${run.attempt}`} tone="warn" />}
            </p>
          </header>
          {run.reason && (
            <p class="because">
              <UntrustedText text={run.reason} max={2000} />
            </p>
          )}
          <dl class="facts">
            <div>
              <dt>Approved by</dt>
              <dd>
                <UntrustedText text={run.approved_by || '–'} max={80} />
              </dd>
            </div>
            <div class="long">
              <dt>Began</dt>
              <dd>
                <Clock at={run.started_at} />
              </dd>
            </div>
            <div>
              <dt>Took</dt>
              <dd>{run.started_at && !run.finished_at ? span((now.value - Date.parse(run.started_at)) / 1000, true) : took(run) || '–'}</dd>
            </div>
            <div class="long">
              <dt>More</dt>
              <dd class="links">
                <a href={to('proposals', run.id)}>proposal</a>
                <a href={to('incident', run.id)}>timeline</a>
                {run.bundle && (
                  <a href={url(`runs/${encodeURIComponent(id)}/bundle`)} download>
                    bundle.zip
                  </a>
                )}
              </dd>
            </div>
          </dl>
          <Stages stages={run.stages} />
          {run.folder === 'running' ? <Output id={id} /> : <Logs run={run} />}
          {Object.keys(run.before).length + Object.keys(run.after).length > 0 && (
            <div class="pair">
              <Panel title="Seen before">
                <UntrustedBlock label="Seen before the run" text={asJson(run.before)} />
              </Panel>
              <Panel title="Seen after">
                <UntrustedBlock label="Seen after the run" text={asJson(run.after)} />
              </Panel>
            </div>
          )}
        </>
      )}
    </article>
  )
}

function Stages({ stages }: { stages: Stage[] }) {
  if (stages.length === 0) return null
  return (
    <Panel title="Stages">
      <ol class="stages">
        {stages.map((stage, index) => (
          <li key={index}>
            <StateMark state={stage.ok ? 'done' : 'failed'} quiet />
            <UntrustedText class="strong" text={stage.name.replaceAll('_', ' ')} max={60} />
            <span class="sub">
              {stage.changed > 0 && `${stage.changed} changed `}
              <UntrustedText text={stage.detail} max={200} />
            </span>
            <span class="when">{seconds(stage.seconds)}</span>
          </li>
        ))}
      </ol>
    </Panel>
  )
}

/** Ansible's own words, as they come. What was said before the page was opened is in the logs when the run ends. */
function Output({ id }: { id: string }) {
  const [lines, setLines] = useState<string[]>([])
  // Before it is seen: whoever sees it hears the next line.
  useLayoutEffect(
    () =>
      listen((name, message) => {
        if (name !== 'output' || message.action_id !== id) return
        setLines((before) => [...before, String(message.line ?? '')].slice(-MOST_LINES))
      }),
    [id],
  )
  return (
    <Panel title="Output, live">
      <LiveLines lines={lines} />
    </Panel>
  )
}

function Logs({ run }: { run: RunDetail }) {
  const [name, setName] = useState(run.logs.find((log) => log.name.includes('apply'))?.name ?? run.logs[0]?.name ?? null)
  const [text, setText] = useState<string | null>(null)
  const [problem, setProblem] = useState<Problem | null>(null)
  useEffect(() => {
    if (!name) return
    let gone = false
    setText(null)
    setProblem(null)
    getText(url(`runs/${encodeURIComponent(run.id)}/logs/${encodeURIComponent(name)}`)).then(
      (said) => gone || setText(said),
      (error: unknown) => gone || (error instanceof Problem && setProblem(error)),
    )
    return () => {
      gone = true
    }
  }, [name, run.id])
  if (!name) return null
  return (
    <Panel title="Logs">
      <div class="tabs" role="group" aria-label="Which log">
        {run.logs.map((log) => (
          <button key={log.name} type="button" class="tab" aria-pressed={log.name === name} onClick={() => setName(log.name)}>
            {log.name.replace(/^\d+_|\.log$/g, '').replaceAll('_', ' ')}
          </button>
        ))}
      </div>
      {problem && <ErrorMessage problem={problem} />}
      {text !== null && (text ? <UntrustedBlock label={`Log ${name}`} text={text} tall /> : <p class="hint">It is empty.</p>)}
    </Panel>
  )
}
