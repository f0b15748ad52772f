// What a request would change on each of its hosts: asked with one button, and told as the answers come.
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { Problem, send, url, type Asked, type AskedPreviews, type ProposalDetail } from '../../api'
import { useLoaded } from '../../loaded'
import { to } from '../../routes'
import { UntrustedText, visible } from '../../text'

/** `children`: other buttons beside it. */
export function PreviewAll({ r, children }: { r: Asked; children: ComponentChildren }) {
  const [asked, setAsked] = useState<AskedPreviews['items']>([])
  const [busy, setBusy] = useState(false)
  const [wrong, setWrong] = useState('')
  const ask = async () => {
    if (busy) return
    setBusy(true)
    setWrong('')
    try {
      setAsked((await send<AskedPreviews>('POST', url(`requests/${encodeURIComponent(r.id)}/preview`))).items)
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      setWrong(error.message)
    } finally {
      setBusy(false)
    }
  }
  const waits = r.proposals.some(({ folder }) => folder === 'pending')
  return (
    <>
      <div class="verbs">
        {waits && (
          <button type="button" disabled={busy} onClick={() => void ask()} title="Asks each host in check mode what would change there; changes nothing">
            {busy ? 'Asking…' : 'Preview'}
          </button>
        )}
        {children}
      </div>
      {wrong && (
        <p class="trouble" role="alert">
          {visible(wrong)}
        </p>
      )}
      {asked.length > 0 && (
        <ul class="became each" aria-label="What would change">
          {asked.map((one) => (
            <li key={one.preview ?? one.action_id}>
              <a href={to('proposals', one.action_id)}>
                <UntrustedText text={one.host} max={128} />
              </a>{' '}
              {one.preview ? <Answer action={one.action_id} preview={one.preview} /> : <UntrustedText text={one.problem} max={400} />}
            </li>
          ))}
        </ul>
      )}
    </>
  )
}

function Answer({ action, preview }: { action: string; preview: string }) {
  const loaded = useLoaded<ProposalDetail>(url(`proposals/${encodeURIComponent(action)}`), (name, message) => name === 'action' && message.action_id === preview)
  const found = loaded.data?.preview
  if (!found || found.id !== preview || found.works) return <span class="sub">asked; its answer is to come</span>
  if (!found.said) return <UntrustedText class="bad" text={found.reason || found.folder} max={400} />
  const odd = found.said.problem || found.said.surprises[0]
  return <UntrustedText class={odd ? 'bad' : ''} text={odd ? `More than the card says: ${odd}` : found.said.sentence} max={600} />
}
