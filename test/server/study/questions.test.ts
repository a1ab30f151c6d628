/** @file What is asked beyond the paper's three questions: a study's own, in an order that turns, split over people, with "both bad". */
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { askingOrder, nameOfCriterion, rotatedOrder, type OwnCriterion } from '../../../contract/criteria.ts';
import { visitSchema } from '../../../contract/visit.ts';
import type { AssignmentView, VoteInput } from '../../../contract/annotate.ts';
import type { Report } from '../../../contract/report.ts';
import type { Database } from '../../../db/open.ts';
import type { Annotator } from '../../../db/queries/assignments.ts';
import { analyzeAny } from '../../../evaluator/votes/analyze.ts';
import { aboutStudy } from '../../../server/report/about.ts';
import { methods } from '../../../server/report/methods.ts';
import { joinStudy, nextAssignment } from '../../../server/study/assignments.ts';
import { excludeAnnotator } from '../../../server/study/exclusions.ts';
import { exportVotes } from '../../../server/study/exports.ts';
import { seatsOf } from '../../../server/study/seats.ts';
import { reopenSeats } from '../../../server/study/extra-seats.ts';
import { parseStudyFile, studyFile, yamlOf } from '../../../server/study/study-file.ts';
import { studyReport } from '../../../server/study/study-report.ts';
import { studySummary } from '../../../server/study/summary.ts';
import { lookAtVisit } from '../../../server/study/visit.ts';
import { castVote } from '../../../server/study/votes.ts';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onBothEngines } from '../../support/databases.ts';
import { temporaryFolder } from '../../support/folders.ts';
import { openStudyOf } from '../../support/studies.ts';

const times = { leaseMs: 60_000, graceMs: 5_000 };
const sharp: OwnCriterion = {
  id: 'fewer-artefacts',
  question: { en: 'Which image has fewer artefacts?', de: 'Welches Bild hat weniger Fehler?' },
  help: 'Extra fingers, seams, smears.',
  hidesPrompt: true,
};
const counts: OwnCriterion = {
  id: 'counting',
  question: 'Which image has the right number of things?',
  hidesPrompt: false,
};

describe('the order of questions', () => {
  it('those that hide the prompt first, the paper’s before the study’s own, as they stand', () => {
    expect(askingOrder(['alignment', 'general', 'appeal'])).toEqual(['appeal', 'general', 'alignment']);
    expect(askingOrder(['counting', 'general', 'fewer-artefacts', 'appeal'], [counts, sharp])).toEqual([
      ...['appeal', 'fewer-artefacts', 'general', 'counting'],
    ]);
  });
  it('turns within those that hide the prompt and within the others; all combinations come equally often', () => {
    const asked = ['appeal', 'fewer-artefacts', 'general', 'alignment', 'counting'];
    const orders = Array.from({ length: 6 }, (_, turn) => rotatedOrder(asked, [sharp, counts], turn).join(' '));
    expect(orders).toEqual([
      'appeal fewer-artefacts general alignment counting',
      'fewer-artefacts appeal general alignment counting',
      'appeal fewer-artefacts alignment counting general',
      'fewer-artefacts appeal alignment counting general',
      'appeal fewer-artefacts counting general alignment',
      'fewer-artefacts appeal counting general alignment',
    ]);
    expect(rotatedOrder(asked, [sharp, counts], 6).join(' ')).toBe(orders[0]);
    expect(rotatedOrder(['general', 'alignment'], [], 1)).toEqual(['alignment', 'general']);
    expect(rotatedOrder(['appeal'], [], 7)).toEqual(['appeal']);
  });
  it('names are for people; what a foreign file calls otherwise stays as it is', () => {
    expect(['general', 'fewer-artefacts', 'counting', 'CLIP_score', ''].map(nameOfCriterion)).toEqual([
      ...['General preference', 'Fewer artefacts', 'Counting', 'CLIP_score', ''],
    ]);
  });
});

it('the places at a pair: the criteria in turn, and within each A’s side in turn', () => {
  const pair = { id: 'p', studyId: 's', position: 4 } as Parameters<typeof seatsOf>[1];
  const places = (study: Parameters<typeof seatsOf>[0], leftFirst: boolean) =>
    seatsOf(study, pair, leftFirst).map(({ criterion, sideA }) => `${criterion} ${sideA}`);
  expect(places({ votesPerPair: 2, split: true, criteria: ['appeal', 'general'] }, true)).toEqual([
    ...['appeal left', 'general left', 'appeal right', 'general right'],
  ]);
  expect(places({ votesPerPair: 3, split: false, criteria: ['appeal', 'general'] }, false)).toEqual([
    ...['null right', 'null left', 'null right'],
  ]);
});

onBothEngines('questions', (fresh) => {
  const cast = (db: Database, person: Annotator, assignment: AssignmentView, vote: Partial<VoteInput>) =>
    castVote(
      db,
      person,
      {
        voteId: randomUUID(),
        assignmentId: assignment.id,
        criterion: '',
        choice: 'left',
        responseTimeMs: 900,
        ...vote,
      },
      times,
    );
  /** Answers what comes until nothing is left. @returns the criteria of each pair, by its place */
  async function workThrough(db: Database, person: Annotator, choice: VoteInput['choice'] = 'left') {
    const seen: string[][] = [];
    for (;;) {
      const assignment = await nextAssignment(db, person, times);
      if (assignment === null) return seen;
      seen.push(assignment.criteria);
      for (const criterion of assignment.criteria) await cast(db, person, assignment, { criterion, choice });
    }
  }

  it('of the study’s own are asked, told in the person’s language, counted, reported and exported', async () => {
    const { db } = await fresh();
    const { token } = await openStudyOf(db, {
      pairs: 4,
      votesPerPair: 1,
      criteria: ['counting', 'general', 'appeal', 'fewer-artefacts'],
      ownCriteria: [counts, sharp],
      visit: visitSchema.parse({ languages: ['en', 'de'] }),
    });
    const ann = await joinStudy(db, { token, participant: 'ann' });
    expect((await lookAtVisit(db, ann, 'de')).questions).toEqual([
      { id: 'counting', question: counts.question, hidesPrompt: false },
      { id: 'fewer-artefacts', question: 'Welches Bild hat weniger Fehler?', help: sharp.help, hidesPrompt: true },
    ]);
    const first = (await nextAssignment(db, ann, times))!;
    expect(first.criteria).toEqual(['appeal', 'fewer-artefacts', 'general', 'counting']);
    // Hidden while the two that hide it are asked, however much is answered between.
    expect(first.prompt).toBeNull();
    const after = await cast(db, ann, first, { criterion: 'appeal' });
    expect(after.prompt).toBeNull();
    expect((await cast(db, ann, first, { criterion: 'fewer-artefacts' })).prompt).toMatch(/^prompt \d$/);
    await expect(cast(db, ann, first, { criterion: 'alignment' })).rejects.toMatchObject({ code: 'bad-request' });
    await expect(cast(db, ann, first, { criterion: 'beauty' })).rejects.toThrow('does not ask about "beauty"');
    await workThrough(db, ann);
    const report = (await studyReport(db, 'study')) as Report;
    expect(report.criteria.map(({ criterion, decided }) => [criterion, decided])).toEqual([
      ...[
        ['appeal', 4],
        ['fewer-artefacts', 4],
        ['general', 4],
        ['counting', 4],
      ],
    ]);
    const words = methods(await aboutStudy(db, 'study'), report, '1').join('\n');
    expect(words).toContain('“Which image has fewer artefacts?”, “Which image do you prefer given the prompt?”');
    expect(words).toContain('Visual appeal and fewer artefacts were judged before the prompt was shown.');
    const out = join(temporaryFolder(), 'votes.csv');
    const { content } = await exportVotes(db, 'study', { format: 'votes-csv', out, dataFolder: temporaryFolder() });
    await writeFile(out, content);
    const again = (await analyzeAny(out)) as Report;
    // In the order in which they are asked.
    const rates = ({ criteria }: Report) => criteria.map(({ criterion, wins, losses }) => [criterion, wins, losses]);
    expect(rates(again)).toEqual(rates(report));
  });

  it('are a part of the study’s file, exactly', async () => {
    const { db } = await fresh();
    await openStudyOf(db, {
      pairs: 2,
      criteria: ['appeal', 'fewer-artefacts', 'counting'],
      ownCriteria: [sharp, counts],
      ties: true,
      bothBad: true,
      split: true,
    });
    const yaml = yamlOf(await studyFile(db, 'study'));
    expect(yaml).toContain(
      'criteria:\n  - appeal\n  - id: fewer-artefacts\n    question:\n      en: Which image has fewer artefacts?\n      de: Welches Bild hat weniger Fehler?\n    help: Extra fingers, seams, smears.\n    hidesPrompt: true\n  - id: counting\n',
    );
    expect(yaml).toContain('ties: true\nbothBad: true\nsplit: true\n');
    expect(yamlOf(parseStudyFile(yaml, 'x'))).toBe(yaml);
  });

  it('turn for each annotator where the study says so, and keep their place for one', async () => {
    const { db } = await fresh();
    const { token } = await openStudyOf(db, {
      pairs: 2,
      votesPerPair: 12,
      criteria: ['appeal', 'general', 'alignment'],
      visit: visitSchema.parse({ order: 'rotated' }),
    });
    const seen = new Set<string>();
    for (let i = 0; i < 12; i++) {
      const person = await joinStudy(db, { token, participant: `p${i}` });
      const orders = (await workThrough(db, person)).map((criteria) => criteria.join());
      expect(orders[1]).toBe(orders[0]);
      seen.add(orders[0]!);
    }
    // One of both alone would be a chance of 2 in 4096.
    expect([...seen].sort()).toEqual(['appeal,alignment,general', 'appeal,general,alignment']);
  });

  it('say that both are bad: a tie that is counted apart, without those who are left out', async () => {
    const { db } = await fresh();
    const { token } = await openStudyOf(db, {
      pairs: 3,
      votesPerPair: 2,
      criteria: ['general'],
      ties: true,
      bothBad: true,
    });
    const [ann, bob] = [
      await joinStudy(db, { token, participant: 'ann' }),
      await joinStudy(db, { token, participant: 'bob' }),
    ];
    const first = (await nextAssignment(db, ann, times))!;
    expect(first).toMatchObject({ ties: true, bothBad: true });
    const bad = { criterion: 'general', choice: 'tie' as const, bothBad: true };
    await expect(cast(db, ann, first, { ...bad, choice: 'left' })).rejects.toMatchObject({ code: 'bad-request' });
    const voteId = randomUUID();
    await cast(db, ann, first, { ...bad, voteId });
    // The same again; as a mere tie it would be another vote.
    expect(await cast(db, ann, first, { ...bad, voteId })).toMatchObject({ counted: true });
    await expect(cast(db, ann, first, { ...bad, bothBad: false, voteId })).rejects.toMatchObject({
      code: 'vote-id-reused',
    });
    await workThrough(db, ann, 'tie');
    for (const _ of [1, 2]) await cast(db, bob, (await nextAssignment(db, bob, times))!, bad);
    await cast(db, bob, (await nextAssignment(db, bob, times))!, { criterion: 'general', choice: 'left' });
    const votes = async () => ((await studyReport(db, 'study')) as Report).criteria[0]!.votes;
    expect(await votes()).toMatchObject({ tie: 5, bothBad: 3 });
    const out = join(temporaryFolder(), 'arena.csv');
    const { content } = await exportVotes(db, 'study', { format: 'arena', out, dataFolder: temporaryFolder() });
    await writeFile(out, content);
    expect(((await analyzeAny(out)) as Report).criteria[0]!.votes).toMatchObject({ tie: 5, bothBad: 3 });
    await excludeAnnotator(db, 'study', 'ann', 'test');
    expect(await votes()).toMatchObject({ tie: 2, bothBad: 2 });
  });

  it('a tie alone cannot be because both are bad where the study does not ask', async () => {
    const { db } = await fresh();
    const { token } = await openStudyOf(db, { pairs: 1, criteria: ['general'], ties: true });
    const ann = await joinStudy(db, { token, participant: 'ann' });
    const first = (await nextAssignment(db, ann, times))!;
    expect(first).not.toHaveProperty('bothBad');
    const bad = { criterion: 'general', choice: 'tie' as const, bothBad: true };
    await expect(cast(db, ann, first, bad)).rejects.toMatchObject({ code: 'bad-request' });
  });

  it('split over annotators: each answers one of a pair, each gets k, sides in turn within each', async () => {
    const { db } = await fresh();
    const { token } = await openStudyOf(db, {
      pairs: 4,
      votesPerPair: 2,
      criteria: ['appeal', 'general', 'alignment'],
      split: true,
    });
    const people: Annotator[] = [];
    for (let i = 0; i < 6; i++) {
      people.push(await joinStudy(db, { token, participant: `p${i}` }));
      const criteria = await workThrough(db, people[i]!);
      expect(criteria).toHaveLength(4);
      for (const asked of criteria) expect(asked).toHaveLength(1);
    }
    // Nobody is needed any more: 4 pairs × 3 criteria × 2 votes.
    expect(await nextAssignment(db, await joinStudy(db, { token, participant: 'late' }), times)).toBeNull();
    const rows = await db
      .selectFrom('vote as v')
      .innerJoin('assignment as x', 'x.id', 'v.assignment_id')
      .select(['x.pair_id', 'v.criterion', 'x.side_a', 'v.annotator_id'])
      .execute();
    expect(rows).toHaveLength(24);
    const places = new Map<string, { side_a: string }[]>();
    for (const row of rows) {
      const key = `${row.pair_id} ${row.criterion}`;
      places.set(key, [...(places.get(key) ?? []), row]);
    }
    for (const both of places.values()) expect(both.map(({ side_a }) => side_a).sort()).toEqual(['left', 'right']);
    expect(new Set(rows.map((row) => `${row.pair_id} ${row.annotator_id}`)).size).toBe(24);
    const report = (await studyReport(db, 'study')) as Report;
    expect(report.criteria.map(({ decided, incomplete }) => [decided, incomplete])).toEqual([
      [4, 0],
      [4, 0],
      [4, 0],
    ]);
    expect(await studySummary(db, 'study')).toMatchObject({ votes: 24, votesNeeded: 24 });

    // Whoever is left out had one question of each pair: others are asked the same ones.
    const theirs = rows
      .filter((row) => row.annotator_id === people[0]!.id)
      .map((row) => `${row.pair_id} ${row.criterion}`);
    await excludeAnnotator(db, 'study', 'p0', 'test');
    expect(await reopenSeats(db, 'study')).toMatchObject({ opened: 4 });
    expect(await studySummary(db, 'study')).toMatchObject({ votesNeeded: 28 });
    const late = await joinStudy(db, { token, participant: 'late' });
    await workThrough(db, late);
    const now = await db
      .selectFrom('vote as v')
      .innerJoin('assignment as x', 'x.id', 'v.assignment_id')
      .select(['x.pair_id', 'v.criterion'])
      .where('v.annotator_id', '=', late.id)
      .execute();
    expect(now.map((row) => `${row.pair_id} ${row.criterion}`).sort()).toEqual(theirs.sort());
  });

  it('split leaves nothing to turn and nothing to stand together', async () => {
    const { db } = await fresh();
    for (const visit of [{ order: 'rotated' }, { oneScreen: true }] as const)
      await expect(
        openStudyOf((await fresh()).db, {
          pairs: 2,
          criteria: ['general', 'alignment'],
          split: true,
          visit: visitSchema.parse(visit),
        }),
      ).rejects.toThrow('nobody sees two of a pair');
    await db.destroy();
  });

  it('on one screen are answered in any order; work whose seat has gone counts for who did it', async () => {
    const { db } = await fresh();
    const { token } = await openStudyOf(db, {
      pairs: 2,
      votesPerPair: 1,
      criteria: ['general', 'alignment'],
      visit: visitSchema.parse({ oneScreen: true }),
    });
    const short = { leaseMs: 1000, graceMs: 500 };
    const ann = await joinStudy(db, { token, participant: 'ann' });
    const first = (await nextAssignment(db, ann, short, 1000))!;
    const answer = (criterion: string, now: number) =>
      castVote(
        db,
        ann,
        { voteId: randomUUID(), assignmentId: first.id, criterion, choice: 'left', responseTimeMs: 900 },
        short,
        now,
      );
    expect((await answer('alignment', 1100)).remaining).toEqual(['general']);
    // Their lease runs out, and somebody else takes both pairs.
    const bob = await joinStudy(db, { token, participant: 'bob' });
    for (let i = 0; i < 2; i++) {
      const pair = (await nextAssignment(db, bob, short, 9000 + i))!;
      for (const criterion of pair.criteria) await cast(db, bob, pair, { criterion });
    }
    expect((await answer('general', 9500)).counted).toBe(false);
    const { done } = await db.selectFrom('annotator').select('done').where('id', '=', ann.id).executeTakeFirstOrThrow();
    expect(done).toBe(1);
  });

  it('split: a pair that comes again asks what was asked before', async () => {
    const { db } = await fresh();
    const { token } = await openStudyOf(db, {
      pairs: 4,
      criteria: ['appeal', 'general', 'alignment'],
      split: true,
      visit: visitSchema.parse({ repeat: { every: 2 } }),
    });
    const ann = await joinStudy(db, { token, participant: 'ann' });
    await workThrough(db, ann);
    const rows = await db
      .selectFrom('assignment')
      .select(['pair_id', 'kind', 'criterion'])
      .where('annotator_id', '=', ann.id)
      .execute();
    const repeats = rows.filter(({ kind }) => kind === 'repeat');
    expect(repeats).toHaveLength(2);
    for (const repeat of repeats)
      expect(rows.find(({ pair_id, kind }) => kind === 'work' && pair_id === repeat.pair_id)!.criterion).toBe(
        repeat.criterion,
      );
  });
});

it.each([
  ['criteria: [beauty]', 'criteria[0]: is general, appeal or alignment, or a question of your own'],
  ['criteria: [{ id: Beauty, question: Q }]', 'criteria[0].id: is no name of a criterion'],
  ['criteria: [{ id: general, question: Q }]', 'criteria[0].id: is the name of a built-in criterion'],
  ['criteria: [{ id: beauty }]', 'criteria[0]: question must be a text'],
  ['criteria: [{ id: beauty, question: Q, hide: true }]', 'hide'],
  ['criteria: [{ id: beauty, question: Q }, { id: beauty, question: R }]', 'names a criterion twice'],
  [
    'criteria: [general, { id: beauty, question: Q, hidesPrompt: true }]',
    'those that hide the prompt before the others',
  ],
  ['criteria: [{ id: beauty, question: {} }]', 'criteria[0].question: has a text in no language'],
  ['bothBad: true', 'bothBad: goes with ties'],
  ['criteria: [{ id: beauty, question: Q }]\nplan: { primary: general }', 'plan.primary: is not asked'],
])('%s is refused', (text, said) => {
  expect(() => parseStudyFile(`name: x\npromptSet: p\nmodelA: a\nmodelB: b\n${text}`, 'f.yaml')).toThrow(said);
});
