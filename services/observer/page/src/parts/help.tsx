// The keys, on one card.
import { Dialog } from './dialog'

const KEYS: [string, string][] = [
  ['j  k', 'next and previous in a list'],
  ['Enter', 'open what is focused'],
  ['a', 'approve: asks once more, Enter says yes'],
  ['r', 'reject, with a reason'],
  ['p', 'preview: asks the host in check mode what would change there'],
  ['e', 'edit the proposal: it gets a new digest and waits again'],
  ['s', 'snooze'],
  ['n', 'in the queue: ask for something'],
  ['/', 'search'],
  ['Esc', 'close, or back to the list'],
  ['?', 'this card'],
]

/** `views`: those of the navigation, in its order. */
export function Help({ views, onClose }: { views: { key: string; title: string }[]; onClose: () => void }) {
  const [first, last] = [views[0], views.at(-1)]
  const keys: [string, string][] = first && last ? [[`${first.key} … ${last.key}`, `the views, from ${first.title} to ${last.title}`], ...KEYS] : KEYS
  return (
    <Dialog title="Keys" onClose={onClose}>
      <dl class="keycard">
        {keys.map(([key, meaning]) => (
          <div key={key}>
            <dt>
              {key.split(/\s{2}/).map((one) => (
                <kbd key={one}>{one}</kbd>
              ))}
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
      <p class="hint">
        Everything here is also a command: <code>mend pending</code>, <code>mend show ID</code>, <code>mend approve ID</code>. A file's folder is its
        state; the page only moves files.
      </p>
    </Dialog>
  )
}
