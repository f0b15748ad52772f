// What the host says that a proposal would change: asked in check mode, by a person, of just these bytes. Never a promise.
import type { Effect, PreviewAnswer, TaskPreview } from '../api'
import { UntrustedBlock, UntrustedText } from '../text'
import { Ago } from '../time'
import { Panel } from './frame'
import { Chip } from './marks'

const WORDS: Record<Effect, [string, string]> = {
  changes: ['would change', 'warn'],
  nothing: ['nothing to do', 'plain'],
  skipped: ['would be skipped', 'plain'],
  unknown: ['cannot be said', 'warn'],
  failed: ['would fail', 'bad'],
}

export function Preview({ found }: { found: PreviewAnswer }) {
  const said = found.said
  return (
    <Panel title="What it would change, as the host says">
      <p class="hint" role="status" aria-live="polite">
        {found.works ? 'Asked' : 'Previewed'} <Ago at={found.at} /> ago
        {found.by && (
          <>
            {' '}
            by <UntrustedText text={found.by} max={80} />
          </>
        )}
        {found.works && '; the executor looks and runs the playbook in check mode, which changes nothing'}
        {said && found.holds && (
          <>
            : <UntrustedText class="strong" text={said.sentence} max={600} />
          </>
        )}
      </p>
      {!found.works && !said && (
        <p class="trouble">
          It came to nothing: <UntrustedText text={found.reason || found.folder} max={600} />
        </p>
      )}
      {said && !found.holds && <p class="trouble">Old: this proposal was edited since. Ask again.</p>}
      {said && found.holds && (said.surprises.length > 0 || said.problem) && (
        <div class="trouble against" role="group" aria-label="Not on the card">
          <strong>{said.problem ? 'It could not be asked' : 'More than the card says'}</strong>
          <ul>
            {(said.problem ? [said.problem] : said.surprises).map((one) => (
              <li key={one}>
                <UntrustedText text={one} max={600} />
              </li>
            ))}
          </ul>
        </div>
      )}
      {said && found.holds && (
        <>
          {said.sees && (
            <p class="hint">
              Sees now: <UntrustedText text={said.sees} max={600} />
            </p>
          )}
          <ul class="asked" aria-label="Tasks">
            {said.tasks.map((task, index) => (
              <Task key={index} task={task} />
            ))}
          </ul>
          {said.cut && <p class="hint">There was more than is kept.</p>}
        </>
      )}
    </Panel>
  )
}

function Task({ task }: { task: TaskPreview }) {
  const [words, tone] = WORDS[task.effect]
  return (
    <li>
      <p>
        <Chip word={words} tone={tone} /> <UntrustedText class="strong" text={task.name} max={200} />
      </p>
      {(task.things.length > 0 || task.why) && (
        <p class="sub">
          <UntrustedText text={task.things.join(', ') || task.why} max={1000} />
        </p>
      )}
      {task.diff && <UntrustedBlock label={`What ${task.name} would change`} text={task.diff} />}
    </li>
  )
}
