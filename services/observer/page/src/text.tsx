// Text that others wrote (events, models, logs): shown as text only, with what could hide or turn it around made visible.
import { useState } from 'preact/hooks'

// C0 without tab and newline, DEL, C1, bidi controls, zero-width and other invisible characters, line separators, tags.
const HIDDEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/gu

const symbolFor = (char: string) => {
  const code = char.codePointAt(0) ?? 0
  if (code < 0x20) return String.fromCodePoint(0x2400 + code)
  if (code === 0x7f) return '\u2421'
  return `\u27e8U+${code.toString(16).toUpperCase().padStart(4, '0')}\u27e9`
}

/** The same text with every control, bidi or invisible character as a visible symbol; tabs and newlines stay. */
export const visible = (text: string) => text.replace(HIDDEN, symbolFor)

/** On one line. */
export const oneLine = (text: string) => visible(text).replace(/\s*\n\s*/g, ' \u21b5 ')

export const shorten = (text: string, length: number) => (text.length > length ? `${text.slice(0, length - 1)}\u2026` : text)

/** A name, id or sentence of somebody else's, on one line. */
export function UntrustedText({ text, class: cls, max = 500 }: { text: string | null | undefined; class?: string; max?: number }) {
  return <bdi class={cls}>{shorten(oneLine(shorten(text ?? '', max * 2)), max)}</bdi>
}

interface Reasoned {
  reason: string
  model: { name: string; provider: string }
  event_type?: string
  rules_choice?: { action: string; reason: string } | null
}

const MAX_MODEL_REASON = 240

/** Why: the rules' own words, or a model's, which are in quotes, short, and named as a model's. What was asked for in words says in ours who wrote it. */
export function ModelReason({ p, class: cls, max }: { p: Reasoned; class?: string; max: number }) {
  if (['floor', 'person'].includes(p.model.provider) || p.event_type === 'playbook_requested') return <UntrustedText class={cls} text={p.reason} max={max} />
  return (
    <span class={cls}>
      <span class="whose">A model's words:</span>{' '}
      <q>
        <UntrustedText text={p.reason.replace(/["\u201c\u201d\u201e\u00ab\u00bb]/g, "'")} max={Math.min(max, MAX_MODEL_REASON)} />
      </q>
      {p.rules_choice && (
        <>
          ; the rules would have chosen {p.rules_choice.action.replaceAll('_', ' ')}, because <UntrustedText text={p.rules_choice.reason} max={max} />
        </>
      )}
    </span>
  )
}

const FOLD = { lines: 12, chars: 900 }
const FOLD_TALL = { lines: 200, chars: 12_000 } // it scrolls by itself

/** A longer text, folded until somebody wants all of it. */
export function UntrustedBlock({ text, label, open = false, tall = false }: { text: string; label: string; open?: boolean; tall?: boolean }) {
  const [whole, setWhole] = useState(open)
  const fold = tall ? FOLD_TALL : FOLD
  const lines = text.split('\n', fold.lines + 1)
  const long = text.length > fold.chars || lines.length > fold.lines
  const shown = whole || !long ? text : shorten(lines.slice(0, fold.lines).join('\n'), fold.chars)
  return (
    <div class="block">
      <pre class={tall ? 'said tall' : 'said'} tabIndex={0} role="region" aria-label={label}>
        <bdi>{visible(shown)}</bdi>
      </pre>
      {long && (
        <button type="button" class="quiet fold" aria-expanded={whole} onClick={() => setWhole(!whole)}>
          {whole ? 'Show less' : `Show all ${text.length.toLocaleString('en')} characters`}
        </button>
      )}
    </div>
  )
}

export const asJson = (value: unknown) => JSON.stringify(value, null, 2) ?? ''
