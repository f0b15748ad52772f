// Who is looking, as the server says it. Holds nothing secret but the CSRF token; the session itself is an HTTP-only cookie.
import { computed, signal } from '@preact/signals'
import { get, Problem, rememberCsrf, send, url } from './api'
import { connect, disconnect } from './live'

export interface Session {
  name: string
  role: string
  csrf?: string | null
  auth?: string
}

export const session = signal<Session | null>(null)
export const state = signal<'asking' | 'in' | 'out' | 'away'>('asking')
/** Why nobody is let in here at all, in the observer's words. */
export const refusal = signal('')
export const mayDecide = computed(() => session.value?.role === 'operator')

const AGAIN_MS = 2_000

export async function begin(): Promise<void> {
  try {
    enter(await get<Session>(url('session')))
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    if (error.status === 401) signedOut()
    else if (error.status === 404) enter({ name: 'web', role: 'operator' }) // an observer without sign-in
    else {
      refusal.value = error.status === 403 ? error.message : ''
      state.value = 'away'
      window.setTimeout(() => void begin(), AGAIN_MS)
    }
  }
}

function enter(who: Session) {
  session.value = who
  refusal.value = ''
  rememberCsrf(who.csrf ?? '')
  const again = state.value !== 'in'
  state.value = 'in'
  if (again) connect()
}

export function signedOut() {
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
  signedOut()
}
