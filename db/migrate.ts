/** @file Numbered migrations, applied in order when a database is opened. One is never edited after a release. */
import { Migrator, sql, type Kysely, type Migration } from 'kysely';
import { DatabaseError } from './database-error.ts';
import type { Tables } from './tables.ts';
import { promptSet } from './migrations/0001-prompt-set.ts';
import { model } from './migrations/0002-model.ts';
import { render } from './migrations/0003-render.ts';
import { study } from './migrations/0004-study.ts';
import { vote } from './migrations/0005-vote.ts';
import { session } from './migrations/0006-session.ts';
import { reward } from './migrations/0007-reward.ts';
import { prescreen } from './migrations/0008-prescreen.ts';
import { trainingRun } from './migrations/0009-training-run.ts';
import { expired } from './migrations/0010-expired.ts';
import { lostWorkers } from './migrations/0011-lost-workers.ts';
import { access } from './migrations/0014-access.ts';
import { page } from './migrations/0015-page.ts';
import { ownKey } from './migrations/0016-own-key.ts';
import { visit } from './migrations/0017-visit.ts';
import { point } from './migrations/0018-point.ts';
import { exclusion } from './migrations/0019-exclusion.ts';
import { archive } from './migrations/0020-archive.ts';
import { pairing } from './migrations/0021-pairing.ts';
import { plan } from './migrations/0022-plan.ts';
import { account } from './migrations/0023-account.ts';
import { share } from './migrations/0024-share.ts';
import { imageIndex } from './migrations/0025-image-index.ts';
import { job } from './migrations/0026-job.ts';
import { connection } from './migrations/0027-connection.ts';
import { extraSeats } from './migrations/0029-extra-seats.ts';
import { questions } from './migrations/0030-questions.ts';
import { draft } from './migrations/0031-draft.ts';
import { comment } from './migrations/0032-comment.ts';
import { active } from './migrations/0033-active.ts';
import { voteChanges } from './migrations/0034-vote-changes.ts';
import { thumbnail } from './migrations/0035-thumbnail.ts';
import { recruitment } from './migrations/0028-recruitment.ts';
import { participant } from './migrations/0013-participant.ts';
import { tally } from './migrations/0012-tally.ts';

export const migrations: Record<string, Migration> = {
  '0001-prompt-set': promptSet,
  '0002-model': model,
  '0003-render': render,
  '0004-study': study,
  '0005-vote': vote,
  '0006-session': session,
  '0007-reward': reward,
  '0008-prescreen': prescreen,
  '0009-training-run': trainingRun,
  '0010-expired': expired,
  '0011-lost-workers': lostWorkers,
  '0012-tally': tally,
  '0013-participant': participant,
  '0014-access': access,
  '0015-page': page,
  '0016-own-key': ownKey,
  '0017-visit': visit,
  '0018-point': point,
  '0019-exclusion': exclusion,
  '0020-archive': archive,
  '0021-pairing': pairing,
  '0022-plan': plan,
  '0023-account': account,
  '0024-share': share,
  '0025-image-index': imageIndex,
  '0026-job': job,
  '0027-connection': connection,
  '0028-recruitment': recruitment,
  '0029-extra-seats': extraSeats,
  '0030-questions': questions,
  '0031-draft': draft,
  '0032-comment': comment,
  '0033-active': active,
  '0034-vote-changes': voteChanges,
  '0035-thumbnail': thumbnail,
};

/**
 * Brings the database to this version's schema.
 * @throws DatabaseError when it was written by a newer version: nothing is changed then.
 */
export async function migrate(db: Kysely<Tables>): Promise<void> {
  await requireKnown(db);
  const { error } = await new Migrator({
    db,
    provider: { getMigrations: () => Promise.resolve(migrations) },
  }).migrateToLatest();
  if (error !== undefined) throw error;
}

/** The migrations that a database with something in it still needs; none for an empty one. */
export async function pendingMigrations(db: Kysely<Tables>): Promise<string[]> {
  const applied = await appliedMigrations(db);
  return applied.length === 0 ? [] : Object.keys(migrations).filter((name) => !applied.includes(name));
}

async function requireKnown(db: Kysely<Tables>): Promise<void> {
  const unknown = (await appliedMigrations(db)).filter((name) => !(name in migrations));
  if (unknown.length > 0) {
    throw new DatabaseError(
      `This database was written by a newer visavis (it has ${unknown.join(', ')}); update visavis to open it.`,
    );
  }
}

async function appliedMigrations(db: Kysely<Tables>): Promise<string[]> {
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true });
  if (!tables.some((table) => table.name === 'kysely_migration')) return [];
  const { rows } = await sql<{ name: string }>`select name from kysely_migration`.execute(db);
  return rows.map((row) => row.name);
}
