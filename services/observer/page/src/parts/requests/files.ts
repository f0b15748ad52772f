// The texts that come along with a request: read here, and judged by their size before they are sent.

export const MAX_FILES = 16
const MAX_FILE_BYTES = 64 * 1024
const MAX_BYTES = 192 * 1024

export interface RequestedFile {
  name: string
  text: string
}

/** Or the sentence why they cannot come along. */
export async function read(files: File[]): Promise<RequestedFile[] | string> {
  if (files.length > MAX_FILES) return `These are ${files.length} files; at most ${MAX_FILES} can come along.`
  const large = files.find((one) => one.size > MAX_FILE_BYTES)
  if (large) return `${large.name} is larger than 64 KiB.`
  if (files.reduce((sum, one) => sum + one.size, 0) > MAX_BYTES) return 'Together they are larger than 192 KiB.'
  const found: RequestedFile[] = []
  for (const file of files) {
    try {
      found.push({ name: file.name, text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(await file.arrayBuffer()) })
    } catch {
      return `${file.name} cannot be read as text; only text can come along.`
    }
  }
  return found
}
