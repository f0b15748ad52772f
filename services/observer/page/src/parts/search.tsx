// A search field: "/" goes there, Escape clears it; asks when somebody stops typing.
import { useEffect, useRef, useState } from 'preact/hooks'
import { useKeys } from '../keys'

const PAUSE_MS = 200

export function Search({ label, value, onChange }: { label: string; value: string; onChange: (text: string) => void }) {
  const [text, setText] = useState(value)
  const field = useRef<HTMLInputElement>(null)
  const timer = useRef(0)
  useEffect(() => setText(value), [value])
  useEffect(() => () => window.clearTimeout(timer.current), [])
  useKeys({ '/': () => field.current?.focus() })
  const change = (said: string) => {
    setText(said)
    window.clearTimeout(timer.current)
    timer.current = window.setTimeout(() => onChange(said.trim()), PAUSE_MS)
  }
  return (
    <search>
      <input
        ref={field}
        type="search"
        aria-label={label}
        placeholder={`${label}  ( / )`}
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
