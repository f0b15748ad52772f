// A person's answer to one proposal. What is sent is the digest that was on the screen when the question was asked.
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import { Problem, send, url, type Moved, type ProposalDetail } from '../api'
import { useKeys } from '../keys'
import { go, to } from '../routes'
import { mayDecide } from '../session'
import { UntrustedText, visible } from '../text'
import { Ago } from '../time'
import { EditDialog } from './edit'
import { LastingRule, lastingLabel, useLasting } from './lasting'
import { notice } from './notices'
import { SetValuesDialog } from './set_values'
import { SnoozeDialog } from './snooze'

type Verb = 'approve' | 'reject' | 'edit' | 'set' | 'snooze'
type Asking = { verb: Verb; digest: string } | null

const AGAIN = ['failed', 'interrupted', 'expired']

export function Decide({ p, reload }: { p: ProposalDetail; reload: () => void }) {
  const [asking, setAsking] = useState<Asking>(null)
  const [busy, setBusy] = useState(false)
  const [refused, setRefused] = useState<Problem | null>(null)
  const box = useRef<HTMLDivElement>(null)
  const waits = p.folder === 'pending'
  const may = mayDecide.value
  const ask = (verb: Verb) => {
    setRefused(null)
    setAsking({ verb, digest: p.digest })
  }
  const say = async (verb: string, body: object, done: (moved: Moved) => void) => {
    if (busy) return
    setBusy(true)
    setRefused(null)
    try {
      done(await send<Moved>('POST', url(`proposals/${encodeURIComponent(p.id)}/${verb}`), body))
      setAsking(null)
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      setRefused(error)
      if (error.status === 409 || error.status === 404) setAsking(null)
    } finally {
      setBusy(false)
      reload()
    }
  }
  const asks = waits && may && !p.no_preview && !p.preview?.works
  const preview = () => say('preview', { digest: p.digest }, () => notice('Asked the host; nothing is changed there'))
  useKeys({
    p: asks && (() => void preview()),
    a: waits && may && (() => ask('approve')),
    r: waits && may && (() => ask('reject')),
    e: (waits || p.folder === 'quarantine') && may && (() => ask('edit')),
    s: waits && may && (() => ask('snooze')),
  })
  const cancel = () => {
    setAsking(null)
    box.current?.querySelector<HTMLElement>('button')?.focus()
  }
  return (
    <div class="decide" ref={box} aria-busy={busy}>
      {refused && (
        <p class="trouble" role="alert">
          <strong>{refused.status === 409 ? 'Not done. ' : ''}</strong>
          {visible(refused.message)}
        </p>
      )}
      {!waits && <Decided p={p} />}
      {waits && !may && <p class="hint">You may look; deciding takes the role operator.</p>}
      {waits && may && asking?.verb !== 'approve' && asking?.verb !== 'reject' && (
        <div class="buttons">
          <button type="button" class="primary" onClick={() => ask('approve')} aria-keyshortcuts="a">
            Approve…
          </button>
          <button type="button" class="danger" onClick={() => ask('reject')} aria-keyshortcuts="r">
            Reject…
          </button>
          {!p.no_preview && (
            <button type="button" disabled={busy || !asks} onClick={preview} aria-keyshortcuts="p" title="Asks the host in check mode what would change there; changes nothing">
              {p.preview?.works ? 'Asking the host…' : 'Preview'}
            </button>
          )}
          {p.card.may_set.length > 0 && (
            <button type="button" onClick={() => ask('set')}>
              Set values
            </button>
          )}
          <button type="button" onClick={() => ask('edit')} aria-keyshortcuts="e">
            Edit
          </button>
          <button type="button" onClick={() => ask('snooze')} aria-keyshortcuts="s">
            Snooze
          </button>
        </div>
      )}
      {waits && asking?.verb === 'approve' && (
        <Confirm p={p} digest={asking.digest} busy={busy} onCancel={cancel} onYes={() => say('approve', { digest: asking.digest }, () => notice(`Approved: ${p.node}/${p.service ?? ''}`, 'good'))} />
      )}
      {waits && asking?.verb === 'reject' && (
        <Reject p={p} busy={busy} onCancel={cancel} onNo={(reason, rule) => say('reject', { digest: asking.digest, reason, rule }, () => notice(rule ? 'Rejected, for good' : 'Rejected'))} />
      )}
      {may && AGAIN.includes(p.folder) && p.type !== 'preview' && (
        <div class="buttons">
          <button type="button" onClick={() => say('retry', {}, (moved) => (notice('A new attempt waits for you'), go(to('proposals', moved.id))))}>
            Propose again
          </button>
        </div>
      )}
      {may && p.undoable && (
        <div class="buttons">
          <button type="button" onClick={() => say('undo', {}, (moved) => (notice('To take it back waits for your yes'), go(to('proposals', moved.id))))}>
            Undo…
          </button>
        </div>
      )}
      {may && p.folder === 'quarantine' && (
        <div class="buttons">
          <button type="button" onClick={() => ask('edit')}>
            Edit
          </button>
        </div>
      )}
      {asking?.verb === 'edit' && <EditDialog p={p} digest={asking.digest} onClose={() => setAsking(null)} onDone={reload} />}
      {asking?.verb === 'set' && <SetValuesDialog p={p} digest={asking.digest} onClose={() => setAsking(null)} onDone={reload} />}
      {asking?.verb === 'snooze' && <SnoozeDialog p={p} digest={asking.digest} onClose={() => setAsking(null)} onDone={reload} />}
    </div>
  )
}

function Confirm({ p, digest, busy, onYes, onCancel }: { p: ProposalDetail; digest: string; busy: boolean; onYes: () => void; onCancel: () => void }) {
  const yes = useRef<HTMLButtonElement>(null)
  useLayoutEffect(() => yes.current?.focus(), [])
  useKeys({ Escape: onCancel })
  const changed = digest !== p.digest
  return (
    <div class="confirm" role="group" aria-label="Approve?">
      <p>
        Run <strong><UntrustedText text={p.type.replaceAll('_', ' ')} /></strong> on <strong><UntrustedText text={p.node} /></strong>
        {p.service && <> for <strong><UntrustedText text={p.service} /></strong></>} now?
      </p>
      <p class="sub">
        Digest <code>{digest}</code>
        {changed && <strong class="warn"> Somebody has edited it since: look again.</strong>}
      </p>
      <div class="buttons">
        <button ref={yes} type="button" class="primary" disabled={busy || changed} onClick={onYes}>
          {busy ? 'Asking…' : 'Yes, approve'}
        </button>
        <button type="button" onClick={onCancel}>
          Cancel
        </button>
      </div>
    </div>
  )
}

function Reject({ p, busy, onNo, onCancel }: { p: ProposalDetail; busy: boolean; onNo: (reason: string, rule: string | null) => void; onCancel: () => void }) {
  const [reason, setReason] = useState('')
  const [always, setAlways] = useState(false)
  const lasting = useLasting(p, always ? reason.trim() : '')
  const waits = always && !lasting.rule?.writable
  const field = useRef<HTMLInputElement>(null)
  useLayoutEffect(() => field.current?.focus(), [])
  return (
    <form
      class="confirm"
      aria-label="Reject"
      onSubmit={(event) => {
        event.preventDefault()
        if (reason.trim() && !waits) onNo(reason.trim(), always ? (lasting.rule?.digest ?? null) : null)
        else field.current?.focus()
      }}
      onKeyDown={(event) => event.key === 'Escape' && (event.stopPropagation(), onCancel())}
    >
      <label>
        Why not? It is kept with the proposal.
        <input ref={field} name="reason" required maxLength={1000} value={reason} onInput={(event) => setReason(event.currentTarget.value)} placeholder="backup is running" />
      </label>
      <label class="choice">
        <input type="checkbox" name="always" checked={always} onChange={(event) => setAlways(event.currentTarget.checked)} />
        <span>{lastingLabel(p)}</span>
      </label>
      {always && <LastingRule p={p} lasting={lasting} />}
      <div class="buttons">
        <button type="submit" class="danger" disabled={busy || waits}>
          {busy ? 'Asking…' : always ? 'Reject, and write the rule' : 'Reject'}
        </button>
        <button type="button" onClick={onCancel}>
          Cancel
        </button>
      </div>
    </form>
  )
}

const ENDS: Record<string, string> = {
  approved: 'Approved. The executor takes it next.',
  running: 'It runs now.',
  done: 'Done.',
  failed: 'It ran and failed, or did not help.',
  interrupted: 'A crash cut it short; it is never run again by itself.',
  rejected: 'Rejected.',
  expired: 'Expired: nobody decided in time.',
  withdrawn: 'Withdrawn: the trouble went away first.',
  quarantine: 'In quarantine: the executor does not trust this file.',
}

const DONE: Record<string, string> = { proven: 'Done and proven.', acknowledged: 'Acknowledged: nobody was told.', previewed: 'Asked; nothing was changed.' }
const ASIDE = {
  snooze: 'Snoozed: what is still wrong at the end is proposed anew.',
  acknowledge: 'Acknowledged: put aside until it is healthy again.',
}

function Decided({ p }: { p: ProposalDetail }) {
  const ran = ['running', 'done', 'failed', 'interrupted'].includes(p.folder)
  const by = p.decided?.by
  const aside = p.decided?.put_aside
  const verdict = (p.folder === 'done' && p.decided?.verdict) || ''
  return (
    <div class={`decided ${aside ? 'aside' : p.folder}`} role="status">
      <p>
        <strong>{aside ? ASIDE[aside] : (DONE[verdict] ?? ENDS[p.folder] ?? p.folder)}</strong>{' '}
        {by && by !== p.folder && (
          <>
            Decided by <UntrustedText text={by} max={80} />
            {p.decided?.at && (
              <>
                {' '}
                <Ago at={p.decided.at} /> ago
              </>
            )}
            .
          </>
        )}
      </p>
      {p.decided?.reason && (
        <p>
          <UntrustedText text={p.decided.reason} max={1000} />
        </p>
      )}
      {ran && (
        <p>
          <a href={to('runs', p.id)}>{p.folder === 'running' ? 'Watch it' : 'See the run'}</a>
        </p>
      )}
    </div>
  )
}
