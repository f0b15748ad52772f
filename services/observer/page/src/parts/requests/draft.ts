// What somebody is about to ask for, and what was sent and no planner has read: kept while other things are looked at.
import { signal } from '@preact/signals'

export interface Draft {
  text: string
  hosts: string[]
  files: File[]
}

export interface Sent {
  id: string
  text: string
  hosts: string[]
}

export const NOTHING: Draft = { text: '', hosts: [], files: [] }
export const draft = signal<Draft>(NOTHING)
export const sent = signal<Sent[]>([])
