/** @file Its own file: who maps errors to sentences loads no database for it. */

/** A database that this version must not touch, or cannot open. */
export class DatabaseError extends Error {
  override name = 'DatabaseError';
}
