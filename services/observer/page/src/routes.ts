// Where in the page we are: #/view/argument/...?query. The server never sees it, so every place can be linked to.
import { signal } from '@preact/signals'

export interface Where {
  view: string
  args: string[]
  query: URLSearchParams
}

const read = (): Where => {
  const [path = '', query = ''] = location.hash.replace(/^#\/?/, '').split('?', 2)
  const parts = path.split('/').map((part) => {
    try {
      return decodeURIComponent(part)
    } catch {
      return part
    }
  })
  return { view: parts[0] || 'world', args: parts.slice(1).filter(Boolean), query: new URLSearchParams(query) }
}

export const where = signal<Where>(read())
window.addEventListener('hashchange', () => {
  where.value = read()
})

export const to = (view: string, ...args: (string | null | undefined)[]) =>
  `#/${[view, ...args.filter((arg): arg is string => Boolean(arg))].map(encodeURIComponent).join('/')}`

export const go = (hash: string) => {
  if (location.hash !== hash) location.hash = hash
}

/** Be at the beginning, and let no one come back here. */
export const leave = () => {
  history.replaceState(null, '', to('world'))
  where.value = read()
}

/** Change the query of this place without a new entry in the history. */
export const setQuery = (changes: Record<string, string | null>) => {
  const query = new URLSearchParams(where.value.query)
  for (const [name, value] of Object.entries(changes)) {
    if (value) query.set(name, value)
    else query.delete(name)
  }
  const text = query.toString()
  const hash = to(where.value.view, ...where.value.args) + (text ? `?${text}` : '')
  history.replaceState(null, '', hash)
  where.value = read()
}
