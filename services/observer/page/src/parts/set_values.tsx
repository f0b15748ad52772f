// Set values: what the remedy leaves to whoever approves. An edit like any other: a new digest, and it waits again.
import { send, url, type Moved, type ProposalDetail } from '../api'
import { UntrustedText } from '../text'
import { Dialog } from './dialog'
import { notice } from './notices'

interface Props {
  p: ProposalDetail
  digest: string
  onClose: () => void
  onDone: () => void
}

export function SetValuesDialog({ p, digest, onClose, onDone }: Props) {
  const submit = async (form: FormData) => {
    const said = p.card.may_set.map((one): [string, string, string] => [one.name, String(form.get(one.name) ?? '').trim(), one.now])
    const params = Object.fromEntries(said.filter(([, value, now]) => value !== now))
    if (!Object.keys(params).length) return
    const moved = await send<Moved>('POST', url(`proposals/${encodeURIComponent(p.id)}/edit`), { digest, params })
    notice(`Set: its digest is ${moved.digest} now, and it waits again`, 'good')
    onDone()
  }
  return (
    <Dialog title="Set values" action="File it anew" onClose={onClose} onSubmit={submit}>
      <p class="hint">The remedy leaves this to you. What it would do is shown anew before you approve.</p>
      {p.card.may_set.map((one) => (
        <label key={one.name}>
          <UntrustedText text={`${one.name}: ${one.fits}`} max={600} />
          <input name={one.name} required maxLength={64} defaultValue={one.now} autocomplete="off" />
        </label>
      ))}
    </Dialog>
  )
}
