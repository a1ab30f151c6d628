/**
 * @file What is wrong with the database when a query fails through no fault of the query: one kind and one sentence each,
 * whichever engine says it. Sources: PostgreSQL's error codes (appendix A), SQLite's result codes, Node's system errors.
 */

/** away: it may be back in a second. busy: somebody holds a lock. The others need a person. */
export type TroubleKind = 'away' | 'busy' | 'full' | 'read-only' | 'damaged';
export interface Trouble {
  kind: TroubleKind;
  /** For the log and whoever runs the server. */
  sentence: string;
}

const sentences: Record<TroubleKind, string> = {
  away: 'The database cannot be reached; it is asked again with the next request.',
  busy: 'Another process holds the database for longer than is waited for.',
  full: 'The disk of the database is full; make room, nothing that was acknowledged is lost.',
  'read-only': 'The database cannot be written to; check its file, its folder and how it is mounted.',
  damaged: 'The database is damaged or its files are gone; restore the last backup.',
};

/** Classes 08 (connection), 57P (shutdown), 53 (resources); 55P03 and 57014 are timeouts that we set. */
const postgres: [RegExp, TroubleKind][] = [
  [/^(08...|57P0[1-5]|53300|25P03)$/, 'away'],
  [/^(55P03|57014|40P01|40001)$/, 'busy'],
  [/^(53100|53200)$/, 'full'],
  [/^25006$/, 'read-only'],
  [/^XX00[12]$/, 'damaged'],
];
const sqlite: [RegExp, TroubleKind][] = [
  [/^SQLITE_(BUSY|LOCKED|PROTOCOL)/, 'busy'],
  [/^SQLITE_FULL/, 'full'],
  [/^SQLITE_(READONLY|PERM)/, 'read-only'],
  [/^SQLITE_(CORRUPT|NOTADB|CANTOPEN|IOERR)/, 'damaged'],
];
const system: [RegExp, TroubleKind][] = [
  [/^(ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH)$/, 'away'],
  [/^(ENOSPC|EDQUOT)$/, 'full'],
  [/^EROFS$/, 'read-only'],
];
/** What the PostgreSQL driver says without a code. */
const words = /Connection terminated|connection error and is not queryable|timeout exceeded when trying to connect/i;

/** Undefined for an error that is of the query, or of something else. */
export function troubleOf(error: unknown): Trouble | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code } = error as { code?: unknown };
  const kind =
    typeof code === 'string'
      ? [...postgres, ...sqlite, ...system].find(([pattern]) => pattern.test(code))?.[1]
      : words.test(error.message)
        ? 'away'
        : undefined;
  if (kind !== undefined) return { kind, sentence: sentences[kind] };
  // Several addresses were tried, as of localhost.
  if (error instanceof AggregateError) return troubleOf(error.errors[0]);
  return undefined;
}
