// Remedies: what can be proposed, when, at what risk, and what each did here so far.
import { url, type Catalogue, type CatalogueEntry, type RecipeEntry } from '../api'
import { on, useLoaded } from '../loaded'
import { ErrorMessage, Panel, View, Waiting } from '../parts/frame'
import { Chip } from '../parts/marks'
import { draft } from '../parts/requests/draft'
import { go, to } from '../routes'
import { mayDecide } from '../session'
import { visible } from '../text'
import type { PageView } from './view'

export const remedies: PageView = {
  name: 'remedies',
  title: 'Remedies',
  Component: Remedies,
  nav: { key: '8', icon: 'M8 4h8v4.5h4v8h-4V20H8v-3.5H4v-8h4zM12 9.5v5M9.5 12h5' },
}

const WHOSE: Record<CatalogueEntry['whose'], string> = { own: 'Your own', shipped: 'Shipped', built_in: 'Built in' }
const ORDER: CatalogueEntry['whose'][] = ['own', 'shipped', 'built_in']

function Remedies() {
  const loaded = useLoaded<Catalogue>(url('remedies'), on('index'))
  const items = loaded.data?.items ?? []
  return (
    <View title="Remedies">
      {loaded.problem && <ErrorMessage problem={loaded.problem} retry={loaded.reload} />}
      {!loaded.data && !loaded.problem && <Waiting />}
      {(loaded.data?.problems.length ?? 0) > 0 && (
        <div class="trouble" role="alert">
          <div>
            <p>Files of config/remedies that are not in use:</p>
            <ul>
              {loaded.data?.problems.map((one) => (
                <li key={one}>{visible(one)}</li>
              ))}
            </ul>
          </div>
        </div>
      )}
      {loaded.data &&
        ORDER.map((whose) => {
          const those = items.filter((one) => one.whose === whose)
          if (those.length > 0) return <Group key={whose} title={WHOSE[whose]} items={those} />
          return (
            whose === 'own' && (
              <p class="hint" key={whose}>
                You have none of your own. <code>mend remedies new NAME</code> writes one to begin with.
              </p>
            )
          )
        })}
      {loaded.data && loaded.data.recipes.length > 0 && <Recipes items={loaded.data.recipes} />}
    </View>
  )
}

function Group({ title, items }: { title: string; items: CatalogueEntry[] }) {
  return (
    <Panel title={title}>
      <ul class="rows">
        {items.map((one) => (
          <li class="row remedy" key={one.name}>
            <Chip word={one.risk} title={`Risk: ${one.risk}`} />
            <span class="what">
              <span class="name strong">{one.name.replaceAll('_', ' ')}</span>
              <span class="sub wraps">{visible(one.does)}</span>
              <span class="sub wraps">{about(one)}</span>
            </span>
            <span class="sub by">
              {one.runs ? (
                <a href={`${to('history')}?type=${one.name}`}>
                  {one.proven} of {one.runs} proven
                  {one.undone ? `, ${one.undone} taken back` : ''}
                </a>
              ) : one.runs === 0 ? (
                'never ran here'
              ) : null}
            </span>
          </li>
        ))}
      </ul>
    </Panel>
  )
}

/** What a person may ask for in words. */
function Recipes({ items }: { items: RecipeEntry[] }) {
  const ask = (text: string) => {
    draft.value = { ...draft.value, text }
    go(to('requests'))
  }
  return (
    <Panel title="What you can ask for">
      <ul class="rows">
        {items.map(({ name, risk, does, whose, example }) => (
          <li class="row remedy" key={name}>
            <Chip word={risk} title={`Risk: at least ${risk}`} />
            <span class="what">
              <span class="name strong">{name.replaceAll('_', ' ')}</span>
              <span class="sub wraps">{visible(whose === 'own' ? `${does} (your own)` : does)}</span>
              {example && (
                <span class="sub wraps">
                  <q>{visible(example)}</q>
                </span>
              )}
            </span>
            {example && mayDecide.value && (
              <button type="button" class="quiet" onClick={() => ask(example)} aria-label={`Ask for ${name.replaceAll('_', ' ')}`}>
                Ask…
              </button>
            )}
          </li>
        ))}
      </ul>
    </Panel>
  )
}

/** When it is offered, and what comes with it. */
function about(one: CatalogueEntry): string {
  const said = [one.types.length > 0 ? `for ${one.types.join(', ').replaceAll('_', ' ')}` : 'where the policy says so']
  if (one.needs.length > 0) said.push(`needs ${one.needs.join(', ')}`)
  if (one.interrupts) said.push('the service is away meanwhile')
  if (one.replaced_by) said.push(`not offered: ${one.replaced_by} stands in its place`)
  return visible(said.join(' · '))
}
