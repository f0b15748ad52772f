// Light or dark: the system's choice, until a person says otherwise in this browser.
import { effect, signal } from '@preact/signals'

export type Theme = 'auto' | 'light' | 'dark'
const KEY = 'mendmesh-theme'
const ORDER: Theme[] = ['auto', 'light', 'dark']

const kept = (): Theme => {
  try {
    const value = localStorage.getItem(KEY) as Theme | null
    return value && ORDER.includes(value) ? value : 'auto'
  } catch {
    return 'auto' // storage is switched off
  }
}

export const theme = signal<Theme>(kept())
const system = window.matchMedia('(prefers-color-scheme: dark)')
export const dark = signal(system.matches)

const settle = () => {
  dark.value = theme.value === 'auto' ? system.matches : theme.value === 'dark'
}
system.addEventListener('change', settle)

effect(() => {
  if (theme.value === 'auto') delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = theme.value
  settle()
  try {
    localStorage.setItem(KEY, theme.value)
  } catch {
    // as above
  }
})

export const nextTheme = () => {
  theme.value = ORDER[(ORDER.indexOf(theme.value) + 1) % ORDER.length] ?? 'auto'
}
