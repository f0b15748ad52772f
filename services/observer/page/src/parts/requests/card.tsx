// One request: what was asked, by whom and where; its questions as fields, or its proposals with their states.
import { useEffect, useRef, useState } from 'preact/hooks'
import { Problem, send, url, type Asked, type OpenQuestion } from '../../api'
import { to, where } from '../../routes'
import { mayDecide } from '../../session'
import { UntrustedText, visible } from '../../text'
import { Ago } from '../../time'
import { Chip, toneOf } from '../marks'
import { ApproveAll } from './approve_all'
import { RequestOutput } from './output'
import { PreviewAll } from './previews'

const WORDS: Record<string, [word: string, tone: string]> = {
  waits: ['not read yet', 'plain'],
  writing: ['a model writes', 'busy'],
  asks: ['asks', 'warn'],
  filed: ['filed', 'busy'],
  checked: ['checked', 'good'],
  refused: ['refused', 'bad'],
  cancelled: ['cancelled', 'plain'],
}
const HOSTS_SHOWN = 8
/** Its run left a bundle. */
const ENDED = ['done', 'failed', 'interrupted']

export function RequestCard({ r, reload }: { r: Asked; reload: () => void }) {
  const [word, tone] = WORDS[r.state ?? 'waits'] ?? [String(r.state), 'plain']
  const card = useRef<HTMLElement>(null)
  const chosen = where.value.view === 'requests' && where.value.args[0] === r.id
  useEffect(() => {
    if (chosen) card.current?.focus()
  }, [chosen])
  return (
    <article ref={card} class="panel asked-for" tabIndex={-1} aria-label={`Request ${r.id}`}>
      <header>
        <h3>
          <UntrustedText text={r.text} max={400} />
        </h3>
        <span class="chips">
          {r.risk && <Chip word={`risk ${r.risk}`} tone={toneOf(r.risk)} />}
          <Chip word={word} tone={tone} />
        </span>
      </header>
      <p class="sub">
        {r.by && <UntrustedText text={r.by} max={80} />}
        {r.by && ' · '}
        on <UntrustedText text={r.hosts.slice(0, HOSTS_SHOWN).join(', ')} max={400} />
        {r.hosts.length > HOSTS_SHOWN && ` and ${r.hosts.length - HOSTS_SHOWN} more`}
        {r.ts && (
          <>
            {' · '}
            <Ago at={r.ts} /> ago
          </>
        )}
        {' · '}
        <code>{r.id}</code>
      </p>
      {r.state === null && <p>It waits until a planner reads it.</p>}
      {r.reason && (
        <p class={r.state === 'refused' ? 'trouble' : ''}>
          <UntrustedText text={r.reason} max={2000} />
        </p>
      )}
      {r.written_by && (
        <p>
          No recipe knows these words: the model <UntrustedText text={r.written_by.name} max={60} /> wrote the tasks.
        </p>
      )}
      {r.state === 'asks' && <Questions key={r.updated_at} r={r} reload={reload} />}
      {r.proposals.length > 0 && (
        <ul class="became" aria-label="Its proposals">
          {r.proposals.map((one) => (
            <li key={one.action_id}>
              <a href={to('proposals', one.action_id)}>
                <UntrustedText text={one.host} max={128} />
              </a>{' '}
              <Chip word={one.folder ?? 'gone'} />
            </li>
          ))}
        </ul>
      )}
      {r.proposals.some(({ folder }) => ENDED.includes(folder ?? '')) && (
        <p>
          <a href={url(`requests/${encodeURIComponent(r.id)}/bundle.zip`)} download>
            The evidence of its runs (zip)
          </a>
        </p>
      )}
      {r.state === 'filed' && mayDecide.value && (
        <PreviewAll r={r}>
          <ApproveAll r={r} reload={reload} />
        </PreviewAll>
      )}
      <RequestOutput r={r} />
    </article>
  )
}

/** A planner's answer to it is another card: `key` is the moment of what is shown. */
function Questions({ r, reload }: { r: Asked; reload: () => void }) {
  const [said, setSaid] = useState('')
  const [wrong, setWrong] = useState<string | null>(null)
  const [busy, setBusy] = useState(false)
  const may = mayDecide.value
  const say = async (verb: 'answer' | 'cancel', body: object, words: string) => {
    if (busy) return
    setBusy(true)
    setWrong(null)
    try {
      await send('POST', url(`requests/${encodeURIComponent(r.id)}/${verb}`), body)
      setSaid(words)
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      setWrong(error.message)
    } finally {
      setBusy(false)
      reload()
    }
  }
  const answer = (event: SubmitEvent) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget as HTMLFormElement)
    const value = ({ slot }: OpenQuestion) => String(form.get(slot) ?? '').trim() || String(form.get(`${slot} chosen`) ?? '')
    void say('answer', { answers: Object.fromEntries(r.questions.map((one) => [one.slot, value(one)])) }, 'Answered. A planner reads it next.')
  }
  const known = Object.entries(r.answers).filter(([slot]) => r.questions.every((one) => one.slot !== slot))
  return (
    <form onSubmit={answer} aria-busy={busy}>
      {known.length > 0 && (
        <p class="sub">
          Answered: <UntrustedText text={known.map((one) => one.join(' = ')).join(', ')} max={600} />
        </p>
      )}
      {r.questions.map((one) => (
        <QuestionField key={one.slot} question={one} disabled={!may || said !== ''} />
      ))}
      {wrong !== null && (
        <p class="trouble" role="alert">
          {visible(wrong)}
        </p>
      )}
      {may ? (
        <div class="buttons">
          <button type="submit" class="primary" disabled={busy || said !== ''}>
            Answer
          </button>
          <button type="button" disabled={busy || said !== ''} onClick={() => void say('cancel', {}, 'Cancelled. A planner reads it next.')}>
            Cancel it
          </button>
          <span class="hint" role="status">
            {said}
          </span>
        </div>
      ) : (
        <p class="hint">You may look; answering takes the role operator.</p>
      )}
    </form>
  )
}

function QuestionField({ question, disabled }: { question: OpenQuestion; disabled: boolean }) {
  const { slot, text, choices } = question
  const [own, setOwn] = useState(choices.length === 0)
  return (
    <>
      {choices.length > 0 && (
        <label>
          <UntrustedText text={text} max={600} />
          <select name={`${slot} chosen`} required disabled={disabled} onChange={(event) => setOwn(event.currentTarget.selectedIndex > choices.length)}>
            <option value="">Choose…</option>
            {choices.map((one) => (
              <option key={one} value={one}>
                {visible(one)}
              </option>
            ))}
            <option value=" ">something else…</option>
          </select>
        </label>
      )}
      {own && (
        <label>
          {choices.length > 0 ? 'Which?' : <UntrustedText text={text} max={600} />}
          <input name={slot} required maxLength={4000} autocomplete="off" spellcheck={false} disabled={disabled} />
        </label>
      )}
    </>
  )
}
