/** @file What surrounds the voting: steps in their order, checks that count nowhere, caps, and how a visit ends. */
import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import type { Database } from '../../../db/open.ts';
import type { Annotator } from '../../../db/queries/assignments.ts';
import { countedVotes } from '../../../db/queries/counted-votes.ts';
import { voteLog } from '../../../db/queries/votes.ts';
import { findStudy } from '../../../db/queries/studies.ts';
import { visitSchema, visitStepSchema, type Visit, type VisitStep } from '../../../contract/visit.ts';
import type { AssignmentView, VoteInput } from '../../../contract/annotate.ts';
import { joinStudy, nextAssignment, preloadAssignment, reportProblem } from '../../../server/study/assignments.ts';
import { createStudy } from '../../../server/study/design.ts';
import { changeState } from '../../../server/study/lifecycle.ts';
import { exportedVotes } from '../../../server/study/exports.ts';
import { recount } from '../../../server/study/recount.ts';
import { studyReport } from '../../../server/study/study-report.ts';
import { studySummary } from '../../../server/study/summary.ts';
import { lookAtVisit, takeStep } from '../../../server/study/visit.ts';
import { castVote, undoLast } from '../../../server/study/votes.ts';
import { onBothEngines } from '../../support/databases.ts';
import { openStudyOf } from '../../support/studies.ts';

const times = { leaseMs: 60_000, graceMs: 5_000 };
type VisitInput = Parameters<typeof visitSchema.parse>[0];

onBothEngines('a visit', (fresh) => {
  async function setUp(visit: object, design: Partial<Parameters<typeof openStudyOf>[1]> = {}) {
    const { db } = await fresh();
    const fixture = await openStudyOf(db, {
      pairs: 12,
      criteria: ['general', 'alignment'],
      votesPerPair: 1,
      visit: visitSchema.parse(visit as VisitInput),
      ...design,
    });
    const join = (participant: string) => joinStudy(db, { token: fixture.token, participant });
    const step = (person: Annotator, input: VisitStep) => takeStep(db, person, input, times);
    return { db, fixture, join, step };
  }
  const positionOf = async (db: Database, { id }: AssignmentView) =>
    db
      .selectFrom('assignment as x')
      .innerJoin('pair as p', 'p.id', 'x.pair_id')
      .innerJoin('prompt as q', 'q.id', 'p.prompt_id')
      .select(['p.position', 'x.kind', 'x.side_a', 'q.text'])
      .where('x.id', '=', id)
      .executeTakeFirstOrThrow();
  async function answer(db: Database, person: Annotator, assignment: AssignmentView, image: 'a' | 'b'): Promise<void> {
    const { side_a: sideA } = await positionOf(db, assignment);
    const choice = (image === 'a') === (sideA === 'left') ? 'left' : 'right';
    for (const criterion of assignment.criteria) {
      const vote = { voteId: randomUUID(), assignmentId: assignment.id, criterion, choice, responseTimeMs: 900 };
      expect((await castVote(db, person, vote as VoteInput, times)).counted).toBe(true);
    }
  }
  /** What comes, answered with image a, until nothing is left. */
  async function workThrough(db: Database, person: Annotator, image: (kind: string) => 'a' | 'b' = () => 'a') {
    const seen = [];
    for (;;) {
      const assignment = await nextAssignment(db, person, times);
      if (assignment === null) return seen;
      const place = await positionOf(db, assignment);
      await answer(db, person, assignment, image(place.kind));
      seen.push({ ...place, criteria: assignment.criteria, total: assignment.total, done: assignment.done });
    }
  }

  it('goes through its steps in their order, each once; the work waits for them', async () => {
    const { db, join, step } = await setUp({
      about: { minutes: 12, pay: '£3' },
      welcome: '# Hello\n<script>alert(1)</script> [us](javascript:alert(1)) [you](https://example.org)',
      consent: { en: 'May we?', de: 'Dürfen wir?' },
      device: { minWidth: 800, minColorDepth: 24 },
      instructions: 'Look **well**.',
      example: { prompt: 'prompt 3', criterion: 'alignment', answer: 'b', why: 'It fits.' },
      practice: [
        { prompt: 'prompt 1', criterion: 'general', answer: 'a', why: { de: 'Darum.', en: 'So.' } },
        { prompt: 'prompt 2', criterion: 'alignment', answer: 'b' },
      ],
      languages: ['en', 'de'],
      survey: [{ question: 'How was it?', choices: ['good', 'bad'] }],
      thanks: 'Thank *you*.',
      pairsPerAnnotator: 1,
      ends: { finished: { code: 'C0DE', redirect: 'https://example.org/done?cc=C0DE' } },
    });
    const ann = await join('ann');
    await expect(nextAssignment(db, ann, times)).rejects.toMatchObject({ code: 'step-required' });
    const welcome = await lookAtVisit(db, ann, 'de');
    expect(welcome).toMatchObject({
      at: 'welcome',
      steps: ['welcome', 'consent', 'device', 'instructions', 'practice', 'work', 'survey'],
      about: { minutes: 12, pay: '£3' },
    });
    expect(welcome.html).toContain('<h1>Hello</h1>');
    expect(welcome.html).not.toContain('<script');
    expect(welcome.html).not.toContain('href="javascript');
    expect(welcome.html).toContain('<a href="https://example.org" target="_blank" rel="noopener noreferrer">');
    await expect(step(ann, { step: 'consent', agreed: true })).rejects.toMatchObject({ code: 'step-required' });

    expect((await step(ann, { step: 'welcome', language: 'de' })).html).toBe('<p>Dürfen wir?</p>\n');
    // The same request once more, as after a lost answer.
    expect((await step(ann, { step: 'welcome', language: 'es' })).html).toBe('<p>May we?</p>\n');
    expect(await step(ann, { step: 'consent', agreed: true })).toMatchObject({
      at: 'device',
      device: { minWidth: 800, minColorDepth: 24 },
    });
    const instructions = await step(ann, { step: 'device', width: 800, height: 10, colorDepth: 24 });
    expect(instructions).toMatchObject({ at: 'instructions', html: '<p>Look <strong>well</strong>.</p>\n' });
    const example = instructions.example!;
    expect(example).toMatchObject({ criterion: 'alignment', prompt: 'prompt 3', why: 'It fits.' });
    const { side_a: sideOfExample } = await positionOf(db, example as unknown as AssignmentView);
    expect(example.answer).toBe(sideOfExample === 'left' ? 'right' : 'left');

    const first = await step(ann, { step: 'instructions' });
    expect(first).toMatchObject({ at: 'practice', practice: { index: 0, of: 2, pair: { prompt: 'prompt 1' } } });
    expect((await lookAtVisit(db, ann, 'en')).practice!.pair).toEqual(first.practice!.pair);
    const { side_a: sideOfFirst } = await positionOf(db, first.practice!.pair as unknown as AssignmentView);
    const second = await step(ann, { step: 'practice', index: 0, choice: sideOfFirst as 'left', language: 'de' });
    expect(second).toMatchObject({ feedback: { right: true, why: 'Darum.' }, practice: { index: 1 } });
    const again = await step(ann, { step: 'practice', index: 0, choice: 'left' });
    expect([again.practice!.index, again.feedback]).toEqual([1, undefined]);
    const { side_a: sideOfSecond } = await positionOf(db, second.practice!.pair as unknown as AssignmentView);
    const work = await step(ann, { step: 'practice', index: 1, choice: sideOfSecond as 'left' });
    expect(work).toMatchObject({ at: 'work', feedback: { right: false } });
    const practised = { voteId: randomUUID(), assignmentId: second.practice!.pair.id, criterion: 'alignment' };
    await expect(
      castVote(db, ann, { ...practised, choice: 'left', responseTimeMs: 9 } as VoteInput, times),
    ).rejects.toMatchObject({ code: 'not-found' });

    // The end cannot be claimed before the work is done.
    expect((await step(ann, { step: 'work' })).at).toBe('work');
    expect(await workThrough(db, ann)).toMatchObject([{ kind: 'work', total: 1 }]);
    const survey = await step(ann, { step: 'work' });
    expect(survey).toMatchObject({ at: 'survey', survey: [{ question: 'How was it?', choices: ['good', 'bad'] }] });
    expect(survey.end).toBeUndefined();
    const end = await step(ann, { step: 'survey', answers: ['good'] });
    expect(end).toMatchObject({
      at: 'end',
      html: '<p>Thank <em>you</em>.</p>\n',
      end: { reason: 'finished', code: 'C0DE', redirect: 'https://example.org/done?cc=C0DE' },
    });
    expect(await step(ann, { step: 'survey', answers: ['bad'] })).toEqual(end);
    expect(await nextAssignment(db, ann, times)).toBeNull();
    const answers = await db.selectFrom('visit_step').select(['step', 'answer']).orderBy('position').execute();
    expect(answers.map((row) => row.step)).toEqual([
      'welcome',
      'consent',
      'device',
      'instructions',
      'practice',
      'practice',
      'work',
      'survey',
    ]);
    expect(JSON.parse(answers.at(-1)!.answer)).toEqual({ answers: ['good'] });
    // What serves as a check is asked of nobody as work.
    const texts = await db
      .selectFrom('seat as s')
      .innerJoin('pair as p', 'p.id', 's.pair_id')
      .innerJoin('prompt as q', 'q.id', 'p.prompt_id')
      .select('q.text')
      .where('s.position', '>=', 0)
      .execute();
    expect(texts).toHaveLength(9);
    expect(await studySummary(db, 'study')).toMatchObject({ pairs: 9, votesNeeded: 18 });
  });

  it('ends where consent is refused or the screen is too small; both have their code, and nothing is held', async () => {
    const { db, join, step } = await setUp({
      consent: 'May we?',
      device: { minHeight: 700 },
      ends: { 'no-consent': { code: 'NO' }, device: { code: 'SMALL' } },
    });
    const ann = await join('ann');
    expect(await step(ann, { step: 'consent', agreed: false })).toMatchObject({
      at: 'end',
      end: { reason: 'no-consent', code: 'NO' },
    });
    expect(await step(ann, { step: 'consent', agreed: true })).toMatchObject({ end: { reason: 'no-consent' } });
    expect(await nextAssignment(db, ann, times)).toBeNull();
    const bob = await join('bob');
    await step(bob, { step: 'consent', agreed: true });
    expect(await step(bob, { step: 'device', width: 5000, height: 699.5, colorDepth: 24 })).toMatchObject({
      end: { reason: 'device', code: 'SMALL' },
    });
    const cay = await join('cay');
    await step(cay, { step: 'consent', agreed: true });
    expect((await step(cay, { step: 'device', width: 1, height: 700, colorDepth: 1 })).at).toBe('work');
  });

  it('brings gold and swapped repeats when they are due, to a cap, and counts none of them', async () => {
    const { db, fixture, join } = await setUp({
      gold: {
        every: 2,
        pairs: [
          { prompt: 'prompt 0', answers: { alignment: 'a' } },
          { prompt: 'prompt 1', answers: { general: 'b', alignment: 'b' } },
        ],
      },
      repeat: { every: 3 },
      pairsPerAnnotator: 6,
    });
    const ann = await join('ann');
    const seen = await workThrough(db, ann);
    expect(seen.map(({ kind }) => kind).join(' ')).toBe('work work gold work repeat work gold work work repeat');
    expect(new Set(seen.map(({ total }) => total))).toEqual(new Set([10]));
    expect(seen.map(({ done }) => done)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    for (const gold of seen.filter(({ kind }) => kind === 'gold'))
      expect(gold.criteria).toEqual(gold.text === 'prompt 0' ? ['alignment'] : ['general', 'alignment']);
    const [firstRepeat, secondRepeat] = seen.filter(({ kind }) => kind === 'repeat');
    expect(firstRepeat).toMatchObject({ text: seen[0]!.text, side_a: seen[0]!.side_a === 'left' ? 'right' : 'left' });
    expect(secondRepeat!.text).toBe(seen[1]!.text);

    const studyId = (await findStudy(db, fixture.name))!.id;
    const counted = await countedVotes(db, studyId, 'people');
    expect(counted).toHaveLength(12);
    expect(counted.every(({ pair }) => pair >= 0)).toBe(true);
    expect(await voteLog(db, studyId, 'people')).toHaveLength(12);
    expect(await studySummary(db, 'study')).toMatchObject({ votes: 12, pairs: 10, votesNeeded: 20 });
    expect((await recount(db, 'study')).corrected).toEqual([]);
    // All answers are image a: gold 1 of 3 right, repeats 4 of 4. Wilson (z = 1.959964): 1/3 → .0615 … .7923.
    const report = await studyReport(db, 'study');
    expect(report.annotators).toHaveLength(1);
    const { gold, repeats } = report.annotators[0]!;
    expect(gold).toMatchObject({ value: 1 / 3, n: 3 });
    expect(gold!.low).toBeCloseTo(0.0615, 4);
    expect(gold!.high).toBeCloseTo(0.7923, 4);
    expect(repeats).toMatchObject({ value: 1, high: 1, n: 4 });
    // The four pairs that were not asked are for others.
    const bob = await join('bob');
    expect((await workThrough(db, bob)).filter(({ kind }) => kind === 'work')).toHaveLength(4);
    expect(await studySummary(db, 'study')).toMatchObject({ votes: 20, votesNeeded: 20 });
  });

  it('an instructed check says what to choose in the place of the prompt, and asks once', async () => {
    const say = 'Please choose the right image here.';
    const { db, join } = await setUp({
      gold: { every: 1, pairs: [{ prompt: 'prompt 0', instruction: { say, choose: 'right' } }] },
      pairsPerAnnotator: 1,
    });
    for (const [name, choice, right] of [
      ['ann', 'right', 1],
      ['bob', 'left', 0],
    ] as const) {
      const person = await join(name);
      await answer(db, person, (await nextAssignment(db, person, times))!, 'a');
      const check = (await nextAssignment(db, person, times))!;
      expect(check).toMatchObject({ prompt: say, criteria: ['alignment'], questions: 1 });
      const vote = { voteId: randomUUID(), assignmentId: check.id, criterion: 'alignment', choice, responseTimeMs: 9 };
      await castVote(db, person, vote as VoteInput, times);
      expect(await nextAssignment(db, person, times)).toBeNull();
      const { annotators } = await studyReport(db, 'study');
      expect(annotators.find(({ id }) => id === name)!.gold).toMatchObject({ value: right, n: 1 });
    }
  });

  it('an instructed check without words of its own tells the page which side, and scripts in English', async () => {
    const { db, join } = await setUp({
      gold: { every: 1, pairs: [{ prompt: 'prompt 0', instruction: { choose: 'right' } }] },
    });
    const ann = await join('ann');
    const first = (await nextAssignment(db, ann, times))!;
    expect(first.instructed).toBeUndefined();
    await answer(db, ann, first, 'a');
    expect(await nextAssignment(db, ann, times)).toMatchObject({
      instructed: 'right',
      prompt: 'Please choose the right image here.',
    });
  });

  it('a repeat that is answered otherwise is inconsistent; an undone check is answered anew', async () => {
    const { db, join } = await setUp({ repeat: { every: 2 }, pairsPerAnnotator: 2 });
    const ann = await join('ann');
    await workThrough(db, ann, (kind) => (kind === 'repeat' ? 'b' : 'a'));
    expect((await studyReport(db, 'study')).annotators[0]!.repeats).toMatchObject({ value: 0, n: 2 });
    const reopened = await undoLast(db, ann, times);
    expect((await positionOf(db, reopened)).kind).toBe('repeat');
    await workThrough(db, ann);
    expect((await studyReport(db, 'study')).annotators[0]).toMatchObject({ gold: null, repeats: { value: 1, n: 2 } });
    expect((await recount(db, 'study')).corrected).toEqual([]);
  });

  it('screens out by its rule on gold alone, and gives back what was held', async () => {
    const { db, join, step } = await setUp(
      {
        gold: {
          every: 1,
          pairs: [0, 1, 2].map((i) => ({ prompt: `prompt ${i}`, answers: { general: 'a', alignment: 'a' } })),
          screenOut: { after: 4, below: 0.5 },
        },
        ends: { checks: { code: 'CHECKS' } },
      },
      { votesPerPair: 2 },
    );
    const [ann, bob] = [await join('ann'), await join('bob')];
    // 2 of 4 right is not below one half.
    let golds = 0;
    const fair = await workThrough(db, bob, (kind) => (kind === 'gold' && golds++ === 0 ? 'b' : 'a'));
    expect(fair.length).toBeGreaterThan(8);
    const seen = [];
    for (let i = 0; i < 4; i++) {
      const assignment = await nextAssignment(db, ann, times);
      if (assignment === null) break;
      await preloadAssignment(db, ann, times);
      const { kind } = await positionOf(db, assignment);
      await answer(db, ann, assignment, kind === 'gold' ? 'b' : 'a');
      seen.push(kind);
    }
    expect(await nextAssignment(db, ann, times)).toBeNull();
    expect(await lookAtVisit(db, ann, 'en')).toMatchObject({ at: 'end', end: { reason: 'checks', code: 'CHECKS' } });
    expect(await step(ann, { step: 'work' })).toMatchObject({ end: { reason: 'checks' } });
    const held = await db.selectFrom('assignment').select('id').where('state', '=', 'leased').execute();
    expect(held).toEqual([]);
  });

  it('who fails the checks gets nothing new ahead either: the end comes after what the page holds', async () => {
    const { db, join } = await setUp({
      gold: {
        every: 1,
        pairs: [{ prompt: 'prompt 0', answers: { general: 'a', alignment: 'a' } }],
        screenOut: { after: 2, below: 1 },
      },
    });
    const ann = await join('ann');
    await answer(db, ann, (await nextAssignment(db, ann, times))!, 'a');
    const gold = (await nextAssignment(db, ann, times))!;
    const { assignments: ahead } = await preloadAssignment(db, ann, times);
    expect(ahead).toHaveLength(2);
    await answer(db, ann, gold, 'b');
    // The page goes on to what it holds, asking for more each time.
    for (const held of ahead) {
      const { assignments } = await preloadAssignment(db, ann, times);
      expect(assignments.every(({ id }) => ahead.some((known) => known.id === id))).toBe(true);
      await answer(db, ann, held, 'a');
    }
    expect((await preloadAssignment(db, ann, times)).assignments).toEqual([]);
    expect(await nextAssignment(db, ann, times)).toBeNull();
  });

  it('work whose seat had gone counts against the cap, once; pairs set aside do not', async () => {
    const { db, join } = await setUp({ pairsPerAnnotator: 2 }, { criteria: ['general'], pairs: 4 });
    const [ann, bob] = [await join('ann'), await join('bob')];
    const cast = (person: Annotator, { id }: AssignmentView, now: number) => {
      const vote = { voteId: randomUUID(), assignmentId: id, criterion: 'general', choice: 'left', responseTimeMs: 9 };
      return castVote(db, person, vote as VoteInput, times, now);
    };
    await cast(ann, (await nextAssignment(db, ann, times, 0))!, 1);
    const skipped = (await nextAssignment(db, ann, times, 2))!;
    await reportProblem(db, ann, { assignmentId: skipped.id, reason: 'skipped' }, 3);
    const late = (await nextAssignment(db, ann, times, 4))!;
    // Her lease runs out, and bob takes what is free.
    const afterwards = 10 + times.leaseMs;
    for (let i = 0; i < 2; i++) await cast(bob, (await nextAssignment(db, bob, times, afterwards))!, afterwards);
    const { counted } = await cast(ann, late, afterwards + 1);
    const next = await nextAssignment(db, ann, times, afterwards + 2);
    // Whether bob got her pair was drawn; if not, her vote counted. Either way it is her second.
    expect(next).toBeNull();
    expect(counted).toBe((await db.selectFrom('vote').select('id').where('counted', '=', 1).execute()).length === 4);
    const { done } = await db
      .selectFrom('annotator')
      .select('done')
      .where('participant', '=', 'ann')
      .executeTakeFirstOrThrow();
    expect(done).toBe(2);
    expect((await recount(db, 'study')).corrected).toEqual([]);
  });

  it('a pair that was finished without its seat is not asked again, and counts once', async () => {
    const { db, join } = await setUp({}, { pairs: 1 });
    const [ann, bob] = [await join('ann'), await join('bob')];
    const cast = (person: Annotator, { id }: AssignmentView, criterion: string, now: number) => {
      const vote = { voteId: randomUUID(), assignmentId: id, criterion, choice: 'left', responseTimeMs: 9 };
      return castVote(db, person, vote as VoteInput, times, now);
    };
    const first = (await nextAssignment(db, ann, times, 0))!;
    await cast(ann, first, 'general', 1);
    const later = 10 + times.leaseMs;
    const taken = (await nextAssignment(db, bob, times, later))!;
    expect(taken.criteria).toEqual(['alignment']);
    expect((await cast(ann, first, 'alignment', later + 1)).counted).toBe(false);
    // Bob's lease runs out too: the seat is free, and ann has done her part.
    const last = later + times.leaseMs + 100;
    expect(await nextAssignment(db, ann, times, last)).toBeNull();
    const { done } = await db
      .selectFrom('annotator')
      .select('done')
      .where('participant', '=', 'ann')
      .executeTakeFirstOrThrow();
    expect(done).toBe(1);
  });

  it('is full for who comes too late, and done for who worked when the study closes', async () => {
    const { db, join, step } = await setUp({ welcome: 'Hi', ends: { full: { code: 'FULL' } } }, { pairs: 1 });
    const [ann, bob] = [await join('ann'), await join('bob')];
    for (const person of [ann, bob]) await step(person, { step: 'welcome' });
    await workThrough(db, ann);
    expect(await step(bob, { step: 'work' })).toMatchObject({ at: 'end', end: { reason: 'full', code: 'FULL' } });
    // Should a place become free, it is theirs.
    expect((await lookAtVisit(db, bob, 'en')).at).toBe('work');
    await changeState(db, 'study', 'closed');
    expect(await step(ann, { step: 'work' })).toMatchObject({ at: 'end', end: { reason: 'finished' } });
    const cay = await join('cay');
    await expect(lookAtVisit(db, cay, 'en')).rejects.toMatchObject({ code: 'study-closed' });
  });

  it.each([
    [0, 0],
    [1, 1],
    [3, 3],
  ])('with undo %i takes %i pairs back, one after the other', async (undo, expected) => {
    const { db, join } = await setUp({ undo }, { criteria: ['general'] });
    const ann = await join('ann');
    const worked = [];
    for (let i = 0; i < 4; i++) {
      const assignment = (await nextAssignment(db, ann, times))!;
      await answer(db, ann, assignment, 'a');
      worked.push(assignment.id);
    }
    if (expected === 0) {
      await expect(undoLast(db, ann, times)).rejects.toMatchObject({ code: 'nothing-to-undo' });
      return;
    }
    const opened = new Set<string>();
    for (let i = 0; i < 5; i++) opened.add((await undoLast(db, ann, times, Date.now() + i)).id);
    expect([...opened]).toEqual(worked.slice(-expected).reverse());
    expect((await recount(db, 'study')).corrected).toEqual([]);
  });

  it('an undo that is asked once more takes nothing newer back', async () => {
    const { db, join } = await setUp({}, { criteria: ['general', 'alignment'] });
    const ann = await join('ann');
    const assignment = (await nextAssignment(db, ann, times))!;
    const cast = async (criterion: string, voteId: string) =>
      castVote(
        db,
        ann,
        { voteId, assignmentId: assignment.id, criterion, choice: 'left', responseTimeMs: 9 } as VoteInput,
        times,
      );
    const [first, second] = [randomUUID(), randomUUID()];
    await cast('general', first);
    const undone = await undoLast(db, ann, times, Date.now(), { voteId: first });
    expect(undone.criteria).toEqual(['general', 'alignment']);
    await cast('general', second);
    // The first request comes again, by another line.
    expect((await undoLast(db, ann, times, Date.now(), { voteId: first })).criteria).toEqual(['alignment']);
    expect((await undoLast(db, ann, times, Date.now(), { voteId: second })).criteria).toEqual(['general', 'alignment']);
  });

  it('a place is taken where it is asked for and on the image, and is exported as the model’s', async () => {
    const { db, join, fixture } = await setUp({ pointAt: true }, { criteria: ['general'], pairs: 2 });
    const ann = await join('ann');
    const assignment = (await nextAssignment(db, ann, times))!;
    const { side_a: sideA } = await positionOf(db, assignment);
    const cast = (point: object | undefined, id = assignment.id) => {
      const vote = { voteId: randomUUID(), assignmentId: id, criterion: 'general', choice: 'left', responseTimeMs: 9 };
      return castVote(db, ann, { ...vote, point } as VoteInput, times);
    };
    // The images are 8 × 8.
    await expect(cast({ side: 'left', x: 8.5, y: 0 })).rejects.toMatchObject({ code: 'bad-request' });
    await cast({ side: 'left', x: 8, y: 2.25 });
    await cast(undefined, (await nextAssignment(db, ann, times))!.id);
    const rows = await exportedVotes(db, fixture.name);
    expect(rows.map(({ point_image, point_x, point_y }) => [point_image, point_x, point_y])).toEqual([
      [sideA === 'left' ? 'a' : 'b', 8, 2.25],
      [null, null, null],
    ]);
    const other = await setUp({}, { criteria: ['general'] });
    const bob = await other.join('bob');
    const given = (await nextAssignment(other.db, bob, times))!;
    const vote = { voteId: randomUUID(), assignmentId: given.id, criterion: 'general', choice: 'left' };
    await expect(
      castVote(other.db, bob, { ...vote, responseTimeMs: 9, point: { side: 'left', x: 1, y: 1 } } as VoteInput, times),
    ).rejects.toThrow('does not ask');
    expect(Object.keys((await exportedVotes(other.db, other.fixture.name))[0] ?? {})).not.toContain('point_x');
  });

  it('a study whose checks cannot be is refused, naming them', async () => {
    const { db } = await setUp({});
    const make = (visit: VisitInput, criteria: ('general' | 'appeal')[] = ['general']) =>
      createStudy(db, {
        name: 'other',
        prompts: 'prompts',
        models: ['aardvark', 'buffalo'],
        votesPerPair: 1,
        criteria,
        ties: false,
        seed: 0,
        visit: visitSchema.parse(visit) as Visit,
      });
    const gold = (prompt: string, criterion = 'general') => ({
      gold: { every: 1, pairs: [{ prompt, answers: { [criterion]: 'a' } }] },
    });
    await expect(make(gold('no such prompt'))).rejects.toThrow('"no such prompt" is no prompt of the study');
    await expect(make(gold('prompt 0', 'alignment'))).rejects.toThrow('on "alignment", which the study does not ask');
    const all = Array.from({ length: 12 }, (_, i) => ({ prompt: `prompt ${i}`, answers: { general: 'a' as const } }));
    await expect(make({ gold: { every: 1, pairs: all } })).rejects.toThrow('a study needs others too');
    expect(visitSchema.safeParse({ practise: [] }).error!.issues[0]!.message).toContain('practise');
    const instructed = { prompt: 'prompt 0', instruction: { say: 'Left, please.', choose: 'left' as const } };
    await expect(make({ gold: { every: 1, pairs: [instructed] } }, ['appeal'])).rejects.toThrow('shows the prompt');
    // The question that is asked last shows the prompt, in whatever order the list stands.
    await make({ gold: { every: 1, pairs: [instructed] } }, ['alignment', 'appeal'] as never);
    for (const pair of [{ prompt: 'prompt 0' }, { ...instructed, answers: { general: 'a' } }])
      expect(visitSchema.safeParse({ gold: { every: 1, pairs: [pair] } }).success).toBe(false);
    const long = { step: 'survey', answers: Array.from({ length: 20 }, () => 'あ'.repeat(500)) };
    expect(visitStepSchema.safeParse(long).success).toBe(true);
    // In any script it is less than one message may be.
    expect(Buffer.byteLength(JSON.stringify(long))).toBeLessThan(60_000);
    expect(visitStepSchema.safeParse({ ...long, answers: [...long.answers, 'x'] }).success).toBe(false);
    expect(visitStepSchema.safeParse({ ...long, answers: ['x'.repeat(5000), 'x'.repeat(5000), 'x'] }).success).toBe(
      false,
    );
    const twice = [{ prompt: 'prompt 1', criterion: 'general', answer: 'a' }];
    expect(visitSchema.safeParse({ practice: twice, ...gold('prompt 1') }).success).toBe(false);
  });
});
