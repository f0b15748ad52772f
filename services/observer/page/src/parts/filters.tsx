// Fields that narrow a list; what is chosen is in the address, so that it can be linked to.
import { setQuery, where } from '../routes'

export function TextFilter({ name, label }: { name: string; label: string }) {
  const value = where.value.query.get(name) ?? ''
  return (
    <label>
      {label}
      <input
        name={name}
        value={value}
        maxLength={128}
        autocomplete="off"
        spellcheck={false}
        onChange={(event) => setQuery({ [name]: event.currentTarget.value.trim() })}
      />
    </label>
  )
}

export function ChoiceFilter({ name, label, choices }: { name: string; label: string; choices: [string, string][] }) {
  return (
    <label>
      {label}
      <select name={name} value={where.value.query.get(name) ?? ''} onChange={(event) => setQuery({ [name]: event.currentTarget.value })}>
        <option value="">any</option>
        {choices.map(([value, words]) => (
          <option key={value} value={value}>
            {words}
          </option>
        ))}
      </select>
    </label>
  )
}
