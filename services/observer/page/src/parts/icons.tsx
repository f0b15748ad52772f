// The few icons of the navigation, drawn as lines in the colour of the text.
const PATHS: Record<string, string> = {
  world: 'M4 6.5h16M4 12h16M4 17.5h16M7 6.5v.01M7 12v.01M7 17.5v.01',
  queue: 'M4 13h4.5l1.5 3h4l1.5-3H20M4 13l2.5-8h11L20 13v6H4z',
  runs: 'M7 4.5v15l12-7.5z',
  history: 'M12 7v5l3.5 2M4.5 12a7.5 7.5 0 1 0 2.4-5.5M4.5 4v4h4',
  metrics: 'M4 19.5h16M7 16v-4M12 16V6M17 16V9',
  silences: 'M6 17V11a6 6 0 0 1 9.5-4.9M18 10v7M4.5 17H18M10 20h4M4 4l16 16',
  audit: 'M6 3.5h8l4 4v13H6zM13.5 3.5V8H18M9 12.5h6M9 16h6',
  theme: 'M12 4a8 8 0 1 0 8 8 6 6 0 0 1-8-8z',
  out: 'M14 4.5h5v15h-5M4.5 12H15M11.5 8.5 15 12l-3.5 3.5',
  keys: 'M3.5 6.5h17v11h-17zM7 10v.01M10.3 10v.01M13.7 10v.01M17 10v.01M8 14h8',
}

export function Icon({ name, size = 18 }: { name: string; size?: number }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" width={size} height={size} aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  )
}
