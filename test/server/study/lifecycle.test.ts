/** @file States, exports, summaries and populations of a study, through the domain functions. */
import { randomUUID } from 'node:crypto';
import { parse } from 'csv-parse/sync';
import { describe, expect, it } from 'vitest';
import type { Database } from '../../../db/open.ts';
import { findStudy } from '../../../db/queries/studies.ts';
import type { StudyState } from '../../../db/tables.ts';
import { ensureSimulatedSeats } from '../../../server/study/design.ts';
import { exportedVotes, exportVotes } from '../../../server/study/exports.ts';
import { changeState, requireStudy } from '../../../server/study/lifecycle.ts';
import { joinStudy, nextAssignment } from '../../../server/study/assignments.ts';
import { populationOf, studySummaries, studySummary } from '../../../server/study/summary.ts';
import { castVote, undoLast } from '../../../server/study/votes.ts';
import { freshSqlite } from '../../support/databases.ts';
import { openStudyOf, reportOfTwo } from '../../support/studies.ts';

const times = { leaseMs: 60_000, graceMs: 5_000 };

async function vote(db: Database, token: string, participant: string, choose: (sideOfA: 'left' | 'right') => string) {
  const person = await joinStudy(db, { token, participant }, 5);
  const assignment = await nextAssignment(db, person, times, 10);
  if (assignment === null) return undefined;
  const { side_a } = await db
    .selectFrom('assignment')
    .select('side_a')
    .where('id', '=', assignment.id)
    .executeTakeFirstOrThrow();
  for (const criterion of assignment.criteria) {
    const input = {
      voteId: randomUUID(),
      assignmentId: assignment.id,
      criterion,
      choice: choose(side_a) as 'left',
      responseTimeMs: 900,
    };
    await castVote(db, person, input, times, 20);
  }
  return { person, assignment, sideA: side_a };
}
const forA = (side: 'left' | 'right') => side;
const forB = (side: 'left' | 'right') => (side === 'left' ? 'right' : 'left');

describe('states', () => {
  const all: StudyState[] = ['draft', 'open', 'paused', 'closed'];
  const ways: Record<StudyState, StudyState[]> = {
    draft: ['open', 'closed'],
    open: ['paused', 'closed'],
    paused: ['open', 'closed'],
    closed: ['open'],
  };
  it('a study goes from draft to open, pauses, and closes; closed by mistake it opens again', async () => {
    const { db } = await freshSqlite();
    await openStudyOf(db, { pairs: 1 });
    for (const from of all) {
      for (const to of all) {
        await db.updateTable('study').set({ state: from }).execute();
        const change = changeState(db, 'study', to);
        if (from === to || ways[from].includes(to)) await change;
        else
          await expect(change).rejects.toMatchObject({
            code: 'conflict',
            message: `The study "study" is ${from}; it cannot become ${to}.`,
          });
        expect((await requireStudy(db, 'study')).state).toBe(from === to || ways[from].includes(to) ? to : from);
      }
    }
    await expect(changeState(db, 'other', 'open')).rejects.toMatchObject({
      code: 'not-found',
      message: 'There is no study named "other".',
    });
  });

  it.each([
    ['draft', 'study-not-open'],
    ['paused', 'study-paused'],
    ['closed', 'study-closed'],
  ] as [StudyState, string][])('a %s study gives no assignment', async (state, code) => {
    const { db } = await freshSqlite();
    const { token } = await openStudyOf(db, { pairs: 1 });
    const person = await joinStudy(db, { token, participant: 'ann' });
    await db.updateTable('study').set({ state }).execute();
    await expect(nextAssignment(db, person, times)).rejects.toMatchObject({ code });
  });

  it('a paused study takes the votes that are under way; a closed one takes none and undoes none', async () => {
    const { db } = await freshSqlite();
    const { token } = await openStudyOf(db, { pairs: 1, criteria: ['general', 'alignment'] });
    const person = await joinStudy(db, { token, participant: 'ann' });
    const assignment = (await nextAssignment(db, person, times, 0))!;
    const cast = (criterion: 'general' | 'alignment') =>
      castVote(
        db,
        person,
        { voteId: randomUUID(), assignmentId: assignment.id, criterion, choice: 'left', responseTimeMs: 1 },
        times,
        1,
      );
    await changeState(db, 'study', 'paused');
    expect(await cast('general')).toMatchObject({ counted: true });
    await changeState(db, 'study', 'closed');
    await expect(cast('alignment')).rejects.toMatchObject({ code: 'study-closed' });
    await expect(undoLast(db, person, times, 2)).rejects.toMatchObject({ code: 'study-closed' });
    expect((await studySummary(db, 'study')).votes).toBe(1);
  });
});

describe('populations', () => {
  it('simulated votes are marked, and give way to people’s as soon as there is one', async () => {
    const { db } = await freshSqlite();
    const { token, name } = await openStudyOf(db, { pairs: 2, criteria: ['general'] });
    const study = (await findStudy(db, name))!;
    expect(await populationOf(db, study.id)).toBe('people');
    await ensureSimulatedSeats(db, study.id);
    await vote(db, study.simulationToken, 'robot', forB);
    await vote(db, study.simulationToken, 'robot', forB);
    expect(await populationOf(db, study.id)).toBe('simulated');
    expect(await reportOfTwo(db, name)).toMatchObject({ simulated: true, criteria: [{ votes: { a: 0, b: 2 } }] });
    expect(await studySummary(db, name)).toMatchObject({ simulated: true, votes: 2, annotators: 1 });
    await vote(db, token, 'ann', forA);
    expect(await populationOf(db, study.id)).toBe('people');
    expect(await reportOfTwo(db, name)).toMatchObject({ simulated: false, criteria: [{ votes: { a: 1, b: 0 } }] });
    expect(await reportOfTwo(db, name, 'simulated')).toMatchObject({
      simulated: true,
      criteria: [{ votes: { a: 0, b: 2 } }],
    });
    expect((await exportedVotes(db, name)).map(({ annotator }) => annotator)).toEqual(['ann']);
    expect((await exportedVotes(db, name, 'simulated')).map(({ annotator }) => annotator)).toEqual(['robot', 'robot']);
  });

  it('a link says which: people’s and simulated seats are two', async () => {
    const { db } = await freshSqlite();
    const { token, name } = await openStudyOf(db, { pairs: 1, votesPerPair: 1 });
    const study = (await findStudy(db, name))!;
    await ensureSimulatedSeats(db, study.id);
    expect((await joinStudy(db, { token, participant: 'x' })).population).toBe('people');
    expect((await joinStudy(db, { token: study.simulationToken, participant: 'x' })).population).toBe('simulated');
    await expect(joinStudy(db, { token: 'nonsense', participant: 'x' })).rejects.toMatchObject({ code: 'bad-token' });
    expect(await vote(db, study.simulationToken, 'x', forA)).toBeDefined();
    expect(await vote(db, token, 'x', forA)).toBeDefined();
    expect(await vote(db, token, 'y', forA)).toBeUndefined();
  });
});

describe('exports', () => {
  it('say of every vote what was seen, what was chosen, and what became of it', async () => {
    const { db } = await freshSqlite();
    const { token, name } = await openStudyOf(db, { pairs: 2, criteria: ['general'], votesPerPair: 1, ties: true });
    const ann = (await vote(db, token, 'ann', forA))!;
    await undoLast(db, ann.person, times, 30);
    await castVote(
      db,
      ann.person,
      {
        voteId: randomUUID(),
        assignmentId: ann.assignment.id,
        criterion: 'general',
        choice: forB(ann.sideA),
        responseTimeMs: 7,
      },
      times,
      40,
    );
    await vote(db, token, 'bob', () => 'tie');
    const votes = await exportedVotes(db, name);
    const first = await db
      .selectFrom('pair as p')
      .innerJoin('assignment as x', 'x.pair_id', 'p.id')
      .innerJoin('prompt as q', 'q.id', 'p.prompt_id')
      .select(['p.position', 'q.text', 'q.category'])
      .where('x.id', '=', ann.assignment.id)
      .executeTakeFirstOrThrow();
    const shared = {
      item: first.position,
      prompt: first.text,
      category: first.category,
      challenge: 'Basic',
      annotator: 'ann',
      criterion: 'general',
      left: ann.sideA === 'left' ? 'a' : 'b',
      model_a: 'aardvark',
      model_b: 'buffalo',
    };
    const ofAnn = votes.filter(({ annotator }) => annotator === 'ann');
    expect(ofAnn).toMatchObject([
      { ...shared, choice: 'a', response_time_ms: 900, status: 'retracted', created_at: '1970-01-01T00:00:00.020Z' },
      { ...shared, choice: 'b', response_time_ms: 7, status: 'counted', created_at: '1970-01-01T00:00:00.040Z' },
    ]);
    expect(votes.find(({ annotator }) => annotator === 'bob')).toMatchObject({ choice: 'tie', status: 'counted' });
    expect((await reportOfTwo(db, name)).criteria[0]).toMatchObject({
      wins: 0,
      losses: 1,
      ties: 1,
      votes: { a: 0, b: 1, tie: 1 },
    });

    const about = { votes_per_pair: 1, population: 'people', seed: 0 };
    const { content: text, rows } = await exportVotes(db, name, {
      format: 'votes-jsonl',
      out: 'v.jsonl',
      dataFolder: '',
    });
    expect(rows).toBe(3);
    expect(
      (text as string)
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as object),
    ).toEqual(votes.map((vote) => ({ ...vote, ...about })));
    const csv = parse(
      (await exportVotes(db, name, { format: 'votes-csv', out: 'v.csv', dataFolder: '' })).content as string,
      { columns: true },
    ) as unknown as Record<string, string>[];
    expect(csv).toHaveLength(3);
    expect(Object.keys(csv[0]!)).toEqual(Object.keys({ ...votes[0]!, ...about }));
    csv.forEach((row, i) =>
      expect(row).toEqual(
        Object.fromEntries(Object.entries({ ...votes[i]!, ...about }).map(([k, v]) => [k, String(v)])),
      ),
    );
  });

  it('a vote whose seat had gone to somebody else is surplus', async () => {
    const { db } = await freshSqlite();
    const { token, name } = await openStudyOf(db, { pairs: 1, criteria: ['general'], votesPerPair: 1 });
    const ann = await joinStudy(db, { token, participant: 'ann' });
    const hers = (await nextAssignment(db, ann, times, 0))!;
    const bob = await joinStudy(db, { token, participant: 'bob' });
    await nextAssignment(db, bob, times, 100_000);
    const late = {
      voteId: randomUUID(),
      assignmentId: hers.id,
      criterion: 'general' as const,
      choice: 'left' as const,
      responseTimeMs: 1,
    };
    expect((await castVote(db, ann, late, times, 100_001)).counted).toBe(false);
    expect((await exportedVotes(db, name)).map(({ status }) => status)).toEqual(['surplus']);
  });
});

describe('summaries', () => {
  it('count votes, annotators and what is needed', async () => {
    const { db } = await freshSqlite();
    const { token, name } = await openStudyOf(db, { pairs: 4, votesPerPair: 2, criteria: ['general', 'appeal'] });
    await vote(db, token, 'ann', forA);
    await vote(db, token, 'ann', forA);
    await vote(db, token, 'bob', forA);
    const expected = {
      name,
      state: 'open',
      promptSet: 'prompts',
      modelA: 'aardvark',
      modelB: 'buffalo',
      criteria: ['appeal', 'general'],
      votesPerPair: 2,
      ties: false,
      pairs: 4,
      simulated: false,
      votes: 6,
      // 4 pairs, 2 votes, 2 criteria
      votesNeeded: 16,
      annotators: 2,
    };
    expect(await studySummary(db, name)).toMatchObject(expected);
    expect(await studySummaries(db)).toMatchObject([expected]);
    await expect(studySummary(db, 'none')).rejects.toMatchObject({ code: 'not-found' });
  });
});
