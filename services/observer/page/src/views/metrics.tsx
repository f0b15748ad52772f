// Metrics: how the models do, and how well the mesh heals; as charts, as figures and as tables.
import { useMemo } from 'preact/hooks'
import { url, type HealingSeries, type ModelSeries, type Spread, type SuccessRow } from '../api'
import { on, useLoaded } from '../loaded'
import { Chart, type Series } from '../parts/chart'
import { Empty, Panel, ErrorMessage, View, Waiting } from '../parts/frame'
import { setQuery, where } from '../routes'
import { UntrustedText } from '../text'
import { span } from '../time'
import type { PageView } from './view'

const SPANS: [number, string][] = [
  [24, 'a day'],
  [168, 'a week'],
  [720, 'a month'],
  [8_760, 'a year'],
]
const OUTCOMES: [string, string][] = [
  ['ok', 'good'],
  ['timeout', 'warn'],
  ['network_error', 'bad'],
  ['api_error', 'away'],
  ['refusal', 'busy'],
  ['invalid_json', 'chart-1'],
  ['schema_violation', 'chart-2'],
  ['ungrounded', 'chart-3'],
  ['circuit_open', 'chart-4'],
  ['budget_spent', 'line-strong'],
]
const PALETTE = ['accent', 'busy', 'away', 'warn', 'bad', 'chart-1']

const whole = (value: number) => (value >= 10_000 ? `${Math.round(value / 1000)}k` : String(Math.round(value * 10) / 10))
const money = (value: number) => `$${value.toFixed(value < 0.1 ? 4 : 2)}`
const inSeconds = (value: number) => (value < 10 ? `${Math.round(value * 10) / 10}s` : span(value))

export const metrics: PageView = {
  name: 'metrics',
  title: 'Metrics',
  Component: Metrics,
  nav: { key: '5', icon: 'M4 19.5h16M7 16v-4M12 16V6M17 16V9' },
}

function Metrics() {
  const hours = Number(where.value.query.get('hours') ?? 168)
  const days = Math.max(7, Math.ceil(hours / 24))
  const models = useLoaded<ModelSeries>(url('metrics/models', { hours }), on('index'))
  const healing = useLoaded<HealingSeries>(url('metrics/healing', { days }), on('index'))
  const problem = models.problem ?? healing.problem
  return (
    <View
      title="Metrics"
      aside={
        <div class="tabs" role="group" aria-label="How far back">
          {SPANS.map(([value, words]) => (
            <button key={value} type="button" class="tab" aria-pressed={hours === value} onClick={() => setQuery({ hours: String(value) })}>
              {words}
            </button>
          ))}
        </div>
      }
    >
      {problem && <ErrorMessage problem={problem} retry={() => (models.reload(), healing.reload())} />}
      {!problem && !(models.data && healing.data) && <Waiting />}
      {healing.data && <Healing data={healing.data} />}
      {models.data && <Models data={models.data} />}
    </View>
  )
}

function Figure({ title, spread }: { title: string; spread: Spread }) {
  return (
    <div class="tile">
      <b>{spread.p50_seconds === null ? '–' : inSeconds(spread.p50_seconds)}</b>
      <span>{title}</span>
      <small>{spread.count ? `95 of 100 within ${inSeconds(spread.p95_seconds ?? 0)} · ${spread.count}` : 'no case yet'}</small>
    </div>
  )
}

function Healing({ data }: { data: HealingSeries }) {
  const times = useMemo(() => data.per_day.map((one) => Date.parse(`${one.day}T00:00:00Z`) / 1000), [data])
  const events = useMemo<Series[]>(
    () => [
      { label: 'trouble', tone: 'bad', values: data.per_day.map((one) => one.troubles) },
      { label: 'other', tone: 'line-strong', values: data.per_day.map((one) => one.events - one.troubles) },
    ],
    [data],
  )
  const runs = useMemo<Series[]>(
    () => [
      { label: 'repaired', tone: 'good', values: data.per_day.map((one) => one.repaired) },
      { label: 'failed', tone: 'bad', values: data.per_day.map((one) => one.failed) },
    ],
    [data],
  )
  const runCount = data.by_type.reduce((sum, row) => sum + row.runs, 0)
  const proven = data.by_type.reduce((sum, row) => sum + row.proven, 0)
  return (
    <section aria-label="Healing">
      <div class="figures">
        <Figure title="to a proposal" spread={data.time_to_proposal} />
        <Figure title="to a decision" spread={data.time_to_decision} />
        <Figure title="from symptom to proof" spread={data.time_to_repair} />
        <div class="tile">
          <b>{runCount ? `${Math.round((100 * proven) / runCount)} %` : '–'}</b>
          <span>of runs are proven</span>
          <small>{runCount ? `${proven} of ${runCount}` : 'no run yet'}</small>
        </div>
      </div>
      <div class="charts">
        <Panel title="Events by day">
          <Chart title="Events by day" times={times} series={events} kind="stack" counts say={whole} daily />
        </Panel>
        <Panel title="Runs by day">
          {runCount ? (
            <Chart title="Runs by day" times={times} series={runs} kind="stack" counts say={whole} daily />
          ) : (
            <Empty title="Nothing ran">
              <p>Approve a proposal, and what came of it is counted here.</p>
            </Empty>
          )}
        </Panel>
        <Success rows={data.success} />
      </div>
    </section>
  )
}

function Success({ rows }: { rows: SuccessRow[] }) {
  if (rows.length === 0) return null
  return (
    <Panel title="Success by action and service">
      <div class="scroll success" tabIndex={0} role="region" aria-label="Success by action and service">
        <table>
          <thead>
            <tr>
              <th scope="col">Action</th>
              <th scope="col">Where</th>
              <th scope="col" class="num">
                Proven
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={`${row.type}/${row.node}/${row.service}`}>
                <td>{row.type.replaceAll('_', ' ')}</td>
                <td>
                  <UntrustedText text={row.service ? `${row.node}/${row.service}` : row.node} max={80} />
                </td>
                <td class="num">
                  {row.proven} of {row.runs}
                  <meter min={0} max={1} value={row.rate} aria-label={`${Math.round(row.rate * 100)} percent`} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  )
}

function Models({ data }: { data: ModelSeries }) {
  const daily = data.bucket_seconds >= 86_400
  const times = useMemo(() => data.buckets.map((one) => Date.parse(one.start) / 1000), [data])
  const charts = useMemo(() => {
    const column = <T,>(pick: (bucket: ModelSeries['buckets'][number]) => T) => data.buckets.map(pick)
    const answered = [...new Set(data.buckets.flatMap((one) => Object.keys(one.answered)))].sort()
    return {
      outcomes: OUTCOMES.filter(([name]) => data.total.attempts[name]).map(
        ([name, tone]): Series => ({ label: name.replaceAll('_', ' '), tone, values: column((one) => one.attempts[name] ?? 0) }),
      ),
      answered: answered.map((name, index): Series => ({ label: name, tone: PALETTE[index % PALETTE.length] ?? 'accent', values: column((one) => one.answered[name] ?? 0) })),
      latency: [
        { label: 'p50', tone: 'accent', values: column((one) => (one.latency_p50_ms === null ? null : one.latency_p50_ms / 1000)) },
        { label: 'p95', tone: 'warn', values: column((one) => (one.latency_p95_ms === null ? null : one.latency_p95_ms / 1000)) },
      ] satisfies Series[],
      tokens: [
        { label: 'prompt', tone: 'busy', values: column((one) => one.prompt_tokens) },
        { label: 'completion', tone: 'accent', values: column((one) => one.completion_tokens) },
      ] satisfies Series[],
      cost: [{ label: 'cost', tone: 'away', values: column((one) => one.cost_usd) }] satisfies Series[],
    }
  }, [data])
  if (charts.outcomes.length === 0)
    return (
      <Panel title="Models">
        <Empty title="No model was asked in this time">
          <p>
            Each attempt of each model is counted here, failed ones too. Which models there are: <code>LLM_CHAIN</code>, or <code>config/chain.yml</code>.
          </p>
        </Empty>
      </Panel>
    )
  return (
    <section aria-label="Models">
      <h2 class="section">Models</h2>
      <div class="charts">
        <Panel title="Attempts by outcome">
          <Chart title="Attempts by outcome" times={times} series={charts.outcomes} kind="stack" counts say={whole} daily={daily} />
        </Panel>
        <Panel title="Which provider answered">
          <Chart title="Which provider answered" times={times} series={charts.answered} kind="stack" counts say={whole} daily={daily} />
        </Panel>
        <Panel title="Latency of good answers">
          <Chart title="Latency of good answers" times={times} series={charts.latency} kind="lines" say={inSeconds} daily={daily} />
        </Panel>
        <Panel title="Tokens">
          <Chart title="Tokens" times={times} series={charts.tokens} kind="stack" counts say={whole} daily={daily} />
        </Panel>
        {data.total.cost_usd > 0 && (
          <Panel title={`Cost: ${money(data.total.cost_usd)}`}>
            <Chart title="Cost" times={times} series={charts.cost} kind="stack" say={money} daily={daily} />
          </Panel>
        )}
        <ModelTable data={data} />
      </div>
    </section>
  )
}

function ModelTable({ data }: { data: ModelSeries }) {
  const sum = (counts: Record<string, number>) => Object.values(counts).reduce((a, b) => a + b, 0)
  return (
    <Panel title="The chain">
      <div class="scroll" tabIndex={0} role="region" aria-label="The chain">
        <table>
          <thead>
            <tr>
              <th scope="col">Position</th>
              <th scope="col">Model</th>
              <th scope="col" class="num">
                Good
              </th>
              <th scope="col" class="num">
                p50
              </th>
              <th scope="col" class="num">
                p95
              </th>
              <th scope="col" class="num">
                Cost
              </th>
            </tr>
          </thead>
          <tbody>
            {data.rungs.map((one) => (
              <tr key={`${one.position}/${one.provider}/${one.model}`}>
                <td>{one.position}</td>
                <td>
                  <UntrustedText text={one.model} max={60} /> <small>{one.provider}</small>
                </td>
                <td class="num">
                  {one.attempts.ok ?? 0} of {sum(one.attempts)}
                </td>
                <td class="num">{one.latency_p50_ms === null ? '–' : inSeconds(one.latency_p50_ms / 1000)}</td>
                <td class="num">{one.latency_p95_ms === null ? '–' : inSeconds(one.latency_p95_ms / 1000)}</td>
                <td class="num">{one.cost_usd ? money(one.cost_usd) : '–'}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  )
}
