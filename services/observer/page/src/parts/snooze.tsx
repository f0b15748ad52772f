// Snooze: not now. The trouble stays known; the same place is not proposed again before the time is over.
import { send, url, type ProposalDetail } from '../api'
import { Dialog } from './dialog'
import { notice } from './notices'

export const SPANS: [number, string][] = [
  [900, '15 minutes'],
  [3_600, '1 hour'],
  [14_400, '4 hours'],
  [86_400, '1 day'],
  [604_800, '1 week'],
]

export function SpanField({ name = 'seconds', chosen = 3_600 }: { name?: string; chosen?: number }) {
  return (
    <label>
      For
      <select name={name}>
        {SPANS.map(([seconds, words]) => (
          <option key={seconds} value={seconds} selected={seconds === chosen}>
            {words}
          </option>
        ))}
      </select>
    </label>
  )
}

export function SnoozeDialog({ p, digest, onClose, onDone }: { p: ProposalDetail; digest: string; onClose: () => void; onDone: () => void }) {
  const submit = async (form: FormData) => {
    const body = { digest, seconds: Number(form.get('seconds')), reason: String(form.get('reason') ?? '').trim() }
    await send('POST', url(`proposals/${encodeURIComponent(p.id)}/snooze`), body)
    notice('Snoozed', 'good')
    onDone()
  }
  return (
    <Dialog title="Snooze" action="Snooze" onClose={onClose} onSubmit={submit}>
      <p class="hint">Events of this place are kept, but nothing is proposed for it until the time is over. You can end it earlier under Silences.</p>
      <SpanField />
      <label>
        Reason
        <input name="reason" required maxLength={500} placeholder="waiting for the vendor" />
      </label>
    </Dialog>
  )
}
