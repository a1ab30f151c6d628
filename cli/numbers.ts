/** @file Option parsers: a value that cannot be is a usage error that names the option. */
import { InvalidArgumentError } from 'commander';

export function wholeNumber(minimum = 0): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isSafeInteger(value) || value < minimum) {
      throw new InvalidArgumentError(`It must be a whole number of at least ${minimum}.`);
    }
    return value;
  };
}

export function realNumber(minimum = -Infinity, maximum = Infinity): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isFinite(value) || value < minimum || value > maximum) {
      throw new InvalidArgumentError(`It must be a number from ${minimum} to ${maximum}.`);
    }
    return value;
  };
}

/** A name for something new: it stands in addresses, tables and file names. */
export function newName(text: string): string {
  if (text.trim() !== text || text === '' || text.length > 200 || /\p{Cc}/u.test(text)) {
    throw new InvalidArgumentError('A name has 1 to 200 characters, no line breaks, and no space at its ends.');
  }
  return text;
}

export function portNumber(text: string): number {
  const port = wholeNumber(0)(text);
  if (port > 65_535) throw new InvalidArgumentError('It must be a port from 0 to 65535.');
  return port;
}
