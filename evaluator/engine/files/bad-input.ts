/** @file The error of everything that reads what people give. */
/**
 * A file, a folder or a value that cannot be used. Its message is one sentence for the person who gave it: the file, the
 * line or field, the value, what would be right. Nothing has been changed when it is thrown.
 */
export class BadInput extends Error {
  override name = 'BadInput';
}

/** @param error what reading the file threw; the system's code says why */
export function cannotRead(file: string, error: unknown): BadInput {
  return new BadInput(`Cannot read ${file}: ${codeOf(error)}.`);
}

/** ENOENT and the like, or the error itself. */
export function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}
