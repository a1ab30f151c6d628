/** @file Queries on limits: how often something was done in a span of time, over all processes of the database. */
import { sql } from 'kysely';
import type { Database } from '../open.ts';

/**
 * Counts one more. Who waited for the database counts by an earlier clock than whoever was faster: only a span that ends much later than
 * one that begins now was written before the clock was set back, and begins anew.
 * @returns how many there are in the span that is under way
 */
export async function countTry(
  db: Database,
  { what, spanMs, now }: { what: string; spanMs: number; now: number },
): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    insert into tries (what, count, ends_at) values (${what}, 1, ${now + spanMs})
    on conflict (what) do update set
      count = case when tries.ends_at <= ${now} or tries.ends_at > ${now + 2 * spanMs} then 1 else tries.count + 1 end,
      ends_at = case when tries.ends_at <= ${now} or tries.ends_at > ${now + 2 * spanMs} then excluded.ends_at
                     else tries.ends_at end
    returning count`.execute(db);
  return rows[0]!.count;
}

/** Forgets spans that are over. */
export async function forgetTries(db: Database, now: number): Promise<void> {
  await db.deleteFrom('tries').where('ends_at', '<=', now).execute();
}
