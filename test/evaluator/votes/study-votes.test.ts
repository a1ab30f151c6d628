/** @file A study's votes as one value: who is left out, and the way through JSON and back. */
import { expect, it } from 'vitest';
import { readVotes, reportOfVotes, votesCounted, writtenVotes } from '../../../evaluator/votes/study-votes.ts';
import { outcomes, sides, VoteTableBuilder } from '../../../evaluator/votes/vote-table.ts';

/** Two items; ann says a, a, bob b, b, of whose second vote no time is known. */
function studyVotes(excluded: string[]) {
  const table = new VoteTableBuilder(['general']);
  for (const [annotator, outcome] of [
    ['ann', outcomes.a],
    ['bob', outcomes.b],
  ] as const)
    for (const item of [0, 1])
      table.add({
        item: table.itemIndex({ id: String(item), category: null, challenge: null }),
        annotator: table.annotatorIndex(annotator),
        criterion: 0,
        outcome,
        sideOfA: item === 0 ? sides.left : sides.unknown,
        responseTimeMs: annotator === 'bob' && item === 1 ? NaN : 500,
      });
  return {
    ...{ study: 's', simulated: false },
    pairings: [{ modelA: 'x', modelB: 'y', votesPerPair: 1, votes: table.finish() }],
    excluded: new Map(excluded.map((id) => [id, 'a reason'])),
  };
}

it.each([
  ['ann', { a: 0, b: 2, tie: 0, shareA: 0 }],
  ['bob', { a: 2, b: 0, tie: 0, shareA: 1 }],
])('without %s the others’ votes are left, and no more of them', (id, expected) => {
  const votes = studyVotes([id]);
  expect(votesCounted(votes).pairings[0]!.votes.count).toBe(2);
  const report = reportOfVotes(votes);
  if ('pairings' in report) throw new Error('it is of two models');
  expect(report.criteria[0]!.votes).toEqual(expected);
  expect(report.withExcluded).toMatchObject({ annotators: 1, votes: 2 });
});

it('through JSON and back they are the same votes, under other names; a time that is not known stays so', () => {
  const votes = studyVotes(['bob']);
  const text = JSON.stringify(writtenVotes(votes, (id) => id.toUpperCase()));
  const read = readVotes(JSON.parse(text) as ReturnType<typeof writtenVotes>);
  expect(read.excluded).toEqual(new Map([['BOB', 'a reason']]));
  const { votes: table } = read.pairings[0]!;
  expect(table.annotators).toEqual(['ANN', 'BOB']);
  expect([...table.item]).toEqual([0, 1, 0, 1]);
  expect([...table.outcome]).toEqual([0, 0, 1, 1]);
  expect([...table.sideOfA]).toEqual([0, -1, 0, -1]);
  expect([...table.responseTimeMs]).toEqual([500, 500, 500, NaN]);
});
