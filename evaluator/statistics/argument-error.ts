/** @file The error of a function that is asked outside its domain. */
/**
 * A caller's mistake: an argument outside what the function is defined for. The message has the value. The runtime's own
 * RangeErrors (a stack overflow, an array that is too long) are bugs and are no ArgumentError.
 */
export class ArgumentError extends RangeError {
  override name = 'ArgumentError';
}
