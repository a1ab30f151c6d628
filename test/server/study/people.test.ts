/** @file One participant's data: all of it comes out, and their name goes without changing a number. */
import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { visitSchema } from '../../../contract/visit.ts';
import { brokenAt } from '../../../server/access/audit.ts';
import { listAuditEntries } from '../../../db/queries/audit.ts';
import type { Database } from '../../../db/open.ts';
import { joinStudy, nextAssignment } from '../../../server/study/assignments.ts';
import { excludeAnnotator } from '../../../server/study/exclusions.ts';
import { eraseParticipant, participantData } from '../../../server/study/people.ts';
import { recount } from '../../../server/study/recount.ts';
import { takeStep } from '../../../server/study/visit.ts';
import { castVote, undoLast } from '../../../server/study/votes.ts';
import { onBothEngines } from '../../support/databases.ts';
import { openStudyOf, reportOfTwo } from '../../support/studies.ts';

const times = { leaseMs: 60_000, graceMs: 5_000 };
const id = '5f8e~worker';

async function studied(db: Database) {
  const visit = visitSchema.parse({
    about: { researcher: 'Lab' },
    consent: 'Yes?',
    device: { minWidth: 100 },
    survey: [{ question: 'Anything to say?' }],
  });
  const { token } = await openStudyOf(db, { pairs: 3, votesPerPair: 2, criteria: ['general'], visit });
  for (const participant of [id, 'other']) {
    const person = await joinStudy(db, { token, participant });
    await takeStep(db, person, { step: 'welcome', language: 'de' }, times);
    await takeStep(db, person, { step: 'consent', agreed: true }, times);
    await takeStep(db, person, { step: 'device', width: 1234, height: 700, colorDepth: 24 }, times);
    for (let i = 0; i < 2; i++) {
      const given = (await nextAssignment(db, person, times))!;
      const vote = {
        voteId: randomUUID(),
        assignmentId: given.id,
        criterion: 'general' as const,
        choice: 'left' as const,
      };
      await castVote(db, person, { ...vote, responseTimeMs: 700 + i }, times);
    }
    if (participant === id) await undoLast(db, person, times);
  }
  await excludeAnnotator(db, 'study', id, 'too fast');
}

onBothEngines('a participant', (fresh) => {
  it('gets all that is stored of them', async () => {
    const { db } = await fresh();
    await studied(db);
    const data = await participantData(db, id);
    expect(data).toMatchObject({
      participant: id,
      studies: [{ study: 'study', exclusions: [{ reason: 'too fast' }], takeOvers: [], problems: [] }],
    });
    const [study] = data.studies;
    expect(study!.steps.map(({ step }) => step)).toEqual(['welcome', 'consent', 'device']);
    expect(JSON.stringify(study!.steps)).toContain('1234');
    expect(study!.votes).toMatchObject([
      { criterion: 'general', choice: 'left', responseTimeMs: 700, retractedAt: null },
      { criterion: 'general', choice: 'left', responseTimeMs: 701 },
    ]);
    expect(study!.votes[1]!.retractedAt).not.toBeNull();
    await expect(participantData(db, 'nobody')).rejects.toThrow('Nobody took part as "nobody".');
    await expect(participantData(db, id, 'elsewhere')).rejects.toThrow('in "elsewhere"');
  });

  it('is erased: nowhere in the database, while every number and the log’s chain stay', async () => {
    const { db } = await fresh();
    await studied(db);
    const secret = 'hash~of~their~secret';
    await db.updateTable('annotator').set({ secret_hash: secret }).where('participant', '=', id).execute();
    const before = await reportOfTwo(db, 'study');
    const [erased] = await eraseParticipant(db, id);
    expect(erased!.pseudonym).toMatch(/^erased-/);
    for (const table of await db.introspection.getTables()) {
      const rows = await db
        .selectFrom(table.name as 'vote')
        .selectAll()
        .execute();
      for (const theirs of [id, secret]) expect(JSON.stringify(rows), table.name).not.toContain(theirs);
    }
    const rest = await participantData(db, erased!.pseudonym);
    expect(rest.studies[0]!.steps.map(({ answer }) => answer)).toEqual([
      {},
      expect.objectContaining({ agreed: true }),
      {},
    ]);
    expect(JSON.stringify((await participantData(db, 'other')).studies[0]!.steps)).toContain('1234');
    const after = await reportOfTwo(db, 'study');
    const unnamed = ({ annotators, ...report }: typeof before) => ({
      ...report,
      annotators: annotators.map((person) => ({ ...person, id: '' })).sort((x, y) => x.votes - y.votes),
    });
    expect(unnamed(after)).toEqual(unnamed(before));
    expect((await recount(db, 'study')).corrected).toEqual([]);
    const log = await listAuditEntries(db);
    expect(log.at(-1)).toMatchObject({ action: 'participant erase' });
    expect(brokenAt(log)).toBeNull();
    await expect(eraseParticipant(db, id)).rejects.toMatchObject({ code: 'not-found' });
  });
});
