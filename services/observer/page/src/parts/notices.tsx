// What just happened, said once: read aloud by screen readers, shown for some seconds, never in the way.
import { signal } from '@preact/signals'
import { oneLine, shorten } from '../text'

interface Notice {
  key: number
  text: string
  tone: string
  href?: string
}

const SECONDS = 8
const MOST = 4
const notices = signal<Notice[]>([])
let last = 0

export function notice(text: string, tone = 'plain', href?: string) {
  const key = ++last
  notices.value = [...notices.value.slice(1 - MOST), { key, text: shorten(oneLine(text), 240), tone, ...(href ? { href } : {}) }]
  window.setTimeout(() => {
    notices.value = notices.value.filter((one) => one.key !== key)
  }, SECONDS * 1_000)
}

export function Notices() {
  return (
    <div class="notices" role="status" aria-live="polite">
      {notices.value.map((one) => (
        <p key={one.key} class={one.tone}>
          {one.href ? (
            <a href={one.href}>
              <bdi>{one.text}</bdi>
            </a>
          ) : (
            <bdi>{one.text}</bdi>
          )}
        </p>
      ))}
    </div>
  )
}
