// Icons, drawn as lines in the colour of the text. Those of the navigation are beside their views.
export const THEME = 'M12 4a8 8 0 1 0 8 8 6 6 0 0 1-8-8z'
export const SIGN_OUT = 'M14 4.5h5v15h-5M4.5 12H15M11.5 8.5 15 12l-3.5 3.5'
export const KEYS = 'M3.5 6.5h17v11h-17zM7 10v.01M10.3 10v.01M13.7 10v.01M17 10v.01M8 14h8'

export function Icon({ path, size = 18 }: { path: string; size?: number }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" width={size} height={size} aria-hidden="true">
      <path d={path} />
    </svg>
  )
}
