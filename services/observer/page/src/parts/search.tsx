// A search field: "/" goes there, Escape clears it; asks when somebody stops typing.
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { useKeys } from '../keys'

const PAUSE_MS = 200
const HAS_ROOM = '(min-width: 48rem)' // for the key as well, where there is a keyboard at all

export function Search({ label, value, onChange }: { label: string; value: string; onChange: (text: string) => void }) {
  const [text, setText] = useState(value)
  const field = useRef<HTMLInputElement>(null)
  const timer = useRef(0)
  const asked = useRef(value)
  useLayoutEffect(() => {
    if (value !== asked.current) setText(value) // what was asked from here comes back while more is typed
    asked.current = value
  }, [value])
  useEffect(() => () => window.clearTimeout(timer.current), [])
  useKeys({ '/': () => field.current?.focus() })
  const change = (said: string) => {
    setText(said)
    window.clearTimeout(timer.current)
    timer.current = window.setTimeout(() => {
      asked.current = said.trim()
      onChange(asked.current)
    }, PAUSE_MS)
  }
  return (
    <search>
      <input
        ref={field}
        type="search"
        aria-label={label}
        placeholder={matchMedia(HAS_ROOM).matches ? `${label}  ( / )` : label}
        value={text}
        maxLength={200}
        onInput={(event) => change(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key !== 'Escape') return
          event.stopPropagation()
          if (text) change('')
          event.currentTarget.blur()
        }}
      />
    </search>
  )
}
