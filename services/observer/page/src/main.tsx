// Where the page begins.
import { render } from 'preact'
import { App } from './app'
import { arrive } from './session'
import './style/tokens.css'
import './style/base.css'
import './style/frame.css'
import './style/views.css'

const room = document.getElementById('room')
if (room) render(<App />, room)
void arrive()
window.addEventListener('hashchange', () => void arrive())
