// One proposal: why, what exactly would run, who said so; and the four answers of a person. A decision is shown only when the server said so.
import { url, type Attempt, type ProposalDetail } from '../api'
import { OBSTACLES_MS, useLoaded } from '../loaded'
import { Card, Ids, Title } from '../parts/card'
import { Decide } from '../parts/decide'
import { Panel, ErrorMessage, Waiting } from '../parts/frame'
import { Chip } from '../parts/marks'
import { Obstacles } from '../parts/obstacles'
import { Preview } from '../parts/preview'
import { to } from '../routes'
import { asJson, UntrustedBlock, UntrustedText } from '../text'

export function ProposalView({ id }: { id: string }) {
  const loaded = useLoaded<ProposalDetail>(
    url(`proposals/${encodeURIComponent(id)}`),
    (name, message) => (name === 'action' && (message.action_id === id || message.type === 'preview')) || ((name === 'event' || name === 'attempt') && 'late'),
    OBSTACLES_MS,
  )
  const p = loaded.data
  return (
    <article class="panel detail" aria-label="Proposal">
      <a class="backlink" href={to('queue')}>
        ← Queue
      </a>
      {loaded.problem && !p && <ErrorMessage problem={loaded.problem} retry={loaded.reload} />}
      {!p && !loaded.problem && <Waiting />}
      {p && <Whole p={p} reload={loaded.reload} />}
    </article>
  )
}

function Whole({ p, reload }: { p: ProposalDetail; reload: () => void }) {
  return (
    <>
      <Title p={p} />
      <Card p={p} request={requestOf(p)} />
      <Warnings p={p} />
      <Obstacles found={p.obstacles} approved={p.folder === 'approved'} />
      <Decide p={p} reload={reload} />
      {p.preview && <Preview found={p.preview} />}
      <Ids p={p} />
      <WhatRuns p={p} />
      <Evidence p={p} />
      <Attempts attempts={p.attempts} />
      <Panel title="The event, as it came">
        <UntrustedBlock label="The event as JSON" text={asJson(p.event)} />
      </Panel>
    </>
  )
}

/** The id of the request that it is part of. */
function requestOf(p: ProposalDetail) {
  const { request } = (p.event.payload ?? {}) as { request?: unknown }
  return p.event_type === 'playbook_requested' && typeof request === 'string' && /^req-[0-9a-f]{12}$/.test(request) ? request : null
}

/** In red above the buttons: what only this mesh's policy allows, what destroys, what the executor would refuse, and how it runs if not as usual. */
function Warnings({ p }: { p: ProposalDetail }) {
  const runs = p.playbook
  if (!runs) return null
  const lines: [string, string][] = [
    ...runs.problems.map((one): [string, string] => ['The executor would refuse it', one]),
    ...runs.by_policy.map((one): [string, string] => ['Allowed only by your policy', one]),
    ...runs.dangers.map((one): [string, string] => ['Warning', one]),
    ...runs.how.map((one): [string, string] => ['Mind', one]),
  ]
  if (!lines.length) return null
  return (
    <ul class="trouble mind" aria-label="Warnings">
      {lines.map(([what, which]) => (
        <li key={what + which}>
          <b>{what}:</b> <UntrustedText text={which} max={600} />
        </li>
      ))}
    </ul>
  )
}

function WhatRuns({ p }: { p: ProposalDetail }) {
  if (p.playbook_problem)
    return (
      <Panel title="Approval would run nothing">
        <p class="trouble">
          <UntrustedText text={p.playbook_problem} max={1000} />
        </p>
      </Panel>
    )
  if (!p.playbook)
    return p.obstacles.some((one) => one.kind === 'targets') ? (
      <Panel title="Approval tells nobody">
        <p class="hint">Nothing runs on a host, and no target is set: a yes only says that you have read it.</p>
      </Panel>
    ) : (
      <Panel title="Approval sends a notification">
        <p class="hint">Nothing runs on a host: the text above goes to NOTIFY_URLS.</p>
      </Panel>
    )
  return (
    <Panel title="Approval runs this playbook, byte for byte">
      <UntrustedBlock label="The playbook" text={p.playbook.text} open />
      <p class="hint">
        sha256 <code class="wrap">{p.playbook.sha256}</code>
      </p>
      {p.playbook.role?.files.map((one) => (
        <UntrustedBlock key={one.path} label={`${one.path} of its role ${p.playbook?.role?.name ?? ''}`} text={one.text} open />
      ))}
      {p.playbook.attachments.map((one) => (
        <details key={one.name + one.sha256} open>
          <summary>
            It brings the file <UntrustedText text={one.name} />
          </summary>
          <p class="hint">
            named in it by its sha256 <code class="wrap">{one.sha256}</code>
          </p>
          <UntrustedBlock label={`The file ${one.name}`} text={one.text} />
        </details>
      ))}
      {p.playbook.proof && (
        <details>
          <summary>How it is proven afterwards</summary>
          <p class="hint">This second play must change nothing, and the symptom must be gone for several looks in a row.</p>
          <UntrustedBlock label="The play that proves it" text={p.playbook.proof} open />
        </details>
      )}
      {p.playbook.undo && (
        <>
          <p class="hint">If it does not help, it is taken back by itself, with this playbook, and a look proves that all is as before.</p>
          <UntrustedBlock label="The play that takes it back" text={p.playbook.undo} />
        </>
      )}
      {!p.playbook.undo && p.can_be_undone && <p class="hint">It can be taken back afterwards, if you ask for that.</p>}
    </Panel>
  )
}

function Evidence({ p }: { p: ProposalDetail }) {
  return (
    <Panel title="Evidence">
      {p.evidence.length === 0 && <p class="hint">None was gathered.</p>}
      {p.evidence.map((one, index) => (
        <div class="evidence" key={index}>
          <h3>
            <UntrustedText text={one.source} max={120} />
          </h3>
          <UntrustedBlock label={`Evidence ${index + 1}`} text={one.text} />
        </div>
      ))}
      {p.policy && (
        <p class="hint">
          Policy allows {p.policy.allowed.map((one) => one.replaceAll('_', ' ')).join(', ') || 'nothing'}: <UntrustedText text={p.policy.reason} max={600} />
        </p>
      )}
    </Panel>
  )
}

export function Attempts({ attempts }: { attempts: Attempt[] }) {
  return (
    <Panel title="Model attempts">
      {attempts.length === 0 ? (
        <p class="hint">No record of a model's attempt: it is older than a week, or the rules alone wrote this (floor).</p>
      ) : (
        <div class="scroll" tabIndex={0} role="region" aria-label="Model attempts">
          <table>
            <thead>
              <tr>
                <th scope="col">Position</th>
                <th scope="col">Model</th>
                <th scope="col">Outcome</th>
                <th scope="col" class="num">
                  Took
                </th>
                <th scope="col" class="num">
                  Tokens
                </th>
                <th scope="col" class="num">
                  Cost
                </th>
              </tr>
            </thead>
            <tbody>
              {attempts.map((one, index) => (
                <tr key={index}>
                  <td>{one.position}</td>
                  <td class="roomy">
                    <UntrustedText text={one.model} max={60} /> <small>{one.provider}</small>
                    {one.detail && (
                      <div class="sub">
                        <UntrustedText text={one.detail} max={300} />
                      </div>
                    )}
                  </td>
                  <td>
                    <Chip word={one.outcome} tone={one.outcome === 'ok' ? 'good' : 'warn'} />
                  </td>
                  <td class="num">{(one.latency_ms / 1000).toFixed(1)}s</td>
                  <td class="num">{one.prompt_tokens + one.completion_tokens}</td>
                  <td class="num">{one.cost_usd ? `$${one.cost_usd.toFixed(4)}` : '–'}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  )
}

