/** @file Who is suggested to be left out: simulated behaviours through real sockets, the plan's rule, its departures, and HTTP. */
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { planSchema } from '../../../contract/plan.ts';
import { qualitySchema } from '../../../contract/quality.ts';
import { visitSchema, type Visit } from '../../../contract/visit.ts';
import type { VoteInput } from '../../../contract/annotate.ts';
import type { Database } from '../../../db/open.ts';
import { pairOfAssignment } from '../../../db/queries/assignments.ts';
import { listAuditEntries } from '../../../db/queries/audit.ts';
import { serverConfig } from '../../../server/config.ts';
import { fromCommandLine } from '../../../server/access/audit.ts';
import { createToken } from '../../../server/access/tokens.ts';
import { Sessions } from '../../../server/http/session.ts';
import { behave, castRoles, parseMix, type Situation } from '../../../server/simulation/behaviour.ts';
import { simulate } from '../../../server/simulation/simulate.ts';
import { joinStudy, nextAssignment } from '../../../server/study/assignments.ts';
import { excludeAnnotator, includeAnnotator } from '../../../server/study/exclusions.ts';
import { studyQuality } from '../../../server/study/quality.ts';
import { castVote } from '../../../server/study/votes.ts';
import { testServer } from '../../support/clients.ts';
import { freshSqlite, onBothEngines } from '../../support/databases.ts';
import { openStudyOf, reportOfTwo } from '../../support/studies.ts';

const times = { leaseMs: 60_000, graceMs: 5_000 };

/** Gold on the last prompts, one after every fourth pair; a repeat after every fourth. */
function checked(pairs: number, golds: number): Visit {
  return visitSchema.parse({
    gold: {
      every: 4,
      pairs: Array.from({ length: golds }, (_, i) => ({
        prompt: `prompt ${pairs + i}`,
        answers: { general: i % 2 === 0 ? 'a' : 'b' },
      })),
    },
    repeat: { every: 4 },
  });
}

describe('behaviours', () => {
  it.each([
    ['honest:0.5,left:0.6', 'add up to 1.1'],
    ['honest', 'must be a behaviour and its share'],
    ['honest:x', 'must be a behaviour and its share'],
    ['honest:0', 'must be a behaviour and its share'],
    ['honest:0.5,honest:0.5', 'names a behaviour twice'],
    ['lazy:1', '"lazy" is no way to behave'],
  ])('%s is refused', (text, message) => {
    expect(() => parseMix(text)).toThrow(message);
  });
  it('shares become whole annotators, everybody cast', () => {
    const roles = castRoles(parseMix('honest:0.8,left:0.05,random:0.1,reward:0.05'), 20, 7);
    const count = (behaviour: string) => roles.filter((role) => role === behaviour).length;
    expect([count('honest'), count('left'), count('random'), count('reward')]).toEqual([16, 1, 2, 1]);
    expect(castRoles(parseMix('honest:0.5,left:0.5'), 3, 0)).toHaveLength(3);
    expect(castRoles(parseMix('honest:0.5,left:0.5'), 40, 1)).not.toEqual(
      castRoles(parseMix('honest:0.5,left:0.5'), 40, 2),
    );
  });
  const situation: Situation = {
    ...{ seed: 1, annotator: 'x', pair: 3, criterion: 'general', time: 0, sideA: 'right', thinks: 'a' },
    ...{ reward: 'b', progress: 0 },
  };
  it('each does what it says', () => {
    expect(behave('honest', situation).choice).toBe('right');
    expect(behave('honest', { ...situation, thinks: 'tie' }).choice).toBe('tie');
    expect(behave('left', situation).choice).toBe('left');
    expect(behave('reward', situation).choice).toBe('left');
    // Colluders name one image, wherever it stands and whoever they are.
    const image = (annotator: string, sideA: 'left' | 'right') =>
      behave('colluder', { ...situation, annotator, sideA }).choice === sideA;
    expect(new Set([image('x', 'left'), image('x', 'right'), image('y', 'left')]).size).toBe(1);
    expect(behave('burst', { ...situation, progress: 0.59 })).toEqual(behave('honest', situation));
    expect(behave('burst', { ...situation, progress: 0.6 }).ms).toBeLessThan(330);
  });
});

it('simulated attackers are found by gold, repeats and time; those who like what others do not are not', async () => {
  const { db } = await freshSqlite();
  const { dataFolder } = await openStudyOf(db, {
    ...{ pairs: 100, criteria: ['general'], votesPerPair: 12, visit: checked(80, 20) },
  });
  const { votes, behaviours } = await simulate(db, {
    ...{ study: 'study', annotators: 12, winRate: 0.6, seed: 3 },
    mix: parseMix('honest:0.5,left:0.25,random:0.25'),
    config: serverConfig({ data: dataFolder }),
  });
  // Each of twelve sees each of the 80 pairs; 20 gold pairs and 20 repeats count nowhere.
  expect(votes).toBe(12 * 80);
  expect(behaviours.map(({ behaviour, annotators, named }) => [behaviour, annotators, named])).toEqual([
    ['honest', 6, 0],
    ['left', 3, 3],
    // Twenty gold pairs find a coin about every second time; which one is found is chance.
    ['random', 3, expect.any(Number)],
  ]);
  // Wilson's interval of none of six.
  expect(behaviours[0]!.high).toBeCloseTo(0.3903, 4);
  const quality = await studyQuality(db, 'study');
  expect(qualitySchema.parse(quality)).toEqual(quality);
  expect([quality.simulated, quality.ruleOf]).toEqual([true, 'usual']);
  const lefts = quality.annotators.filter(({ left }) => left!.value === 1);
  expect(lefts).toHaveLength(3);
  // A repeated pair has its sides exchanged: whoever always clicks left never answers alike.
  for (const { repeats, longestRun } of lefts) {
    expect(repeats).toMatchObject({ value: 0, n: 20 });
    expect(longestRun!.length).toBe(80);
  }
  // Their checks count nowhere, and nobody is left out by a simulation.
  const report = await reportOfTwo(db, 'study');
  expect([report.criteria[0]!.pairs, report.annotators.filter(({ excluded }) => excluded)]).toEqual([80, []]);
}, 60_000);

it('a check with two questions is passed when both are right: one pair is one trial', async () => {
  const { db } = await freshSqlite();
  const answers = { general: 'a' as const, alignment: 'a' as const };
  const { token } = await openStudyOf(db, {
    ...{ pairs: 3, criteria: ['general', 'alignment'], votesPerPair: 1 },
    visit: visitSchema.parse({ gold: { every: 1, pairs: [{ prompt: 'prompt 0', answers }] } }),
  });
  const person = await joinStudy(db, { token, participant: 'ann' });
  for (;;) {
    const given = await nextAssignment(db, person, times);
    if (given === null) break;
    const { sideA } = await pairOfAssignment(db, given.id);
    const other = sideA === 'left' ? 'right' : 'left';
    for (const criterion of given.criteria) {
      const choice = criterion === 'general' ? sideA : other;
      const vote = { voteId: randomUUID(), assignmentId: given.id, criterion, choice, responseTimeMs: 900 };
      await castVote(db, person, vote as VoteInput, times);
    }
  }
  expect((await studyQuality(db, 'study')).annotators[0]!.gold).toMatchObject({ value: 0, n: 1 });
});

it('bursts come in a share of everybody’s work, however many annotators there are', async () => {
  const { db } = await freshSqlite();
  const { dataFolder } = await openStudyOf(db, { pairs: 60, criteria: ['general'], votesPerPair: 3 });
  await simulate(db, {
    ...{ study: 'study', annotators: 6, winRate: 0.6, seed: 3, mix: parseMix('burst:1') },
    config: serverConfig({ data: dataFolder }),
  });
  const { annotators } = await studyQuality(db, 'study');
  const fast = annotators.filter(({ course }) => Math.min(...course) < 400);
  expect([annotators.length, fast.length]).toEqual([6, 6]);
}, 60_000);

it('voting by a reward needs one that has scored both images', async () => {
  const { db } = await freshSqlite();
  const { dataFolder } = await openStudyOf(db, { pairs: 2, criteria: ['general'] });
  await expect(
    simulate(db, {
      ...{ study: 'study', annotators: 2, winRate: 0.5, seed: 0, mix: parseMix('honest:0.5,reward:0.5') },
      config: serverConfig({ data: dataFolder }),
    }),
  ).rejects.toThrow('No reward has scored both images');
});

onBothEngines('the plan’s rule', (fresh) => {
  /** Ann answers every gold pair right, Lee none; both vote on every pair. */
  async function setUp(plan?: Parameters<typeof planSchema.parse>[0]) {
    const { db } = await fresh();
    const { token, dataFolder } = await openStudyOf(db, {
      ...{ pairs: 30, criteria: ['general'], votesPerPair: 2, visit: checked(24, 6) },
      ...(plan === undefined ? {} : { plan: planSchema.parse(plan) }),
    });
    for (const name of ['ann', 'lee']) {
      const person = await joinStudy(db, { token, participant: name });
      for (;;) {
        const given = await nextAssignment(db, person, times);
        if (given === null) break;
        const { pair, sideA } = await pairOfAssignment(db, given.id);
        const known = pair < 0 ? (-1 - pair) % 2 === 0 : true;
        const image = name === 'ann' || pair >= 0 ? known : !known;
        const choice = image === (sideA === 'left') ? 'left' : 'right';
        await vote(db, person, given.id, choice);
      }
    }
    return { db, dataFolder };
  }
  async function vote(db: Database, person: Parameters<typeof castVote>[1], assignmentId: string, choice: string) {
    const input = { voteId: randomUUID(), assignmentId, criterion: 'general', choice, responseTimeMs: 900 };
    await castVote(db, person, input as VoteInput, times);
  }
  const plan = { primary: 'general', exclusionRule: { gold: 0.7 } };

  it('names whom it says; the usual one is a hint', async () => {
    const { db } = await setUp(plan);
    const quality = await studyQuality(db, 'study');
    expect(quality.ruleOf).toBe('plan');
    expect(quality.annotators.map(({ id, gold, suggestion }) => [id, gold?.value, suggestion])).toEqual([
      ['lee', 0, '0 of 6 gold pairs right, shown to be below 70 %'],
      ['ann', 1, null],
    ]);
  });

  it('what was done otherwise is a departure', async () => {
    const { db } = await setUp(plan);
    const departures = async () => (await reportOfTwo(db, 'study')).plan!.departures;
    expect(await departures()).toEqual(['one annotator was kept whom the rule names']);
    await excludeAnnotator(db, 'study', 'lee', 'gold');
    expect(await departures()).toEqual([]);
    await excludeAnnotator(db, 'study', 'ann', 'taste');
    expect(await departures()).toEqual(['one annotator was left out whom the rule does not name']);
    await includeAnnotator(db, 'study', 'ann', undefined);
    const report = await reportOfTwo(db, 'study');
    expect(report.plan!.exclusions).toContain('fewer than 70 % of the gold pairs right');
  });

  it('over HTTP: looked at, left out, counted again, all of it in the log', async () => {
    const { db, dataFolder } = await setUp(plan);
    const server = await testServer(db, dataFolder);
    const { token, id } = await createToken(
      db,
      await Sessions.open(db),
      { expires: Date.now() + 60_000, scope: 'all', label: '' },
      fromCommandLine,
    );
    const call = async (path: string, body?: object) => {
      const response = await fetch(`${server.url}/api/studies/study/annotators${path}`, {
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        ...(body && { method: 'POST', body: JSON.stringify(body) }),
      });
      return { status: response.status, json: (await response.json()) as Record<string, unknown> };
    };
    const excluded = async () => (await call('')).json['annotators'] as { id: string; excluded: string | null }[];
    expect((await call('/lee/exclude', { reason: ' ' })).status).toBe(400);
    expect((await call('/lee/exclude', { reason: 'gold' })).status).toBe(200);
    expect((await call('/lee/exclude', { reason: 'gold' })).status).toBe(409);
    expect((await excluded()).find((person) => person.id === 'lee')!.excluded).toBe('gold');
    expect((await call('/lee/include', { reason: '' })).status).toBe(200);
    expect((await excluded()).find((person) => person.id === 'lee')!.excluded).toBeNull();
    expect((await call('/nobody/exclude', { reason: 'gold' })).status).toBe(404);
    const log = await listAuditEntries(db);
    expect(log.slice(-2).map(({ actor, action }) => [actor, action])).toEqual([
      [`token ${id}`, 'study exclude'],
      [`token ${id}`, 'study include'],
    ]);
    await server.close();
  });
});
