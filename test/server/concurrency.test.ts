/** @file Exactly k, at any concurrency, through real sockets. Slow: 64 clients on each engine. */
import { expect, it } from 'vitest';
import { countedVotes } from '../../db/queries/counted-votes.ts';
import { findStudy } from '../../db/queries/studies.ts';
import { joinStudy, nextAssignment } from '../../server/study/assignments.ts';
import { onBothEngines } from '../support/databases.ts';
import { testServer, TestClient } from '../support/clients.ts';
import { openStudyOf } from '../support/studies.ts';

/** Reproducible coin flips. */
function coin(seed: number): () => number {
  let state = seed * 2654435761;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 0) / 2 ** 32;
  };
}

onBothEngines('64 clients on 30 pairs', (fresh) => {
  it('are not told that nothing is left while seats are free', async () => {
    const { db } = await fresh();
    const fixture = await openStudyOf(db, { pairs: 30 });
    const people = await Promise.all(
      Array.from({ length: 64 }, (_, i) => joinStudy(db, { token: fixture.token, participant: `person-${i}` })),
    );
    const first = await Promise.all(
      people.map((person) => nextAssignment(db, person, { leaseMs: 60_000, graceMs: 1000 })),
    );
    expect(first.filter((assignment) => assignment === null)).toEqual([]);
  });

  it('end with exactly 90 votes a criterion, none twice, with random disconnects', async () => {
    const { db } = await fresh();
    const fixture = await openStudyOf(db, { pairs: 30 });
    const server = await testServer(db, fixture.dataFolder, { graceMs: 50, leaseMs: 2000 });
    const acknowledged = new Map<string, boolean>();

    async function work(person: number): Promise<void> {
      const random = coin(person + 1);
      for (let round = 0; round < 400; round++) {
        const client = await TestClient.connect(server.url, fixture.token, `person-${person}`);
        try {
          for (;;) {
            const assignment = await client.next();
            if (assignment === null) break;
            for (const criterion of assignment.criteria) {
              if (random() < 0.08) throw new Error('walked away');
              const voteId = crypto.randomUUID();
              const sent = client.vote(assignment.id, criterion, random() < 0.5 ? 'left' : 'right', voteId);
              // Now and then the line is cut while the answer is on its way.
              if (random() < 0.04) client.close();
              acknowledged.set(voteId, (await sent).counted);
            }
          }
          const { slots, filled } = await progress();
          if (filled === slots) return;
        } catch {
          // Gone; comes back below.
        } finally {
          client.close();
        }
        await new Promise((resolve) => setTimeout(resolve, 20 + 80 * random()));
      }
    }
    async function progress() {
      const { filled } = await db
        .selectFrom('slot')
        .select((e) => e.fn.countAll<number>().as('filled'))
        .executeTakeFirstOrThrow();
      return { slots: 30 * 3 * 3, filled: Number(filled) };
    }

    await Promise.all(Array.from({ length: 64 }, (_, person) => work(person)));
    await server.close();

    const votes = await countedVotes(db, (await findStudy(db, fixture.name))!.id, 'people');
    for (const criterion of ['appeal', 'general', 'alignment']) {
      const ofOne = votes.filter((vote) => vote.criterion === criterion);
      expect(ofOne).toHaveLength(90);
      for (let pair = 0; pair < 30; pair++) {
        const people = ofOne.filter((vote) => vote.pair === pair).map((vote) => vote.annotator);
        expect(people).toHaveLength(3);
        expect(new Set(people).size).toBe(3);
      }
    }
    // Every vote that was acknowledged is there, counted or surplus as its answer said.
    const rows = await db.selectFrom('vote').select(['id', 'counted']).execute();
    const stored = new Map(rows.map((row) => [row.id, row.counted === 1]));
    for (const [id, wasCounted] of acknowledged) expect(stored.get(id)).toBe(wasCounted);
  }, 120_000);
});
