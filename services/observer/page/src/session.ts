// Who is looking, as the server says it. Holds nothing secret but the CSRF token; the session itself is an HTTP-only cookie.
import { computed, signal } from '@preact/signals'
import { get, Problem, rememberCsrf, send, url } from './api'
import { connect, disconnect } from './live'
import { notice } from './parts/notices'
import { leave, where } from './routes'

export interface Session {
  name: string
  role: string
  csrf?: string | null
  auth?: string
}

export const session = signal<Session | null>(null)
export const state = signal<'asking' | 'in' | 'out' | 'away'>('asking')
/** Is nobody listed here, so that a link out of the terminal is the way in? */
export const byLink = signal(false)
/** Why the link that was followed did not let us in. */
export const linkProblem = signal('')
/** Why nobody is let in here at all, in the observer's words. */
export const refusal = signal('')
export const mayDecide = computed(() => session.value?.role === 'operator')

const AGAIN_MS = 2_000

export async function begin(): Promise<void> {
  try {
    enter(await get<Session>(url('session')))
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    if (error.status === 401) signedOut(error.code)
    else if (error.status === 404) enter({ name: 'web', role: 'operator' }) // an observer without sign-in
    else {
      refusal.value = error.status === 403 ? error.message : ''
      state.value = 'away'
      window.setTimeout(() => void begin(), AGAIN_MS)
    }
  }
}

/** The page begins, or the address changed: `#/link/TOKEN` is a one-time link, of which nothing stays in the address. */
export async function arrive(): Promise<void> {
  const { view, args } = where.value
  if (view === 'link') {
    leave()
    linkProblem.value = ''
    try {
      await send('POST', url('login'), { link: args[0] ?? '' })
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      linkProblem.value = error.message
    }
    await begin()
  } else if (state.value === 'asking') await begin()
}

function enter(who: Session) {
  session.value = who
  refusal.value = ''
  if (linkProblem.value) notice(`Still signed in as ${who.name}: ${linkProblem.value}`, 'warn')
  rememberCsrf(who.csrf ?? '')
  const again = state.value !== 'in'
  state.value = 'in'
  if (again) connect()
}

/** `code` is what the observer called it. */
export function signedOut(code: string) {
  byLink.value = code === 'link_needed'
  if (state.value === 'out') return
  state.value = 'out'
  session.value = null
  disconnect()
}

export async function signIn(body: { user: string; password: string } | { token: string }): Promise<void> {
  await send('POST', url('login'), body)
  await begin()
}

export async function signOut(): Promise<void> {
  await send('POST', url('logout'))
  await begin() // is told by which way one comes in again
}
