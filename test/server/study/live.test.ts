/** @file How a study goes at this moment, counted by hand; nothing of which model wins is told. */
import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { liveSchema } from '../../../contract/research.ts';
import { visitSchema, type VisitStep } from '../../../contract/visit.ts';
import type { VoteInput } from '../../../contract/annotate.ts';
import { joinStudy, nextAssignment } from '../../../server/study/assignments.ts';
import { studyLive } from '../../../server/study/live.ts';
import { takeStep } from '../../../server/study/visit.ts';
import { castVote } from '../../../server/study/votes.ts';
import { onBothEngines } from '../../support/databases.ts';
import { openStudyOf } from '../../support/studies.ts';

const times = { leaseMs: 3_600_000, graceMs: 5_000 };
const minute = 60_000;

onBothEngines('live', (fresh) => {
  it('pace, people, time left, drop-out and pairs done', async () => {
    const { db } = await fresh();
    const { token } = await openStudyOf(db, {
      ...{ pairs: 10, criteria: ['general', 'alignment'], votesPerPair: 2 },
      visit: visitSchema.parse({ welcome: 'Hello', consent: 'Agree', repeat: { every: 2 } }),
    });
    const start = Date.now();
    const before = await studyLive(db, 'study', start);
    expect(before).toMatchObject({ atWork: 0, votesPerHour: null, hoursLeft: null, medianSeconds: null, pairs: 10 });
    expect(before.people).toEqual({
      ...{ came: 0, voted: 0, ends: [] },
      steps: [
        { step: 'welcome', people: 0 },
        { step: 'consent', people: 0 },
      ],
    });

    const person = async (name: string, steps: VisitStep[]) => {
      const annotator = await joinStudy(db, { token, participant: name });
      for (const step of steps) await takeStep(db, annotator, step, times, start);
      return annotator;
    };
    const welcome: VisitStep = { step: 'welcome' };
    const yes = { step: 'consent', agreed: true } as VisitStep;
    const ann = await person('ann', [welcome, yes]);
    const bob = await person('bob', [welcome, yes]);
    await person('cyd', [welcome]);
    await person('dan', [welcome, { step: 'consent', agreed: false } as VisitStep]);
    await person('eve', []);

    // Ann answers two pairs after 90 and 61 minutes ago, then the repeat; bob begins one.
    const answer = async (who: typeof ann, at: number, ms: number) => {
      const given = (await nextAssignment(db, who, times, at))!;
      for (const criterion of given.criteria) {
        const vote = { voteId: randomUUID(), assignmentId: given.id, criterion, choice: 'left', responseTimeMs: ms };
        await castVote(db, who, vote as VoteInput, times, at);
      }
      return given;
    };
    await answer(ann, start, 9000);
    await answer(ann, start + 31 * minute, 2000);
    await answer(ann, start + 32 * minute, 7000); // The repeat: no vote of the plan.
    await nextAssignment(db, bob, times, start + 40 * minute);

    // 90 minutes after the first: the last hour holds the second pair's two votes.
    const now = start + 90 * minute;
    const live = await studyLive(db, 'study', now);
    expect(liveSchema.parse(live)).toEqual(live);
    expect(live).toMatchObject({
      ...{ atWork: 1, votesPerHour: 2, medianSeconds: 2, flagged: 0 },
      // 10 · 2 · 2 less the four that count, at two an hour.
      hoursLeft: 18,
      criteria: [
        { criterion: 'general', votes: 2, pairsDone: 0 },
        { criterion: 'alignment', votes: 2, pairsDone: 0 },
      ],
    });
    expect(live.people).toMatchObject({
      ...{ came: 5, voted: 1 },
      steps: [
        { step: 'welcome', people: 4 },
        { step: 'consent', people: 2 },
      ],
      ends: [{ reason: 'no-consent', people: 1 }],
    });
    // Ten minutes after the first the pace is over ten minutes: two votes are twelve an hour.
    expect((await studyLive(db, 'study', start + 10 * minute)).votesPerHour).toBeGreaterThanOrEqual(12);

    // Bob votes on all; what ann did is then done.
    for (let i = 0; i < 40; i++) {
      if ((await nextAssignment(db, bob, times, now)) === null) break;
      await answer(bob, now, 3000);
    }
    const later = await studyLive(db, 'study', now);
    expect(later.criteria.map(({ pairsDone }) => pairsDone)).toEqual([2, 2]);
    expect(JSON.stringify(later)).not.toMatch(/aardvark|buffalo|"a"|"b"/);
  });
});
