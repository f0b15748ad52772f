// The audit log: who decided what, newest first. The file itself is proven with `mend audit verify`.
import { url, type AuditLine } from '../api'
import { on } from '../loaded'
import { ChoiceFilter, TextFilter } from '../parts/filters'
import { Empty, More, Panel, ErrorMessage, View, Waiting } from '../parts/frame'
import { Chip } from '../parts/marks'
import { usePages } from '../parts/pages'
import { to, where } from '../routes'
import { UntrustedText } from '../text'
import { Clock } from '../time'
import type { PageView } from './view'

const PAGE = 100
const WHAT: [string, string][] = ['approve', 'reject', 'edit', 'retry', 'undo', 'snooze', 'login', 'logout', 'login_failed'].map((one) => [one, one.replaceAll('_', ' ')])
const TONES: Record<string, string> = { approve: 'good', reject: 'warn', login_failed: 'bad' }

interface AuditPage {
  items: AuditLine[]
  next: number | null
}

export const audit: PageView = {
  name: 'audit',
  title: 'Audit',
  Component: Audit,
  nav: { key: '7', icon: 'M6 3.5h8l4 4v13H6zM13.5 3.5V8H18M9 12.5h6M9 16h6' },
}

function Audit() {
  const said = where.value.query
  const query = { name: said.get('name'), what: said.get('what'), action_id: said.get('action_id'), limit: PAGE }
  const pages = usePages<AuditPage, AuditLine>((cursor) => url('audit', { ...query, cursor }), on('audit'))
  return (
    <View title="Audit">
      <Panel title="Who decided what">
        <form class="filters" onSubmit={(event) => event.preventDefault()}>
          <TextFilter name="name" label="Who" />
          <ChoiceFilter name="what" label="What" choices={WHAT} />
        </form>
        <p class="hint">
          Append-only, each line sealed with the hash of the one before; <code>mend audit verify</code> proves that nothing was changed or taken out.
        </p>
        {pages.problem && <ErrorMessage problem={pages.problem} retry={pages.reload} />}
        {!pages.first && !pages.problem && <Waiting />}
        {pages.first && pages.items.length === 0 && (
          <Empty title="Nothing was decided yet">
            <p>Every yes and no is written down here, whether it came from this page, from <code>mend</code> or from <code>mv</code>.</p>
          </Empty>
        )}
        {pages.items.length > 0 && (
          <div class="scroll" tabIndex={0} role="region" aria-label="Audit lines">
            <table class="audit">
              <thead>
                <tr>
                  <th scope="col" class="num">
                    No.
                  </th>
                  <th scope="col">When</th>
                  <th scope="col">Who</th>
                  <th scope="col">What</th>
                  <th scope="col">About</th>
                </tr>
              </thead>
              <tbody>
                {pages.items.map((line) => (
                  <tr key={line.seq}>
                    <td class="num">{line.seq}</td>
                    <td class="stamp">
                      <Clock at={line.at} />
                    </td>
                    <td>
                      <UntrustedText text={line.who || '–'} max={60} /> <small>{line.how}</small>
                      {line.address && <div class="sub">{line.address}</div>}
                    </td>
                    <td>
                      <Chip word={line.what} tone={TONES[line.what] ?? 'plain'} />
                    </td>
                    <td>
                      {line.action_id && (
                        <a href={to('proposals', line.action_id)}>
                          <UntrustedText text={line.action_id} max={120} />
                        </a>
                      )}
                      {(line.from || line.to) && (
                        <span class="sub">
                          {' '}
                          {line.from} → {line.to}
                        </span>
                      )}
                      {line.reason && (
                        <div class="sub">
                          <UntrustedText text={line.reason} max={300} />
                        </div>
                      )}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
        {pages.items.length > 0 && <More shown={pages.items.length} total={pages.more ? null : pages.items.length} step={PAGE} onMore={pages.more} />}
      </Panel>
    </View>
  )
}
