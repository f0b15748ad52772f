// The observer's API under /api/v1: one type for each answer, one function that asks. Holds no state but the CSRF token.

export type State = 'unknown' | 'healthy' | 'sick' | 'offline'
export type Severity = 'info' | 'warning' | 'error' | 'critical'
export type Counts = Partial<Record<State, number>>

export interface Place {
  node: string
  service: string | null
  state: State
  own_state: State
  severity: Severity
  since: string
  event_id: string | null
  event_type: string | null
  occurrences: number
  open: Record<string, Severity>
  silences?: string[]
  held?: string
}
/** What it should watch is not watched; its name and error are another machine's words. */
export interface FailingProbe {
  node: string
  probe: string
  error: string
}
export interface NodePlace extends Place {
  beats: boolean
  services: Counts
  failing_probes: FailingProbe[]
}
export interface World {
  counts: { nodes: Counts; services: Counts }
  nodes: NodePlace[]
  places: Place[]
  total: number
  next: string | null
}

export interface ModelRef {
  name: string
  provider: string
  position: number
  latency_ms: number
}
/** Why a yes would come to nothing now; `blocks` false: it would run all the same. */
export interface Obstacle {
  kind: string
  sentence: string
  fix: string
  blocks: boolean
}
export interface Proposal {
  id: string
  digest: string
  folder: string
  type: string
  action: string
  risk_level: 'low' | 'guarded' | 'high'
  node: string
  service: string | null
  touches: string
  reason: string
  because: string
  confidence: number
  created_at: string
  expires_at: string
  model: ModelRef
  rules_choice: { action: string; reason: string } | null
  attempt: number
  edited_by: string | null
  occurrences: number | null
  severity: Severity
  trust: string
  event_type: string
  wrong: string
  event_id: string | null
  obstacles: Obstacle[]
}
/** What a rejection becomes where it is to last; not written yet. */
export interface RejectionRule {
  name: string
  diff: string
  digest: string
  writable: boolean
}
export interface ProposalPage {
  items: Proposal[]
  total: number
  next: string | null
  renamed: string[]
}
export interface Attempt {
  ts: string
  event_id: string
  model: string
  provider: string
  position: number
  outcome: string
  latency_ms: number
  prompt_tokens: number
  completion_tokens: number
  cost_usd: number
  detail: string
}
export interface WhatRuns {
  name: string
  text: string
  sha256: string
  proof: string
  /** Takes it back by itself where it does not help; '' where nothing does. */
  undo: string
  attachments: { name: string; sha256: string; text: string }[]
  /** Its text is site.yml then. */
  role: { name: string; files: { path: string; text: string }[] } | null
  /** What is not as usual: as whom it logs in, that nobody proves it. */
  how: string[]
  by_policy: string[]
  dangers: string[]
  problems: string[]
}
export type Effect = 'changes' | 'nothing' | 'skipped' | 'unknown' | 'failed'
export interface TaskPreview {
  name: string
  module: string
  effect: Effect
  things: string[]
  why: string
  diff: string
}
/** What the host said in check mode; `holds` false: of other bytes, before an edit. `said` null: no answer yet, or none came. */
export interface PreviewAnswer {
  id: string
  folder: string
  by: string
  at: string
  works: boolean
  holds: boolean
  reason: string
  said: { sentence: string; sees: string; tasks: TaskPreview[]; surprises: string[]; problem: string; cut: boolean } | null
}
/** Sentences, '' where there is nothing to say; times beside them. Foreign text. */
export interface Card {
  title: string
  since: string
  does: string
  interrupts: string
  /** What whoever approves may set before; `fits` says what to. */
  may_set: { name: string; now: string; fits: string }[]
  /** '' under a model's words, which are the proposal's `reason`. */
  because: string
  found: string
  rule: string
  runbook: string
  look: string
  instead: { choices: string[]; why_not: string }[]
  timeline: { at: string; what: string }[]
  others: { node: string; service: string | null; type: string; since: string }[]
  before: string
  /** What speaks against doing it once more. */
  doubt: string
  suggestion: string
  waiting: string
}
export interface ProposalDetail extends Proposal {
  card: Card
  explains: { node: string; service: string | null; type: string }[]
  event: Record<string, unknown>
  evidence: { source: string; text: string }[]
  attempts: Attempt[]
  playbook: WhatRuns | null
  playbook_problem: string | null
  policy: { allowed: string[]; preferred: string; reason: string } | null
  preview: PreviewAnswer | null
  no_preview: string
  decided: { by: string; at: string | null; reason: string; put_aside: PutAside; verdict: string | null } | null
  raw: string
  undoable: boolean
  can_be_undone: boolean
}
/** Rejected only for now, by a silence of this kind. */
export type PutAside = 'snooze' | 'acknowledge' | null
export interface Moved {
  id: string
  digest: string
  folder: string
}

/** Its state is null until a planner has read it. */
export type RequestState = 'filed' | 'writing' | 'asks' | 'checked' | 'refused' | 'cancelled' | null
/** `choices`: what the sentence might mean; another answer may fit as well. */
export interface OpenQuestion {
  slot: string
  text: string
  choices: string[]
}
/** What somebody asked for in words, and where that stands. */
export interface Asked {
  id: string
  state: RequestState
  ts: string
  by: string
  text: string
  hosts: string[]
  reason: string
  questions: OpenQuestion[]
  answers: Record<string, string>
  proposals: { host: string; action_id: string; folder: string | null }[]
  risk: string | null
  /** The model that wrote the tasks; null where recipes read the words. */
  written_by: { name: string; provider: string } | null
  updated_at: string | null
}
export interface AskedPage {
  items: Asked[]
  next: string | null
}
/** `preview`: the action that asks the host; null where it cannot be asked, and `problem` says why. */
export interface AskedPreviews {
  items: { host: string; action_id: string; preview: string | null; problem: string }[]
}
export interface Inventory {
  hosts: string[]
  groups: { name: string; hosts: string[] }[]
  problem: string | null
}

export interface Stage {
  name: string
  ok: boolean
  rc: number
  changed: number
  seconds: number
  detail: string
}
export interface Run {
  id: string
  folder: string
  node: string | null
  service: string | null
  type: string | null
  result: string | null
  verdict: string | null
  reason: string
  started_at: string | null
  finished_at: string | null
  approved_by: string
  attempt: number | null
  stages: Stage[]
}
export interface RunPage {
  items: Run[]
  next: string | null
}
export interface RunDetail extends Run {
  before: Record<string, unknown>
  after: Record<string, unknown>
  logs: { name: string; bytes: number }[]
  bundle: boolean
}

/** An event as the live stream tells it. */
export interface HealthEvent {
  id?: string
  type: string
  node: string
  service?: string | null
  severity: Severity
  timestamp: string
}
/** An event as the archive's index tells it. */
export interface PastEvent {
  id: string
  at: string
  type: string
  node: string
  service: string | null
  severity: Severity
  trust: string
  summary: string
  verdict: string | null
  action_id: string | null
}
export interface Page<T> {
  items: T[]
  next: string | null
  complete: boolean
}
export interface HistoryPage extends Page<PastAction> {
  types: string[]
}
/** One type of action; `runs`, `proven` and `undone` are null while the index cannot say. */
export interface CatalogueEntry {
  name: string
  whose: 'built_in' | 'shipped' | 'own'
  does: string
  risk: string
  interrupts: boolean
  types: string[]
  needs: string[]
  proof: string | null
  replaced_by: string | null
  runs: number | null
  proven: number | null
  undone: number | null
}
/** What people may ask for in words; `example` is a sentence that does. */
export interface RecipeEntry {
  name: string
  whose: 'shipped' | 'own'
  does: string
  risk: string
  example: string | null
}
export interface Catalogue {
  items: CatalogueEntry[]
  recipes: RecipeEntry[]
  problems: string[]
}
export interface PastAction {
  id: string
  result: string
  verdict: string | null
  at: string
  node: string | null
  service: string | null
  type: string | null
  risk: string | null
  put_aside: PutAside
  by: string
  reason: string
  attempt: number
  event_id: string | null
  model: string | null
  provider: string | null
  symptom_at: string | null
  proposed_at: string | null
  decided_at: string | null
  finished_at: string | null
  run_seconds: number | null
}
export interface Step {
  at: string
  kind: 'symptom' | 'decision' | 'attempt' | 'proposal' | 'choice' | 'stage' | 'outcome' | 'recovery'
  title: string
  detail: string
  good: boolean | null
  by: string
  count: number
  until: string
  ref: string | null
}
export interface Incident {
  id: string
  node: string
  service: string | null
  type: string
  severity: Severity
  state: 'open' | 'waiting' | 'working' | 'recovered' | 'closed'
  began_at: string
  recovered_at: string | null
  announcements: number
  actions: PastAction[]
  steps: Step[]
  cut: boolean
}

export interface ModelBucket {
  start: string
  attempts: Record<string, number>
  answered: Record<string, number>
  latency_p50_ms: number | null
  latency_p95_ms: number | null
  prompt_tokens: number
  completion_tokens: number
  cost_usd: number
}
export interface Rung {
  model: string
  provider: string
  position: number
  attempts: Record<string, number>
  latency_p50_ms: number | null
  latency_p95_ms: number | null
  prompt_tokens: number
  completion_tokens: number
  cost_usd: number
}
export interface ModelSeries {
  hours: number
  bucket_seconds: number
  buckets: ModelBucket[]
  total: ModelBucket
  rungs: Rung[]
  complete: boolean
}
export interface Spread {
  count: number
  p50_seconds: number | null
  p95_seconds: number | null
}
export interface SuccessRow {
  type: string
  node: string
  service: string | null
  runs: number
  proven: number
  rate: number
}
export interface HealingSeries {
  days: number
  per_day: { day: string; events: number; troubles: number; proposals: number; repaired: number; failed: number }[]
  time_to_proposal: Spread
  time_to_decision: Spread
  time_to_repair: Spread
  success: SuccessRow[]
  by_type: SuccessRow[]
  complete: boolean
}

export interface Silence {
  id: string
  kind: 'maintenance' | 'snooze' | 'acknowledge'
  node: string
  service: string | null
  type: string | null
  starts_at: string
  ends_at: string
  reason: string
  by: string
  created_at: string
  active: boolean
  ended: string | null
  proposals: string[]
}

export interface AuditLine {
  seq: number
  at: string
  who: string
  how: string
  what: string
  action_id: string
  digest: string
  from: string
  to: string
  reason: string
  address: string
}

/** Why the server said no, or that it could not be reached (`status` 0). */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
  ) {
    super(detail)
  }
}

const ROOT = 'api/v1'
const PATIENCE_MS = 20_000
let csrf = ''
let skewMs = 0

/** How far the server's clock is ahead of this browser's. */
export const clockSkewMs = () => skewMs

export const rememberCsrf = (token: string) => {
  csrf = token
}

export const url = (path: string, query: Record<string, string | number | null | undefined> = {}) => {
  const said = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== '')
  const text = new URLSearchParams(said.map(([name, value]) => [name, String(value)])).toString()
  return `${ROOT}/${path}${text ? `?${text}` : ''}`
}

async function answer(path: string, init: RequestInit): Promise<Response> {
  let response: Response
  try {
    response = await fetch(path, { ...init, signal: AbortSignal.timeout(PATIENCE_MS), credentials: 'same-origin' })
  } catch {
    throw new Problem(0, 'away', 'The observer does not answer. Is it running?')
  }
  const date = Date.parse(response.headers.get('date') ?? '')
  if (Number.isFinite(date) && Math.abs(date - Date.now()) > 2_000) skewMs = date - Date.now()
  if (response.ok) return response
  const said = (await response.json().catch(() => null)) as { error?: unknown; detail?: unknown } | null
  throw new Problem(
    response.status,
    typeof said?.error === 'string' ? said.error : 'http',
    typeof said?.detail === 'string' ? said.detail : `The observer answered ${response.status}.`,
  )
}

export const get = async <T>(path: string): Promise<T> => (await (await answer(path, {})).json()) as T

export const getText = async (path: string): Promise<string> => (await answer(path, {})).text()

export const send = async <T>(method: 'POST' | 'PUT' | 'DELETE', path: string, body: unknown = {}): Promise<T> => {
  const response = await answer(path, {
    method,
    headers: { 'Content-Type': 'application/json', 'X-CSRF-Token': csrf },
    body: JSON.stringify(body),
  })
  return (response.status === 204 ? null : await response.json()) as T
}
