// A question in front of everything: the browser's own <dialog>, so that focus and Escape work as people know them.
import type { ComponentChildren } from 'preact'
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import { Problem } from '../api'
import { visible } from '../text'

interface Props {
  title: string
  action?: string
  danger?: boolean
  wide?: boolean
  onClose: () => void
  onSubmit?: (form: FormData) => Promise<void>
  children: ComponentChildren
}

export function Dialog({ title, action, danger, wide, onClose, onSubmit, children }: Props) {
  const ref = useRef<HTMLDialogElement>(null)
  const [problem, setProblem] = useState('')
  const [busy, setBusy] = useState(false)
  useLayoutEffect(() => {
    const before = document.activeElement
    ref.current?.showModal()
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus()
    }
  }, [])
  const submit = async (event: SubmitEvent) => {
    event.preventDefault()
    if (busy || !onSubmit) return
    setBusy(true)
    setProblem('')
    try {
      await onSubmit(new FormData(event.target as HTMLFormElement))
      onClose()
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      setProblem(error.message)
    } finally {
      setBusy(false)
    }
  }
  return (
    <dialog ref={ref} class={wide ? 'wide' : ''} aria-labelledby="dialog-title" onClose={onClose}>
      <form onSubmit={submit}>
        <h2 id="dialog-title">{title}</h2>
        {children}
        {problem && (
          <p class="trouble" role="alert">
            {visible(problem)}
          </p>
        )}
        <footer>
          <button type="button" onClick={onClose}>
            {onSubmit ? 'Cancel' : 'Close'}
          </button>
          {onSubmit && (
            <button type="submit" class={danger ? 'danger' : 'primary'} disabled={busy}>
              {busy ? 'Asking…' : action}
            </button>
          )}
        </footer>
      </form>
    </dialog>
  )
}
