// What stands against a yes, in red where it would be given: as the observer says it. Forbids nothing.
import type { Obstacle, Proposal } from '../api'
import { UntrustedText } from '../text'

const key = (one: Obstacle) => one.kind + one.sentence

const among = (one: Obstacle, others: Obstacle[]) => others.some((other) => key(other) === key(one))

/** Those that every proposal of a list has are said once, above it. */
export const shared = (items: Proposal[]): Obstacle[] =>
  items.length > 1 ? (items[0]?.obstacles ?? []).filter((one) => items.every((p) => among(one, p.obstacles))) : []

export function Obstacles({ found, approved = false }: { found: Obstacle[]; approved?: boolean }) {
  if (!found.length) return null
  const blocked = approved ? 'As things are, it comes to nothing' : 'A yes would come to nothing now'
  const title = found.some((one) => one.blocks) ? blocked : approved ? 'Mind' : 'Before you say yes'
  return (
    <div class="trouble against" role="group" aria-label={title}>
      <strong>{title}</strong>
      <ul>
        {found.map((one) => (
          <li key={key(one)}>
            <UntrustedText class="strong" text={one.sentence} max={600} />; <UntrustedText text={one.fix} max={600} />
          </li>
        ))}
      </ul>
    </div>
  )
}

/** In a row of the queue: what is this one's own, the worst first. */
export function FirstObstacle({ found, but }: { found: Obstacle[]; but: Obstacle[] }) {
  const own = found.filter((one) => !among(one, but)).sort((a, b) => Number(b.blocks) - Number(a.blocks))[0]
  if (!own) return null
  return (
    <span class="sub bad">
      {own.blocks ? 'Would come to nothing' : 'Before you say yes'}: <UntrustedText text={own.sentence} max={400} />
    </span>
  )
}
