// Sign-in: a user with a password, or a token, or a link out of the terminal. Keeps nothing; the session is a cookie that
// scripts cannot read.
import { useEffect, useRef, useState } from 'preact/hooks'
import { Problem } from '../api'
import { byLink, linkProblem, signIn } from '../session'
import { visible } from '../text'

export function Login() {
  useEffect(() => {
    document.title = 'Sign in · Mendmesh'
  }, [])
  return <main class="alone">{byLink.value ? <ByLink /> : <ByName />}</main>
}

function Brand() {
  return (
    <h1 class="brand" tabIndex={-1}>
      <img src="./icon.svg" alt="" width="26" height="26" /> Mendmesh
    </h1>
  )
}

function LinkProblem() {
  return linkProblem.value ? (
    <p class="trouble" role="alert">
      {visible(linkProblem.value)}
    </p>
  ) : null
}

/** Nobody is listed: whoever may work in the observer's own folders gets a link there. */
function ByLink() {
  return (
    <section class="panel login">
      <Brand />
      <LinkProblem />
      <p>
        Sign in with a link that counts once. On the machine that runs the mesh, in the folder where it was started:
      </p>
      <pre>
        <code>mend page</code>
      </pre>
      <p class="hint">
        Or with a name and a password for everybody who may come in: <code>mend users add NAME --role operator</code>
      </p>
    </section>
  )
}

function ByName() {
  const [byToken, setByToken] = useState(false)
  const [problem, setProblem] = useState('')
  const [busy, setBusy] = useState(false)
  const first = useRef<HTMLInputElement>(null)
  useEffect(() => first.current?.focus(), [byToken])
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
    <form class="panel login" onSubmit={submit}>
      <Brand />
      <LinkProblem />
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
  )
}
