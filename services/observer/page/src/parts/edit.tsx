// Edit: the file as text. The server judges it as the executor would; the result is a new digest, and it waits again.
import { send, url, type Moved, type ProposalDetail } from '../api'
import { Dialog } from './dialog'
import { notice } from './notices'

interface Props {
  p: ProposalDetail
  digest: string
  onClose: () => void
  onDone: () => void
}

export function EditDialog({ p, digest, onClose, onDone }: Props) {
  const submit = async (form: FormData) => {
    const text = String(form.get('text') ?? '')
    const moved = await send<Moved>('POST', url(`proposals/${encodeURIComponent(p.id)}/edit`), { digest, text })
    notice(`Edited: its digest is ${moved.digest} now, and it waits again`, 'good')
    onDone()
  }
  return (
    <Dialog wide title="Edit the proposal" action="File it anew" onClose={onClose} onSubmit={submit}>
      <p class="hint">
        The action, the reason or a playbook of your own; what says who, where and when stays. It keeps its id, gets a new digest and waits again:
        editing approves nothing.
      </p>
      <label>
        <span class="unseen">The proposal as JSON</span>
        <textarea name="text" rows={22} spellcheck={false} required defaultValue={p.raw} />
      </label>
    </Dialog>
  )
}
