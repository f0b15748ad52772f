// Lines as they come: follows the last one, until somebody scrolls up to read.
import { useEffect, useRef } from 'preact/hooks'
import { visible } from '../text'

/** The oldest of more lines than this are let go. */
export const MOST_LINES = 2_000

export function LiveLines({ lines }: { lines: string[] }) {
  const box = useRef<HTMLPreElement>(null)
  const follows = useRef(true)
  useEffect(() => {
    if (follows.current && box.current) box.current.scrollTop = box.current.scrollHeight
  }, [lines])
  return (
    <pre
      ref={box}
      class="said tall output"
      tabIndex={0}
      role="log"
      aria-label="Live output"
      onScroll={(event) => {
        const { scrollTop, scrollHeight, clientHeight } = event.currentTarget
        follows.current = scrollHeight - scrollTop - clientHeight < 24
      }}
    >
      <bdi>{lines.length ? visible(lines.join('\n')) : 'Nothing was said yet…'}</bdi>
    </pre>
  )
}
