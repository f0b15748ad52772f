// What the page has to know of a view.
import type { ComponentType } from 'preact'

export interface PageView {
  /** In the address: `#/name`. */
  name: string
  title: string
  Component: ComponentType
  /** Of a view in the navigation: the key that opens it, in whose order it stands there, and the icon's path. */
  nav?: { key: string; icon: string; Badge?: ComponentType }
  /** More addresses that show it, such as `#/proposals/ID` in the queue. */
  aliases?: string[]
  /** Of a view outside the navigation: which one is marked there. */
  under?: string
}
