// What a person needs to say whether, as the observer says it: in the order of the questions, each said once, above the buttons.
import type { ComponentChildren } from 'preact'
import type { ProposalDetail } from '../api'
import { to } from '../routes'
import { ModelReason, UntrustedText } from '../text'
import { Ago, Left } from '../time'
import { Chip, toneOf } from './marks'

const REASONS = 1
const OTHERS = 4
const words = (name: string) => name.replaceAll('_', ' ')

export function Title({ p }: { p: ProposalDetail }) {
  return (
    <header class="title">
      <h2 class={toneOf(p.severity)}>
        <UntrustedText text={p.card.title} max={400} />
      </h2>
      <p class="chips">
        <span class="chip plain">
          since <Ago at={p.card.since} />
        </span>
        <Chip word={p.severity} />
        <Chip word={p.type} tone="plain" title="What would run" />
        <Chip word={`risk ${p.risk_level}`} tone={toneOf(p.risk_level)} />
        {p.attempt > 1 && <Chip word={`attempt ${p.attempt}`} tone="warn" />}
        {p.trust === 'foreign' && <Chip word="told from outside" tone="warn" title="Not by the node's own agent" />}
        {p.edited_by && <Chip word={`edited by ${p.edited_by}`} tone="warn" />}
      </p>
    </header>
  )
}

export function Card({ p, request }: { p: ProposalDetail; request: string | null }) {
  const card = p.card
  const waits = p.folder === 'pending'
  return (
    <>
      <p class="plan" aria-label="What it touches">
        {waits ? 'If you approve' : 'How far it goes'}:{' '}
        <UntrustedText class="strong" text={card.does} max={6000} />
        {card.interrupts && (
          <>
            ; <UntrustedText text={card.interrupts} max={400} />
          </>
        )}
      </p>
      <dl class="card">
        <Row name="Asked for in">{request && <a href={to('requests', request)}>{request}</a>}</Row>
        <Row name="You may set">{waits && card.may_set.length > 0 && <UntrustedText text={card.may_set.map(settable).join('; ')} max={800} />}</Row>
        <Row name="Why">
          <span class="because">{card.because ? <UntrustedText text={card.because} max={4000} /> : <ModelReason p={p} max={4000} />}</span>
        </Row>
        <Row name="Found">{card.found && <UntrustedText text={card.found} max={800} />}</Row>
        <Row name="Rule">{(card.rule || card.runbook) && <UntrustedText text={ruleOf(p)} max={800} />}</Row>
        <Row name="Look at">{card.look && <UntrustedText text={card.look} max={800} />}</Row>
        <Row name="Instead">{card.instead.length > 0 && <Instead not={card.instead} />}</Row>
        <Row name="Happened">{card.timeline.length > 0 && <Happened moments={card.timeline} />}</Row>
        <Row name="Explains">{p.explains.length > 0 && <Explains p={p} />}</Row>
        <Row name="Also there">{card.others.length > 0 && <Others p={p} />}</Row>
        <Row name="Before">{card.before && <UntrustedText text={card.before} max={1000} />}</Row>
        <Row name="Waiting">
          {waits && (
            <>
              {card.waiting && (
                <>
                  <UntrustedText text={card.waiting} max={800} />;{' '}
                </>
              )}
              the proposal expires in <Left until={p.expires_at} />
            </>
          )}
        </Row>
      </dl>
      {waits && card.doubt && (
        <p class="doubted">
          <UntrustedText text={card.doubt} max={300} />
        </p>
      )}
      {waits && card.suggestion && (
        <p class="suggested">
          <UntrustedText text={card.suggestion} max={300} />
        </p>
      )}
    </>
  )
}

const settable = (one: ProposalDetail['card']['may_set'][number]) => `${one.name}: ${one.fits}; ${one.now} now`

/** The rule's name, and which runbook was found how; its title stands with the evidence. */
const ruleOf = ({ card }: ProposalDetail) => {
  const [id] = card.runbook.split(':')
  const how = card.runbook.slice(card.runbook.lastIndexOf('('))
  return [card.rule, id && `runbook ${id} ${how}`].filter(Boolean).join('; ')
}

function Row({ name, children }: { name: string; children: ComponentChildren }) {
  if (!children) return null
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}

function Instead({ not }: { not: ProposalDetail['card']['instead'] }) {
  const line = (one: (typeof not)[number]) => (
    <li key={one.why_not}>
      <UntrustedText class="strong" text={words(one.choices.join(', '))} max={300} />: <UntrustedText text={one.why_not} max={400} />
    </li>
  )
  return (
    <>
      <ul>{not.slice(0, REASONS).map(line)}</ul>
      {not.length > REASONS && (
        <details>
          <summary>{not.slice(REASONS).flatMap((one) => one.choices).length} more not chosen</summary>
          <ul>{not.slice(REASONS).map(line)}</ul>
        </details>
      )}
    </>
  )
}

function Happened({ moments }: { moments: ProposalDetail['card']['timeline'] }) {
  return (
    <ul>
      {moments.map((one) => (
        <li key={one.at + one.what}>
          <Ago at={one.at} /> ago: <UntrustedText text={one.what} max={300} />
        </li>
      ))}
    </ul>
  )
}

/** Trouble that has no card of its own because of this. */
function Explains({ p }: { p: ProposalDetail }) {
  return <UntrustedText text={p.explains.map((one) => `${one.service ?? one.node} (${words(one.type)})`).join(', ')} max={3000} />
}

function Others({ p }: { p: ProposalDetail }) {
  const { others } = p.card
  return (
    <>
      {others.slice(0, OTHERS).map((one, index) => (
        <span key={one.service ?? ''}>
          {index > 0 && ', '}
          <UntrustedText text={one.service ?? one.node} max={128} /> (<UntrustedText text={words(one.type)} max={64} />, <Ago at={one.since} />)
        </span>
      ))}
      {others.length > OTHERS && ` and ${others.length - OTHERS} more`}
    </>
  )
}

/** By which ids everything is found, and who wrote it: nothing of it decides. */
export function Ids({ p }: { p: ProposalDetail }) {
  return (
    <details class="ids">
      <summary>Model, digest and ids</summary>
      <dl class="facts">
        <Row name="Proposed">
          <Ago at={p.created_at} /> ago
        </Row>
        <Row name="Occurrences">{p.occurrences === null ? 'unknown' : String(p.occurrences)}</Row>
        <Row name="Model">
          <UntrustedText text={p.model.name} max={60} />
        </Row>
        <Row name="Event">
          <a href={to('incident', p.event_id ?? p.id)}>
            <UntrustedText text={words(p.event_type)} max={60} />
          </a>
        </Row>
        <div class="long">
          <dt>Digest</dt>
          <dd>
            <code>{p.digest}</code>
          </dd>
        </div>
        <div class="long">
          <dt>Id</dt>
          <dd>
            <code>
              <UntrustedText text={p.id} />
            </code>
          </dd>
        </div>
      </dl>
    </details>
  )
}
