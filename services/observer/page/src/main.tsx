// Where the page begins.
import { render } from 'preact'
import { App } from './app'
import { arrive } from './session'
import './style/tokens.css'
import './style/base.css'
import './style/frame.css'
import './style/views.css'

const root = document.getElementById('room')
if (root) render(<App />, root)
void arrive()
window.addEventListener('hashchange', () => void arrive())
