// "Ask for something": words, where, and what comes along. Nothing runs: proposals will wait, as all of them do.
import { useEffect, useRef, useState } from 'preact/hooks'
import { Problem, send, url, type Inventory } from '../../api'
import { typing } from '../../keys'
import { to, where } from '../../routes'
import { UntrustedText, visible } from '../../text'
import { Panel } from '../frame'
import { draft, NOTHING, sent, type Draft } from './draft'
import { marks, WrongField } from './field'
import { read } from './files'

const MANY = 12
type Field = 'text' | 'hosts' | 'files'
type Wrong = Partial<Record<Field | 'other', string>>
const FIELDS: Field[] = ['text', 'hosts', 'files']

const change = (more: Partial<Draft>) => {
  draft.value = { ...draft.value, ...more }
}

export function Ask({ inventory, onAsked }: { inventory: Inventory; onAsked: () => void }) {
  const [wrong, setWrong] = useState<Wrong>({})
  const [busy, setBusy] = useState(false)
  const form = useRef<HTMLFormElement>(null)
  const files = useRef<HTMLInputElement>(null)
  const { text, hosts } = draft.value
  const { view, args } = where.value
  useEffect(() => {
    if (view !== 'requests' || args[0] || typing(document.activeElement)) return // whoever types goes on
    form.current?.querySelector<HTMLElement>('[data-field=text]')?.focus()
  }, [where.value])
  useEffect(() => {
    const chosen = new DataTransfer() // a field for files cannot be given a value otherwise
    for (const file of draft.peek().files) chosen.items.add(file)
    if (files.current) files.current.files = chosen.files
  }, [])
  const refuse = (why: Wrong) => {
    setWrong(why)
    const first = FIELDS.find((one) => why[one])
    if (first) form.current?.querySelector<HTMLElement>(`[data-field=${first}]`)?.focus()
  }
  const ask = async () => {
    const brought = await read(draft.value.files)
    const why: Wrong = {
      ...(text.trim() ? {} : { text: 'Say what should be, such as: install nginx' }),
      ...(hosts.length ? {} : { hosts: 'Choose at least one host or group.' }),
      ...(typeof brought === 'string' ? { files: brought } : {}),
    }
    if (Object.keys(why).length) return refuse(why)
    setBusy(true)
    try {
      const { id } = await send<{ id: string }>('POST', url('requests'), { text, hosts, files: brought })
      sent.value = [{ id, text, hosts }, ...sent.value]
      draft.value = NOTHING
      form.current?.reset()
      setWrong({})
      form.current?.querySelector<HTMLElement>('[data-field=text]')?.focus()
      onAsked()
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      refuse(atItsField(error.message))
    } finally {
      setBusy(false)
    }
  }
  return (
    <Panel title="Ask for something" class="ask">
      <form
        ref={form}
        noValidate
        aria-busy={busy}
        onSubmit={(event) => {
          event.preventDefault()
          if (!busy) void ask()
        }}
      >
        <label>
          What should be?
          <textarea
            name="text"
            data-field="text"
            rows={2}
            maxLength={4000}
            value={text}
            placeholder="install nginx and enable the service"
            onInput={(event) => change({ text: event.currentTarget.value })}
            onKeyDown={(event) => event.key === 'Enter' && (event.ctrlKey || event.metaKey) && form.current?.requestSubmit()}
            aria-keyshortcuts="Control+Enter"
            {...marks('text', wrong.text)}
          />
          <WrongField field="text" wrong={wrong.text} />
        </label>
        <Where inventory={inventory} wrong={wrong.hosts} />
        <label>
          Texts that your words name, such as index.html (64 KiB each; may be none)
          <input
            ref={files}
            type="file"
            multiple
            data-field="files"
            onChange={(event) => change({ files: [...(event.currentTarget.files ?? [])] })}
            {...marks('files', wrong.files)}
          />
          <WrongField field="files" wrong={wrong.files} />
        </label>
        {wrong.other && (
          <p class="trouble" role="alert">
            {visible(wrong.other)}
          </p>
        )}
        <div class="buttons">
          <button type="submit" class="primary" disabled={busy}>
            {busy ? 'Asking…' : 'Ask'}
          </button>
          <span class="hint">
            For each host a proposal will wait for your yes. Nothing is done before it. <a href={to('remedies')}>What can be asked for?</a>
          </span>
        </div>
      </form>
    </Panel>
  )
}

/** The observer's sentences begin with the field: `hosts.0: ...` */
function atItsField(sentence: string): Wrong {
  const field = FIELDS.find((one) => new RegExp(`^${one}\\b`).test(sentence))
  return { [field ?? 'other']: sentence }
}

function Where({ inventory, wrong }: { inventory: Inventory; wrong: string | undefined }) {
  const [part, setPart] = useState('')
  const chosen = draft.value.hosts
  const names = [...inventory.groups.map(({ name, hosts }) => ({ name, hosts })), ...inventory.hosts.map((name) => ({ name, hosts: null }))]
  const shown = names.filter(({ name }) => chosen.includes(name) || name.toLowerCase().includes(part.trim().toLowerCase()))
  const toggle = (name: string) => change({ hosts: chosen.includes(name) ? chosen.filter((one) => one !== name) : [...chosen, name] })
  return (
    <fieldset data-field="hosts" tabIndex={-1} {...marks('hosts', wrong)}>
      <legend>Where? {chosen.length > 0 && <strong>{chosen.length} chosen</strong>}</legend>
      {inventory.problem && <p class="trouble">{visible(inventory.problem)}</p>}
      {names.length > MANY && (
        <input
          type="search"
          aria-label="Only hosts and groups with"
          placeholder="a part of the name"
          value={part}
          onInput={(event) => setPart(event.currentTarget.value)}
        />
      )}
      <ul class="choices" aria-label="Hosts and groups">
        {shown.map(({ name, hosts }) => (
          <li key={name}>
            <label class="choice">
              <input type="checkbox" checked={chosen.includes(name)} onChange={() => toggle(name)} />
              <span>
                <UntrustedText text={name} max={128} />
                {hosts && <small title={visible(hosts.join(', '))}> group of {hosts.length}</small>}
              </span>
            </label>
          </li>
        ))}
      </ul>
      <WrongField field="hosts" wrong={wrong} />
    </fieldset>
  )
}
