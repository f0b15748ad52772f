// The door: a user with a password, or a token. Keeps nothing; the session is a cookie that scripts cannot read.
import { useEffect, useRef, useState } from 'preact/hooks'
import { Problem } from '../api'
import { signIn } from '../session'
import { visible } from '../text'

export function Login() {
  const [byToken, setByToken] = useState(false)
  const [problem, setProblem] = useState('')
  const [busy, setBusy] = useState(false)
  const first = useRef<HTMLInputElement>(null)
  useEffect(() => first.current?.focus(), [byToken])
  useEffect(() => {
    document.title = 'Sign in · Mendmesh'
  }, [])
  const submit = async (event: SubmitEvent) => {
    event.preventDefault()
    if (busy) return
    const form = new FormData(event.target as HTMLFormElement)
    const text = (name: string) => String(form.get(name) ?? '')
    setBusy(true)
    setProblem('')
    try {
      await signIn(byToken ? { token: text('token').trim() } : { user: text('user').trim(), password: text('password') })
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      setProblem(error.message)
      setBusy(false)
    }
  }
  return (
    <main class="alone">
      <form class="panel login" onSubmit={submit}>
        <h1 class="brand">
          <img src="./icon.svg" alt="" width="26" height="26" /> Mendmesh
        </h1>
        {byToken ? (
          <label>
            Token
            <input ref={first} name="token" type="password" autocomplete="off" required maxLength={1024} />
          </label>
        ) : (
          <>
            <label>
              User
              <input ref={first} name="user" autocomplete="username" autocapitalize="none" spellcheck={false} required maxLength={128} />
            </label>
            <label>
              Password
              <input name="password" type="password" autocomplete="current-password" required maxLength={1024} />
            </label>
          </>
        )}
        {problem && (
          <p class="trouble" role="alert">
            {visible(problem)}
          </p>
        )}
        <button type="submit" class="primary" disabled={busy}>
          {busy ? 'Asking…' : 'Sign in'}
        </button>
        <button type="button" class="quiet" onClick={() => setByToken(!byToken)}>
          {byToken ? 'With a user and password' : 'With a token'}
        </button>
        <p class="hint">
          No account yet? On the observer's machine: <code>mend users add NAME</code>
        </p>
      </form>
    </main>
  )
}
