// What is wrong with a field, as a sentence under it; a screen reader says it with the field.
import { visible } from '../../text'

export const idOfWrong = (field: string) => `wrong-${field}`

export const marks = (field: string, wrong: string | undefined) => ({
  'aria-invalid': wrong ? true : undefined,
  'aria-describedby': wrong ? idOfWrong(field) : undefined,
})

export function WrongField({ field, wrong }: { field: string; wrong: string | undefined }) {
  return wrong ? (
    <span class="wrong-field" id={idOfWrong(field)} role="alert">
      {visible(wrong)}
    </span>
  ) : null
}
