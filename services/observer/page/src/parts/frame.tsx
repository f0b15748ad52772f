// What every view is made of: a heading, a panel, an empty state that teaches, a problem told, a list that goes on.
import type { ComponentChildren } from 'preact'
import type { Problem } from '../api'
import { visible } from '../text'

/** `deep`: one thing of a list is open; on a small screen only that is shown. */
export function View(props: { title: string; aside?: ComponentChildren; deep?: boolean; children: ComponentChildren }) {
  const { title, aside, deep, children } = props
  return (
    <>
      <header class={deep ? 'head deep' : 'head'}>
        <h1 tabIndex={-1}>{title}</h1>
        {aside}
      </header>
      {children}
    </>
  )
}

export function Panel(props: { title: string; aside?: ComponentChildren; class?: string; children: ComponentChildren }) {
  return (
    <section class={`panel ${props.class ?? ''}`} aria-label={props.title}>
      <header>
        <h2>{props.title}</h2>
        {props.aside}
      </header>
      {props.children}
    </section>
  )
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p class="lead">{title}</p>
      {children}
    </div>
  )
}

export function ErrorMessage({ problem, retry }: { problem: Problem; retry?: () => void }) {
  return (
    <div class="trouble" role="alert">
      <p>{visible(problem.message)}</p>
      {retry && (
        <button type="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  )
}

export function Waiting() {
  return (
    <p class="waiting" role="status">
      Reading…
    </p>
  )
}

export function More({ shown, total, onMore, step }: { shown: number; total: number | null; onMore: (() => void) | null; step: number }) {
  if (!onMore) return total === null ? null : <p class="count">{total === shown ? `${shown} in all` : `${shown} of ${total}`}</p>
  return (
    <p class="count">
      {total === null ? `${shown} shown` : `${shown} of ${total.toLocaleString('en')}`}
      <button type="button" onClick={onMore}>
        Show {step} more
      </button>
    </p>
  )
}
