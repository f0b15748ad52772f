// "Approve all": as many renames as proposals wait, each with the digest that was on the screen. Only where all carry the same.
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import { get, Problem, send, url, type Asked, type Moved, type ProposalDetail } from '../../api'
import { useKeys } from '../../keys'
import { to } from '../../routes'
import { UntrustedBlock, UntrustedText, visible } from '../../text'
import { Chip } from '../marks'
import { notice } from '../notices'
import { FirstObstacle, Obstacles, shared } from '../obstacles'

/** What would run, without the one line that says where. */
const without = (p: ProposalDetail) => {
  const lines = p.playbook?.text.split('\n') ?? []
  const where = new RegExp(`^(- | {2})hosts: (['"]?)${p.node.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}\\2$`)
  const at = lines.findIndex((line) => where.test(line))
  return lines.map((line, index) => (index === at ? line.replace(/hosts: .*/, 'hosts: …') : line)).join('\n')
}

/** All that a person would look at on each card but the host. */
function carried(p: ProposalDetail) {
  const { name, text, sha256, ...more } = p.playbook ?? { name: '', text: '', sha256: '' }
  return JSON.stringify([p.type, p.action, p.risk_level, p.edited_by, without(p), more])
}

export function ApproveAll({ r, reload }: { r: Asked; reload: () => void }) {
  const [shown, setShown] = useState<ProposalDetail[] | null>(null)
  const [busy, setBusy] = useState(false)
  const [wrong, setWrong] = useState<string[]>([])
  const waiting = r.proposals.filter(({ folder }) => folder === 'pending')
  const button = useRef<HTMLButtonElement>(null)
  const look = async () => {
    if (busy) return
    setBusy(true)
    setWrong([])
    try {
      setShown(await Promise.all(waiting.map((one) => get<ProposalDetail>(url(`proposals/${encodeURIComponent(one.action_id)}`)))))
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      setWrong([error.message])
    } finally {
      setBusy(false)
    }
  }
  const approve = async (proposals: ProposalDetail[]) => {
    if (busy) return
    setBusy(true)
    const not: string[] = []
    for (const p of proposals) {
      try {
        await send<Moved>('POST', url(`proposals/${encodeURIComponent(p.id)}/approve`), { digest: p.digest })
      } catch (error) {
        if (!(error instanceof Problem)) throw error
        not.push(`${p.node}: ${error.message}`)
      }
    }
    const done = proposals.length - not.length
    if (done) notice(`Approved on ${done} ${done === 1 ? 'host' : 'hosts'}`, 'good')
    setWrong(not)
    setBusy(false)
    setShown(null)
    reload()
  }
  if (!shown && wrong.length === 0 && waiting.length < 2) return null
  return (
    <div class="all" aria-busy={busy}>
      {wrong.map((one) => (
        <p class="trouble" role="alert" key={one}>
          <strong>Not done. </strong>
          {visible(one)}
        </p>
      ))}
      {shown ? (
        <Confirm
          shown={shown}
          busy={busy}
          onYes={() => void approve(shown)}
          onCancel={() => {
            setShown(null)
            window.setTimeout(() => button.current?.focus())
          }}
        />
      ) : (
        waiting.length > 1 && (
          <button ref={button} type="button" disabled={busy} onClick={() => void look()}>
            Approve all {waiting.length}…
          </button>
        )
      )}
    </div>
  )
}

function Confirm({ shown, busy, onYes, onCancel }: { shown: ProposalDetail[]; busy: boolean; onYes: () => void; onCancel: () => void }) {
  const box = useRef<HTMLDivElement>(null)
  useLayoutEffect(() => box.current?.focus(), [])
  useKeys({ Escape: onCancel })
  const [first] = shown
  const moved = shown.filter((p) => p.folder !== 'pending')
  const differ = shown.some((p) => !first || carried(p) !== carried(first))
  const runs = first?.playbook
  if (!first || !runs || differ || moved.length > 0)
    return (
      <div ref={box} class="confirm" role="group" aria-label="Not all at once" tabIndex={-1}>
        <p>
          <strong>{moved.length > 0 ? 'Somebody has decided one of them meanwhile.' : 'They do not carry the same playbook.'}</strong> Read each and decide it on its own card.
        </p>
        <div class="buttons">
          <button type="button" onClick={onCancel}>
            Back
          </button>
        </div>
      </div>
    )
  const common = shared(shown)
  const mind = [...runs.problems, ...runs.by_policy.map((one) => `allowed only by your policy: ${one}`), ...runs.dangers, ...runs.how]
  return (
    <div ref={box} class="confirm" role="group" aria-label="Approve all?" tabIndex={-1}>
      <p>
        <strong>All {shown.length} carry this playbook; only its hosts differ.</strong> <Chip word={`risk ${first.risk_level}`} tone={{ low: 'good', guarded: 'warn', high: 'bad' }[first.risk_level]} />
      </p>
      {mind.length > 0 && (
        <ul class="trouble mind" aria-label="Warnings">
          {mind.map((one) => (
            <li key={one}>
              <UntrustedText text={one} max={600} />
            </li>
          ))}
        </ul>
      )}
      <Obstacles found={common} />
      <UntrustedBlock label="The playbook of all" text={without(first)} tall />
      {runs.role?.files.map((one) => (
        <UntrustedBlock key={one.path} label={one.path} text={one.text} tall />
      ))}
      {runs.attachments.map((one) => (
        <UntrustedBlock key={one.sha256} label={`The file ${one.name}`} text={one.text} tall />
      ))}
      <ul class="became" aria-label="Where it would run">
        {shown.map((p) => (
          <li key={p.id}>
            <a href={to('proposals', p.id)}>
              <UntrustedText text={p.node} max={128} />
            </a>{' '}
            <code>{p.digest}</code> <FirstObstacle found={p.obstacles} but={common} />
          </li>
        ))}
      </ul>
      <div class="buttons">
        <button type="button" class="primary" disabled={busy} onClick={onYes}>
          {busy ? 'Asking…' : `Yes, approve all ${shown.length}`}
        </button>
        <button type="button" disabled={busy} onClick={onCancel}>
          Cancel
        </button>
      </div>
    </div>
  )
}
