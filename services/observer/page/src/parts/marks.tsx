// Small marks that say a state, a severity, a risk or an outcome: always a word or a shape, never a colour alone.
import { oneLine, shorten, UntrustedText } from '../text'

const SHAPES: Record<string, string> = {
  healthy: 'M3 8.5 6.5 12 13 4.5',
  sick: 'M8 3v6.5M8 12.6v.4',
  offline: 'M4 4l8 8M12 4l-8 8',
  unknown: 'M5.6 6a2.4 2.4 0 1 1 3.3 2.2c-.7.3-.9.7-.9 1.4M8 12.6v.4',
  done: 'M3 8.5 6.5 12 13 4.5',
  failed: 'M4 4l8 8M12 4l-8 8',
  running: 'M5 3.5v9l7-4.5z',
  interrupted: 'M5.5 4v8M10.5 4v8',
}

const TONES: Record<string, string> = {
  healthy: 'good', done: 'good', proven: 'good', ok: 'good', low: 'good', approved: 'good',
  sick: 'bad', failed: 'bad', error: 'bad', critical: 'bad', high: 'bad', not_helped: 'bad', rejected: 'bad', quarantine: 'bad',
  warning: 'warn', guarded: 'warn', interrupted: 'warn', inconclusive: 'warn', expired: 'warn', foreign: 'warn',
  offline: 'away',
  running: 'busy', pending: 'busy',
}

/** States as people read them; the API's words are its contract. */
const LABELS: Record<string, string> = { healthy: 'Healthy', sick: 'Unhealthy', offline: 'Offline', unknown: 'Unknown', snooze: 'snoozed', acknowledge: 'acknowledged' }

export const labelOf = (state: string) => LABELS[state] ?? state

export const toneOf = (word: string) => TONES[word] ?? 'plain'

export function StateMark({ state, quiet = false }: { state: string; quiet?: boolean }) {
  const shape = SHAPES[state] ?? SHAPES.unknown
  return (
    <span class={`mark ${toneOf(state)}`}>
      <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
        <path d={shape} />
      </svg>
      {quiet ? <span class="unseen">{labelOf(state)}</span> : oneLine(shorten(labelOf(state), 40))}
    </span>
  )
}

export function Chip({ word, tone, title }: { word: string; tone?: string; title?: string }) {
  return (
    <span class={`chip ${tone ?? toneOf(word)}`} title={title}>
      {oneLine(shorten(word, 60)).replaceAll('_', ' ')}
    </span>
  )
}

/** What is wrong, before what would be done about it. */
export function Wrong({ p }: { p: { wrong: string; severity: string } }) {
  return (
    <span class="wrong">
      <span class={toneOf(p.severity)}>
        <UntrustedText text={p.wrong} max={234} />
      </span>
    </span>
  )
}
