/** @file The error of everything that reads what people give. */
/**
 * A file, a folder or a value that cannot be used. Its message is one sentence for the person who gave it: the file, the
 * line or field, the value, what would be right. Nothing has been changed when it is thrown.
 */
export class BadInput extends Error {
  override name = 'BadInput';
}
