// The shell: navigation, the state of the connection, what just happened, and the view that the address names.
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { get, Problem, url, type ProposalPage } from './api'
import { typing, useKeys } from './keys'
import { connection, listen } from './live'
import { Help } from './parts/help'
import { Icon, KEYS, SIGN_OUT, THEME } from './parts/icons'
import { notice, Notices } from './parts/notices'
import { go, to, where } from './routes'
import { refusal, session, signOut, state } from './session'
import { nextTheme, theme } from './theme'
import { UntrustedText, visible } from './text'
import * as views from './views'
import { Login } from './views/login'

const ALL = Object.values(views)
const NAVIGATION = ALL.flatMap((view) => (view.nav ? [{ ...view, ...view.nav }] : [])).sort((a, b) => a.key.localeCompare(b.key))
const viewAt = (address: string) => ALL.find((view) => view.name === address || view.aliases?.includes(address))
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
  return <Shell />
}

function Shell() {
  const [help, setHelp] = useState(false)
  const view = viewAt(where.value.view)
  const current = view?.under ?? view?.name
  const main = useRef<HTMLElement>(null)
  const place = `${where.value.view}`
  useLayoutEffect(() => {
    document.title = `${ALL.find((one) => one.name === current)?.title ?? 'Not found'} · Mendmesh`
    if (!typing(document.activeElement)) main.current?.querySelector('h1')?.focus({ preventScroll: true })
  }, [place])
  useLayoutEffect(announce, [])
  useKeys({
    '?': () => setHelp(true),
    ...Object.fromEntries(NAVIGATION.map(({ key, name }) => [key, () => go(to(name))])),
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
          <Icon path={THEME} />
        </button>
        <button type="button" class="quiet keys" onClick={() => setHelp(true)} aria-label="Keys and help" title="Keys and help (?)">
          <Icon path={KEYS} />
        </button>
        {session.value?.auth === 'session' && (
          <>
            <span class="who">
              <UntrustedText text={session.value.name} max={40} /> <small>{session.value.role}</small>
            </span>
            <button type="button" class="quiet" onClick={() => void signOut()} aria-label="Sign out" title="Sign out">
              <Icon path={SIGN_OUT} />
            </button>
          </>
        )}
      </header>
      <Nav current={current} />
      <main id="main" ref={main} tabIndex={-1}>
        <Lost />
        {view ? <view.Component /> : <NotFound />}
      </main>
      <Notices />
      {help && <Help views={NAVIGATION} onClose={() => setHelp(false)} />}
    </div>
  )
}

function NotFound() {
  return (
    <div class="empty">
      <h1 tabIndex={-1}>There is nothing here</h1>
      <p>
        <a href="#/world">Back to the world</a>
      </p>
    </div>
  )
}

function Nav({ current }: { current: string | undefined }) {
  return (
    <nav aria-label="Views">
      <ul>
        {NAVIGATION.map(({ name, title, icon, Badge }) => (
          <li key={name}>
            <a href={to(name)} aria-current={current === name ? 'page' : undefined}>
              <Icon path={icon} />
              <span>{title}</span>
              {Badge && <Badge />}
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

/** New proposals, questions and results, said aloud once, whichever view is open. */
function announce() {
  return listen((name, message) => {
    if (name === 'request') announceRequest(message as Record<string, string>)
    if (name !== 'action') return
    const { from, to: folder, node, service, type, action_id: id } = message as Record<string, string | null>
    if (type === 'preview') return // who asked for it sees it on the card
    const target = service ? `${node}/${service}` : String(node)
    if (folder === 'pending' && from === '') void announceProposal(String(id), target, String(type))
    else if (folder === 'done') notice(`Repaired: ${target}`, 'good', to('runs', id))
    else if (folder === 'failed' || folder === 'interrupted') notice(`${folder}: ${type} for ${target}`, 'bad', to('runs', id))
  })
}

/** One that is filed is told by its proposals. */
function announceRequest({ request, state, text }: Record<string, string>) {
  if (state === 'asks') notice(`A request asks you something: ${text}`, 'busy', to('requests', request))
  else if (state === 'refused') notice(`Refused: ${text}`, 'bad', to('requests', request))
}

let asking = false

/** What is wrong comes before what would be done; in a storm only of the first, the others are told without it. */
async function announceProposal(id: string, target: string, type: string) {
  const say = (wrong: string) => notice(`New proposal for ${target}: ${wrong}${type.replaceAll('_', ' ')}?`, 'busy', to('proposals', id))
  if (asking) return say('')
  asking = true
  try {
    const { items } = await get<ProposalPage>(url('proposals', { folder: 'pending', q: id, limit: 1 }))
    say(items[0] ? `${items[0].wrong}. ` : '')
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    say('')
  } finally {
    asking = false
  }
}
