// Keys for people who do not want to reach for the mouse. A key means nothing while somebody types or a dialog is open.
import { useLayoutEffect, useRef } from 'preact/hooks'

type Handler = (event: KeyboardEvent) => void
type Keys = Record<string, Handler | false | null | undefined>
const stack: { keys: Keys }[] = []

export const typing = (target: EventTarget | null) =>
  target instanceof HTMLElement && (target.isContentEditable || /^(input|textarea|select)$/i.test(target.tagName))

document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return
  if (document.querySelector('dialog[open]')) return
  if (typing(event.target) && event.key !== 'Escape') return
  for (const { keys } of [...stack].reverse()) {
    const handler = Object.hasOwn(keys, event.key) && keys[event.key]
    if (handler) {
      event.preventDefault()
      handler(event)
      return
    }
  }
})

/** Keys that hold as long as the component is there; what appeared last wins. */
export function useKeys(keys: Keys) {
  const own = useRef({ keys }).current
  own.keys = keys
  useLayoutEffect(() => {
    stack.push(own)
    return () => {
      stack.splice(stack.indexOf(own), 1)
    }
  }, [])
}

/** Move the focus among the links of a list: j and k. */
export function step(list: HTMLElement | null, by: 1 | -1) {
  const items = [...(list?.querySelectorAll<HTMLElement>('[data-item]') ?? [])]
  if (items.length === 0) return
  const at = items.findIndex((item) => item === document.activeElement || item.getAttribute('aria-current') === 'true')
  const focused = items.indexOf(document.activeElement as HTMLElement)
  const from = focused >= 0 ? focused : at
  const next = items[from < 0 ? 0 : Math.min(Math.max(from + by, 0), items.length - 1)]
  next?.focus()
  next?.scrollIntoView({ block: 'nearest' })
  if (next instanceof HTMLAnchorElement && next.dataset.item === 'follow') next.click()
}
