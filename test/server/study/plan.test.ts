/** @file A plan is frozen with its hash, its departures are told, and a study that ends by its e-value does. */
import { createHash, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { planSchema } from '../../../contract/plan.ts';
import { listAuditEntries } from '../../../db/queries/audit.ts';
import type { Database } from '../../../db/open.ts';
import { pairOfAssignment } from '../../../db/queries/assignments.ts';
import { ImageStore } from '../../../evaluator/engine/images/store.ts';
import { bundleStudy } from '../../../server/bundle/bundle.ts';
import { verifyBundle } from '../../../server/bundle/verify.ts';
import { joinStudy, nextAssignment } from '../../../server/study/assignments.ts';
import { createStudy } from '../../../server/study/design.ts';
import { excludeAnnotator } from '../../../server/study/exclusions.ts';
import { changeState } from '../../../server/study/lifecycle.ts';
import { canonicalJson, planText } from '../../../server/study/plan.ts';
import { reveal } from '../../../server/study/reveal.ts';
import { closeDecided } from '../../../server/study/sequential.ts';
import { designOf, parseStudyFile, studyFile, yamlOf } from '../../../server/study/study-file.ts';
import { studySummary } from '../../../server/study/summary.ts';
import { castVote } from '../../../server/study/votes.ts';
import { onBothEngines } from '../../support/databases.ts';
import { temporaryFolder } from '../../support/folders.ts';
import { openStudyOf, reportOfTwo } from '../../support/studies.ts';

const times = { leaseMs: 60_000, graceMs: 5_000 };
const design = { votesPerPair: 1, criteria: ['general' as const] };
const base = { prompts: 'prompts', models: ['aardvark', 'buffalo'], ties: false, seed: 0, ...design };

/** Somebody votes for A on so many pairs. */
async function forA(db: Database, token: string, participant: string, pairs: number): Promise<void> {
  const person = await joinStudy(db, { token, participant });
  for (let i = 0; i < pairs; i++) {
    const given = (await nextAssignment(db, person, times))!;
    const { sideA } = await pairOfAssignment(db, given.id);
    const vote = { voteId: randomUUID(), assignmentId: given.id, criterion: 'general' as const, responseTimeMs: 900 };
    await castVote(db, person, { ...vote, choice: sideA }, times);
  }
}

onBothEngines('a plan', (fresh) => {
  it('is hashed with all that was decided, before the first vote, and stands in the log', async () => {
    const { db } = await fresh();
    const plan = planSchema.parse({ primary: 'general', exclusions: 'two of three gold pairs wrong' });
    const { dataFolder, token } = await openStudyOf(db, { pairs: 4, ...design, plan });
    const file = await studyFile(db, 'study');
    // By hand: keys in their order, no spaces.
    const canonical =
      '{"criteria":["general"],"modelA":"aardvark","modelB":"buffalo","name":"study","plan":{"alpha":0.05,"exclusions":"two of three gold pairs wrong","hypothesis":"superiority","primary":"general","stopping":"fixed"},"promptSet":"prompts","seed":0,"ties":false,"votesPerPair":1}';
    expect(canonicalJson(file)).toBe(canonical);
    const sha256 = createHash('sha256').update(canonical).digest('hex');
    expect((await studySummary(db, 'study')).planSha256).toBe(sha256);
    const log = (await listAuditEntries(db)).map(({ action }) => action);
    expect(log).toEqual(['study create', `study plan ${sha256}`, 'study open']);
    expect(planText(file, sha256)).toContain(canonical);
    // The file makes the same study, with the same hash but for the name.
    const again = await createStudy(db, { ...designOf(parseStudyFile(yamlOf(file), 'f')), name: 'again' });
    expect(again.study.plan).toEqual(plan);
    expect(again.study.planSha256).toBe(
      createHash('sha256').update(canonical.replace('"study"', '"again"')).digest('hex'),
    );
    const report = await reportOfTwo(db, 'study');
    expect(report.plan).toMatchObject({ sha256, verdicts: [{ verdict: 'open' }], departures: [], published: null });
    await forA(db, token, 'ann', 1);
    const out = join(temporaryFolder(), 'study.zip');
    await bundleStudy(db, new ImageStore(dataFolder), 'study', { out, version: '9.9.9' });
    expect((await verifyBundle(out)).differences).toEqual([]);
  });

  it('that was left is told: early, watched, opened again, somebody left out', async () => {
    const { db } = await fresh();
    const plan = planSchema.parse({ primary: 'general' });
    const { token } = await openStudyOf(db, { pairs: 6, ...design, plan });
    await forA(db, token, 'ann', 2);
    await forA(db, token, 'bob', 1);
    // What was done to another study is none of this one's.
    await createStudy(db, { ...base, name: 'other' });
    await changeState(db, 'other', 'closed');
    await changeState(db, 'other', 'open');
    await reveal(db, 'study');
    await changeState(db, 'study', 'closed');
    await changeState(db, 'study', 'open');
    await changeState(db, 'study', 'paused');
    await changeState(db, 'study', 'open');
    await changeState(db, 'study', 'closed');
    await excludeAnnotator(db, 'study', 'bob', 'a reason');
    expect((await reportOfTwo(db, 'study')).plan!.departures).toEqual([
      'stopped 3 pairs early',
      'running results were seen once',
      'opened again after it was closed, once',
      'one annotator was left out without a rule for it',
    ]);
  });

  it('is not departed from by looking once all votes are in', async () => {
    const { db } = await fresh();
    const { token } = await openStudyOf(db, { pairs: 4, ...design, plan: planSchema.parse({ primary: 'general' }) });
    await forA(db, token, 'ann', 4);
    await reveal(db, 'study');
    expect((await studySummary(db, 'study')).running).toBe(false);
    expect((await reportOfTwo(db, 'study')).plan!.departures).toEqual([]);
  });

  it('that ends by its e-value closes the study when it is reached, and no other', async () => {
    const { db } = await fresh();
    const plan = planSchema.parse({ primary: 'general', stopping: 'e-value' });
    const { token } = await openStudyOf(db, { pairs: 12, ...design, plan });
    await forA(db, token, 'ann', 7);
    // 7 to none: 2⁷/8 = 16.
    expect(await closeDecided(db)).toEqual({ closed: [], failed: [] });
    await forA(db, token, 'ann', 1);
    expect(await closeDecided(db)).toEqual({ closed: ['study'], failed: [] });
    expect((await studySummary(db, 'study')).state).toBe('closed');
    expect((await listAuditEntries(db)).at(-1)).toMatchObject({
      actor: 'plan',
      action: 'study closed',
      subject: 'study',
    });
    expect((await reportOfTwo(db, 'study')).plan).toMatchObject({ verdicts: [{ verdict: 'holds' }], departures: [] });
    const other = await fresh();
    const fixed = await openStudyOf(other.db, { pairs: 12, ...design, plan: planSchema.parse({ primary: 'general' }) });
    await forA(other.db, fixed.token, 'ann', 9);
    expect(await closeDecided(other.db)).toEqual({ closed: [], failed: [] });
  });

  it('that replicates a paper shows its figure beside ours, and must be what the paper did', async () => {
    const { db } = await fresh();
    const plan = planSchema.parse({ primary: 'general' });
    await openStudyOf(db, { pairs: 3, preset: 'ncp', plan });
    expect((await reportOfTwo(db, 'study')).plan!.published).toMatchObject({
      value: 0.646,
      paper: expect.stringContaining('2406.17636'),
    });
    await expect(createStudy(db, { ...base, name: 'x', preset: 'ncp' })).rejects.toThrow(
      'the preset ncp has 3 votes a pair, not 1',
    );
    await expect(
      createStudy(db, { ...base, name: 'x', plan: planSchema.parse({ primary: 'appeal' }) }),
    ).rejects.toThrow('primary criterion is appeal, which the study does not ask');
    await expect(
      createStudy(db, {
        ...base,
        name: 'x',
        models: ['aardvark', 'buffalo', 'cat'],
        plan: planSchema.parse({ primary: 'general', stopping: 'e-value' }),
      }),
    ).rejects.toThrow('more than two models');
  });
});
