/** @file Opens the database: a SQLite file by default, PostgreSQL when a URL is given. Both come back migrated. */
import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import {
  CompiledQuery,
  Kysely,
  PostgresDialect,
  SqliteAdapter,
  SqliteDialect,
  SqliteDriver,
  sql,
  type DatabaseConnection,
  type Driver,
  type QueryResult,
  type SqliteDatabase,
} from 'kysely';
import type BetterSqlite3 from 'better-sqlite3';
import pg from 'pg';
import { isPostgres } from './engine.ts';
import { backUpBefore } from './backup.ts';
import { DatabaseError } from './database-error.ts';
import { migrate, pendingMigrations } from './migrate.ts';
import { statementName } from './prepared.ts';
import { loadSqlite } from './sqlite-driver.ts';
import { troubleOf } from './trouble.ts';
import type { Tables } from './tables.ts';

export type Database = Kysely<Tables>;

/** As it is, not migrated. @param location a SQLite file's path, or a postgres:// URL */
export function connect(location: string): Database {
  const db = /^postgres(ql)?:\/\//.test(location) ? openPostgres(location) : openSqlite(location);
  locations.set(db, location);
  return db;
}

/** The migrations that opening this database would apply. */
export async function pendingIn(location: string): Promise<string[]> {
  const db = connect(location);
  return pendingMigrations(db).finally(() => db.destroy());
}

const locations = new WeakMap<Database, string>();

/** Where a connection leads, for another thread or process that opens the same database. */
export function locationOf(db: Database): string {
  return locations.get(db)!;
}

/** Whether this SQLite connection moves its log into the database by itself, or leaves that to another one. */
export async function setAutomaticCheckpoints(db: Database, on: boolean): Promise<void> {
  await sql.raw(`pragma wal_autocheckpoint = ${on ? 1000 : 0}`).execute(db);
}

/** Moves SQLite's log into the database. @param restart makes writers wait so that the log begins anew */
export async function checkpoint(db: Database, restart: boolean): Promise<void> {
  await sql.raw(`pragma wal_checkpoint(${restart ? 'restart' : 'passive'})`).execute(db);
}

/** What SQLite finds wrong with its file; nothing on PostgreSQL, which has tools of its own. It reads the whole file. */
export async function quickCheck(db: Database): Promise<string[]> {
  if (isPostgres(db)) return [];
  const { rows } = await sql<{ quick_check: string }>`pragma quick_check(5)`.execute(db);
  return rows.map((row) => row.quick_check).filter((line) => line !== 'ok');
}

/**
 * Brings the database to this version; one with something in it is backed up first.
 * @param location as connect takes it
 * @param tell is told, in a sentence, of the backup, or why there is none
 * @throws DatabaseError when it cannot be opened or is of a newer version
 */
export async function openDatabase(
  location: string,
  tell: (note: string) => void = () => undefined,
): Promise<Database> {
  const db = connect(location);
  try {
    const [first] = await pendingMigrations(db);
    if (first !== undefined) tell(await backUpBefore(db, location, first));
    await migrate(db);
  } catch (error) {
    await db.destroy();
    throw error;
  }
  return db;
}

/** An empty database of this version, as SQLite writes it. */
let empty: Buffer | undefined;

/**
 * A SQLite database in memory, which goes with the process. It is migrated once, and copied from then on.
 * Call it once where a moment does not matter: the first one takes some ten milliseconds.
 */
export async function openInMemory(): Promise<Database> {
  if (empty === undefined) {
    const file = new (loadSqlite())(':memory:');
    const first = new Kysely<Tables>({ dialect: new ImmediateSqliteDialect({ database: withStatementCache(file) }) });
    await migrate(first);
    empty = file.serialize();
    await first.destroy();
  }
  const copy = new (loadSqlite())(empty);
  copy.pragma('foreign_keys = ON');
  const db = new Kysely<Tables>({ dialect: new ImmediateSqliteDialect({ database: withStatementCache(copy) }) });
  locations.set(db, ':memory:');
  return db;
}

function openSqlite(file: string): Database {
  const Sqlite = loadSqlite();
  let connection;
  try {
    mkdirSync(dirname(file), { recursive: true });
    // It holds the secret that signs sessions. SQLite gives its log the same mode.
    if (file !== ':memory:' && !existsSync(file)) closeSync(openSync(file, 'a', 0o600));
    connection = new Sqlite(file);
    // FULL: a commit is on the disk before it is acknowledged, also when the power fails.
    connection.pragma('journal_mode = WAL');
    connection.pragma('synchronous = FULL');
    connection.pragma('foreign_keys = ON');
    // Waiting for another process's lock must not stop this one: it is waited for in BusyRetries instead.
    connection.pragma('busy_timeout = 20');
  } catch (error) {
    throw new DatabaseError(`Cannot open the database ${file}: ${(error as Error).message}.`);
  }
  return new Kysely<Tables>({ dialect: new ImmediateSqliteDialect({ database: withStatementCache(connection) }) });
}

/** The server asks the same few dozen queries; preparing one takes longer than running it. */
function withStatementCache(connection: BetterSqlite3.Database): SqliteDatabase {
  const statements = new Map<string, BetterSqlite3.Statement>();
  return {
    close: () => connection.close(),
    prepare(text) {
      let statement = statements.get(text);
      if (statement === undefined) {
        statement = connection.prepare(text);
        statements.set(text, statement);
        // Bulk inserts differ in their number of rows and would pile up.
        if (statements.size > 200) statements.delete(statements.keys().next().value!);
      }
      return statement;
    },
  };
}

/**
 * SQLite transactions that take the write lock when they begin. A deferred one that reads first and writes later fails
 * at once with SQLITE_BUSY when another process (the command line beside the server) has written in between.
 */
class ImmediateSqliteDialect extends SqliteDialect {
  readonly #config: ConstructorParameters<typeof SqliteDialect>[0];
  constructor(config: ConstructorParameters<typeof SqliteDialect>[0]) {
    super(config);
    this.#config = config;
  }
  override createDriver(): Driver {
    return new ImmediateSqliteDriver(this.#config);
  }
  override createAdapter(): SqliteAdapter {
    return new TransactionalSqliteAdapter();
  }
}

/** SQLite can change its schema in a transaction: a process that dies in the middle of the migrations leaves none half done. */
class TransactionalSqliteAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

/** How long another process's lock is waited for. */
const busyPatienceMs = 10_000;

/** The one connection, which asks again while another process holds the file; the event loop goes on meanwhile. */
class BusyRetries implements DatabaseConnection {
  readonly #connection: DatabaseConnection;
  constructor(connection: DatabaseConnection) {
    this.#connection = connection;
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    for (const until = Date.now() + busyPatienceMs; ;) {
      try {
        return await this.#connection.executeQuery<R>(query);
      } catch (error) {
        if (troubleOf(error)?.kind !== 'busy' || Date.now() > until) throw error;
        await new Promise((resolve) => setTimeout(resolve, 10 + Math.random() * 20));
      }
    }
  }

  streamQuery<R>(query: CompiledQuery, chunkSize?: number): AsyncIterableIterator<QueryResult<R>> {
    return this.#connection.streamQuery<R>(query, chunkSize);
  }
}

class ImmediateSqliteDriver extends SqliteDriver {
  override async acquireConnection(): Promise<DatabaseConnection> {
    return new BusyRetries(await super.acquireConnection());
  }

  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin immediate'));
  }

  /** SQLite has rolled back by itself when the disk was full; its word against a second time must not hide the reason. */
  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    await super.rollbackTransaction(connection).catch((error: unknown) => {
      if (!/no transaction is active/.test(String(error))) throw error;
    });
  }
}

/**
 * Every wait is bounded. A process that hangs in a transaction loses it after a quarter of a minute, so that it blocks nobody
 * for longer; who waits for its lock gives up before.
 */
const waits = ['lock_timeout=5s', 'idle_in_transaction_session_timeout=15s', 'statement_timeout=120s']
  .map((setting) => `-c ${setting}`)
  .join(' ');

/** What is asked again and again is sent by name, so that PostgreSQL parses and plans it once a connection. */
function keepPlans(client: pg.PoolClient): void {
  const ask = client.query.bind(client) as (...query: unknown[]) => unknown;
  const named = (text: unknown, values?: unknown, ...rest: unknown[]) => {
    const name = typeof text === 'string' ? statementName(text) : undefined;
    return name === undefined ? ask(text, values, ...rest) : ask({ name, text, values });
  };
  client.query = named as typeof client.query;
}

function openPostgres(url: string): Database {
  const types = new pg.TypeOverrides();
  // Milliseconds and seeds are bigint columns; all of them stay below 2^53.
  types.setTypeParser(pg.types.builtins.INT8, Number);
  const pool = new pg.Pool({ connectionString: url, types, max: 16, connectionTimeoutMillis: 5000, options: waits });
  // A connection that the server ends must not end us, idle or in the middle of a transaction: the query gets its own
  // error, and the next one a fresh connection.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => {
    client.on('error', () => undefined);
    keepPlans(client);
  });
  return new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
}
