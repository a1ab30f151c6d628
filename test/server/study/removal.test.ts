/** @file Deleting a study: nothing of it is left in any table, and nothing of another one is touched. */
import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { expect, it } from 'vitest';
import { isPostgres } from '../../../db/engine.ts';
import type { Database } from '../../../db/open.ts';
import { insertRecruitment, linkSubmission } from '../../../db/queries/recruitments.ts';
import { readAudit } from '../../../server/access/audit.ts';
import { claim, joinStudy, nextAssignment, reportProblem } from '../../../server/study/assignments.ts';
import { createStudy } from '../../../server/study/design.ts';
import { excludeAnnotator } from '../../../server/study/exclusions.ts';
import { changeState } from '../../../server/study/lifecycle.ts';
import { removeStudy } from '../../../server/study/removal.ts';
import { shareReport } from '../../../server/study/shares.ts';
import { castVote, undoLast } from '../../../server/study/votes.ts';
import { insertStep } from '../../../db/queries/visits.ts';
import { findStudy } from '../../../db/queries/studies.ts';
import { onBothEngines } from '../../support/databases.ts';
import { openStudyOf } from '../../support/studies.ts';

const times = { leaseMs: 60_000, graceMs: 5_000 };

/** Every row of every table but the log. */
async function everything(db: Database): Promise<Map<string, string[]>> {
  const names = isPostgres(db)
    ? await sql<{ name: string }>`select tablename as name from pg_tables where schemaname = current_schema()`.execute(
        db,
      )
    : await sql<{ name: string }>`select name from sqlite_master where type = 'table'`.execute(db);
  const found = new Map<string, string[]>();
  for (const { name } of names.rows.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (name === 'audit' || name.startsWith('sqlite_')) continue;
    const { rows } = await sql<object>`select * from ${sql.table(name)}`.execute(db);
    found.set(name, rows.map((row) => JSON.stringify(row)).sort());
  }
  return found;
}

/** All that may come to be of a study. */
async function live(db: Database, token: string, name: string): Promise<void> {
  const ann = await joinStudy(db, { token, participant: 'ann' });
  const secret = { since: undefined, secretHash: null };
  await claim(db, ann, { ...secret, takeOver: false });
  await claim(db, { ...ann, keyedAt: 1 }, { ...secret, takeOver: true });
  await insertStep(db, { annotatorId: ann.id, position: 0, step: 'welcome', answer: {}, createdAt: 1 });
  for (let i = 0; i < 2; i++) {
    const { id: assignmentId } = (await nextAssignment(db, ann, times))!;
    const vote = { voteId: randomUUID(), assignmentId, criterion: 'general' as const, choice: 'left' as const };
    await castVote(db, ann, { ...vote, responseTimeMs: 500 }, times);
  }
  await undoLast(db, ann, times);
  const { id } = (await nextAssignment(db, ann, times))!;
  await reportProblem(db, ann, { assignmentId: id, reason: 'blurry' });
  await excludeAnnotator(db, name, 'ann', 'random');
  await shareReport(db, name, { days: 1, label: '' }, 'me');
  const study = (await findStudy(db, name))!;
  await insertRecruitment(
    db,
    {
      ...{
        studyId: study.id,
        remoteId: `remote ${name}`,
        settings: {},
        codes: {},
        reward: 1,
        places: 1,
        placesTaken: 0,
      },
      ...{ status: 'ACTIVE', problem: null, createdAt: 1, lookedAt: null },
    },
    0,
  );
  await linkSubmission(db, {
    id: `session ${name}`,
    studyId: study.id,
    annotatorId: ann.id,
    remoteStudy: null,
    now: 1,
  });
}

onBothEngines('a study that is deleted', (fresh) => {
  it('leaves nothing, and another one as it is', async () => {
    const { db } = await fresh();
    const other = await openStudyOf(db, { pairs: 3, name: 'other', votesPerPair: 1, criteria: ['general'] });
    await live(db, other.token, 'other');
    const before = await everything(db);
    const design = { prompts: 'prompts', models: ['aardvark', 'buffalo'], votesPerPair: 1, ties: false, seed: 0 };
    const { study } = await createStudy(db, { ...design, name: 'study', criteria: ['general'] });
    await changeState(db, 'study', 'open');
    await live(db, study.inviteToken, 'study');
    // Every table that a study has rows in has some of this one.
    const during = await everything(db);
    const grown = [...during].filter(([name, rows]) => rows.length > before.get(name)!.length).map(([name]) => name);
    expect(grown).toEqual([
      ...['annotator', 'assignment', 'exclusion', 'pair', 'pairing', 'problem', 'recruitment', 'retraction', 'seat'],
      ...['share', 'slot', 'study', 'submission', 'take_over', 'tally', 'visit_step', 'vote'],
    ]);

    await expect(removeStudy(db, 'study', 'Study')).rejects.toThrow('Type the study\'s name, "study"');
    await expect(removeStudy(db, 'study', 'study')).rejects.toThrow('is open; close it first');
    await changeState(db, 'study', 'closed');
    await expect(removeStudy(db, 'study', 'study')).rejects.toThrow('on Prolific (ACTIVE)');
    await db.updateTable('recruitment').set({ status: 'COMPLETED' }).where('study_id', '=', study.id).execute();
    expect(await removeStudy(db, 'study', 'study')).toBe(1);
    expect(await everything(db)).toEqual(before);
    expect((await readAudit(db)).entries.at(-1)).toMatchObject({ action: 'study delete', subject: 'study: 1 vote' });
    await expect(removeStudy(db, 'study', 'study')).rejects.toThrow('There is no study named "study"');
  });
});
