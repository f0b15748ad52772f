// The room itself: navigation, the state of the connection, what just happened, and the view that the address names.
import type { ComponentType } from 'preact'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { url, type ProposalPage } from './api'
import { useKeys } from './keys'
import { connection, listen } from './live'
import { on, useLoaded } from './loaded'
import { Help } from './parts/help'
import { Icon } from './parts/icons'
import { notice, Notices } from './parts/notices'
import { go, to, where } from './routes'
import { refusal, session, signOut, state } from './session'
import { nextTheme, theme } from './theme'
import { Said, visible } from './text'
import { Audit } from './views/audit'
import { History } from './views/history'
import { Incident } from './views/incident'
import { Login } from './views/login'
import { Queue } from './views/queue'
import { Runs } from './views/runs'
import { Silences } from './views/silences'
import { WorldView } from './views/world'

const VIEWS: [string, string][] = [
  ['world', 'World'],
  ['queue', 'Queue'],
  ['runs', 'Runs'],
  ['history', 'History'],
  ['metrics', 'Metrics'],
  ['silences', 'Silences'],
  ['audit', 'Audit'],
]
const SUBVIEWS: Record<string, string> = { proposals: 'queue', incident: 'world' }
const LOST_AFTER_MS = 1_500

export function App() {
  if (state.value === 'out') return <Login />
  if (refusal.value)
    return (
      <main class="alone">
        <p class="trouble" role="alert">
          {visible(refusal.value)}
        </p>
      </main>
    )
  if (state.value === 'asking') return <main class="alone" aria-busy="true" />
  return <Room />
}

function Room() {
  const [help, setHelp] = useState(false)
  const view = SUBVIEWS[where.value.view] ?? where.value.view
  const main = useRef<HTMLElement>(null)
  const place = `${where.value.view}`
  useLayoutEffect(() => {
    document.title = `${VIEWS.find(([name]) => name === view)?.[1] ?? 'Not found'} · Mendmesh`
    main.current?.querySelector('h1')?.focus({ preventScroll: true })
  }, [place])
  useEffect(announce, [])
  useKeys({
    '?': () => setHelp(true),
    ...Object.fromEntries(VIEWS.map(([name], index) => [String(index + 1), () => go(to(name))])),
  })
  return (
    <div class="shell">
      <a class="skip" href="#main" onClick={(event) => (event.preventDefault(), main.current?.focus())}>
        Skip to content
      </a>
      <header class="bar">
        <a class="brand" href="#/world">
          <img src="./icon.svg" alt="" width="22" height="22" />
          Mendmesh
        </a>
        <Connection />
        <span class="grow" />
        <button type="button" class="quiet" onClick={nextTheme} aria-label={`Theme: ${theme.value}. Change`} title={`Theme: ${theme.value}`}>
          <Icon name="theme" />
        </button>
        <button type="button" class="quiet keys" onClick={() => setHelp(true)} aria-label="Keys and help" title="Keys and help (?)">
          <Icon name="keys" />
        </button>
        {session.value?.auth === 'session' && (
          <>
            <span class="who">
              <Said text={session.value.name} max={40} /> <small>{session.value.role}</small>
            </span>
            <button type="button" class="quiet" onClick={() => void signOut()} aria-label="Sign out" title="Sign out">
              <Icon name="out" />
            </button>
          </>
        )}
      </header>
      <Nav view={view} />
      <main id="main" ref={main} tabIndex={-1}>
        <Lost />
        <Content view={where.value.view} />
      </main>
      <Notices />
      {help && <Help onClose={() => setHelp(false)} />}
    </div>
  )
}

function Content({ view }: { view: string }) {
  switch (view) {
    case 'world':
      return <WorldView />
    case 'queue':
    case 'proposals':
      return <Queue />
    case 'runs':
      return <Runs />
    case 'incident':
      return <Incident />
    case 'history':
      return <History />
    case 'metrics':
      return <Later load={metrics} />
    case 'silences':
      return <Silences />
    case 'audit':
      return <Audit />
    default:
      return (
        <div class="empty">
          <h1 tabIndex={-1}>There is nothing here</h1>
          <p>
            <a href="#/world">Back to the world</a>
          </p>
        </div>
      )
  }
}

// The charts are half of the page's code, and the first look needs none of them.
const metrics = () => import('./views/metrics').then((room) => room.Metrics)

function Later({ load }: { load: () => Promise<ComponentType> }) {
  const [Part, setPart] = useState<ComponentType | null>(null)
  useEffect(() => void load().then((part) => setPart(() => part)), [load])
  return Part ? <Part /> : null
}

function Nav({ view }: { view: string }) {
  const waiting = useLoaded<ProposalPage>(url('proposals', { folder: 'pending', limit: 1 }), on('action')).data?.total ?? 0
  return (
    <nav aria-label="Views">
      <ul>
        {VIEWS.map(([name, title]) => (
          <li key={name}>
            <a href={to(name)} aria-current={view === name ? 'page' : undefined}>
              <Icon name={name} />
              <span>{title}</span>
              {name === 'queue' && waiting > 0 && (
                <b class="badge">
                  {waiting}
                  <span class="unseen"> waiting</span>
                </b>
              )}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  )
}

function Connection() {
  const said = { opening: 'connecting', live: 'live', lost: 'not connected' }[connection.value]
  return (
    <span class={`connection ${connection.value}`} title="What you see is kept fresh by the observer's live stream">
      {said}
    </span>
  )
}

function Lost() {
  const [late, setLate] = useState(false)
  const lost = connection.value === 'lost' || state.value === 'away'
  useEffect(() => {
    if (!lost) return setLate(false)
    const timer = window.setTimeout(() => setLate(true), LOST_AFTER_MS)
    return () => window.clearTimeout(timer)
  }, [lost])
  return (
    <div role="status" aria-live="assertive">
      {lost && late && (
        <p class="lost">
          The connection to the observer is lost; what you see may be old. It is tried again by itself, and everything is read anew then. Nothing stops
          meanwhile: <code>mend approve</code> and <code>mv</code> need no page.
        </p>
      )}
    </div>
  )
}

/** New proposals and results, said aloud once, whichever view is open. */
function announce() {
  return listen((name, message) => {
    if (name !== 'action') return
    const { from, to: folder, node, service, type, action_id: id } = message as Record<string, string | null>
    const target = service ? `${node}/${service}` : String(node)
    if (folder === 'pending' && from === '') notice(`New proposal: ${type} for ${target}`, 'busy', to('proposals', id))
    else if (folder === 'done') notice(`Repaired: ${target}`, 'good', to('runs', id))
    else if (folder === 'failed' || folder === 'interrupted') notice(`${folder}: ${type} for ${target}`, 'bad', to('runs', id))
  })
}
