// The keys, on one card.
import { Dialog } from './dialog'

const KEYS: [string, string][] = [
  ['1 … 7', 'the views, from World to Audit'],
  ['j  k', 'next and previous in a list'],
  ['Enter', 'open what is focused'],
  ['a', 'approve: asks once more, Enter says yes'],
  ['r', 'reject, with a reason'],
  ['e', 'edit the proposal: it gets a new digest and waits again'],
  ['s', 'snooze'],
  ['/', 'search'],
  ['Esc', 'close, or back to the list'],
  ['?', 'this card'],
]

export function Help({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Keys" onClose={onClose}>
      <dl class="keycard">
        {KEYS.map(([key, meaning]) => (
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
