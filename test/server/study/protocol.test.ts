/**
 * @file Exactly k, no vote lost, no seat leaked: random schedules on both engines, and every schedule of a small study.
 * VISAVIS_SCHEDULES=10000 and
 * VISAVIS_MODEL_DEPTH=6 (of two pairs and three people) look further.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { connect, openDatabase } from '../../../db/open.ts';
import { onBothEngines } from '../../support/databases.ts';
import { temporaryFolder } from '../../support/folders.ts';
import { doings, Protocol, type Step } from '../../support/protocol.ts';
import { openStudyOf } from '../../support/studies.ts';

const schedules = Number(process.env['VISAVIS_SCHEDULES'] ?? 60);

const step = (people: number): fc.Arbitrary<Step> =>
  fc.oneof(
    { weight: 12, arbitrary: fc.record({ person: fc.nat(people - 1), doing: fc.constantFrom(...doings) }) },
    // Otherwise most schedules never get to a second pair.
    {
      weight: 12,
      arbitrary: fc.record({ person: fc.nat(people - 1), doing: fc.constantFrom('next' as const, 'vote') }),
    },
    { weight: 1, arbitrary: fc.constant('expiry' as const) },
  );

onBothEngines('a random schedule', (fresh) => {
  it('keeps every vote, k a place, and every seat', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 3 }),
        fc.array(step(3), { minLength: 10, maxLength: 60 }),
        async (pairs, k, steps) => {
          const { db } = await fresh();
          const criteria = ['appeal' as const, 'general' as const];
          const { token, name } = await openStudyOf(db, { pairs, votesPerPair: k, criteria });
          const protocol = await Protocol.start(db, { token, study: name, k, people: 3 });
          for (const each of steps) await protocol.take(each);
          await protocol.check();
          await protocol.finish(token);
          await db.destroy();
        },
      ),
      { numRuns: schedules, endOnFailure: true },
    );
  }, 3_600_000);
});

describe('a small study', () => {
  // 0: until no new state comes, which takes hours.
  const depth = Number(process.env['VISAVIS_MODEL_DEPTH'] ?? 4);
  const deep = depth === 0 || depth > 4;
  const size = deep ? { pairs: 2, k: 2, people: 3 } : { pairs: 1, k: 2, people: 2 };

  it(`of ${size.pairs} pairs, k = ${size.k}, ${size.people} people, is right after every order of ${depth || 'all'} steps`, async () => {
    const folder = temporaryFolder();
    const first = join(folder, '0.db');
    const db = await openDatabase(first);
    const { token, name } = await openStudyOf(db, { pairs: size.pairs, votesPerPair: size.k, criteria: ['general'] });
    const start = await Protocol.start(db, { token, study: name, k: size.k, people: size.people });
    await db.destroy();

    const all: Step[] = ['expiry'];
    for (let person = 0; person < size.people; person++) for (const doing of doings) all.push({ person, doing });
    const seen = new Set<string>();
    let states: { bytes: Buffer; protocol: Protocol }[] = [{ bytes: readFileSync(first), protocol: start }];
    const file = join(folder, 'state.db');
    let taken = 0;
    for (let level = 1; states.length > 0 && (depth === 0 || level <= depth); level++) {
      const reached: typeof states = [];
      for (const state of states) {
        for (const each of all) {
          // A free seat is drawn: of two or four, so many tries miss one once in a hundred.
          const isDrawn = each !== 'expiry' && (each.doing === 'next' || each.doing === 'preload');
          for (let attempt = 0; attempt < (isDrawn ? 2 * size.pairs * size.k : 1); attempt++) {
            writeFileSync(file, state.bytes);
            const copy = connect(file);
            // A state is thrown away; nothing of it has to reach the disk.
            await sql`pragma synchronous = off`.execute(copy);
            const protocol = state.protocol.on(copy);
            await protocol.take(each);
            taken += 1;
            const signature = await protocol.signature();
            const isNew = !seen.has(signature);
            if (isNew) await protocol.check();
            await copy.destroy();
            if (!isNew) continue;
            seen.add(signature);
            reached.push({ bytes: readFileSync(file), protocol });
          }
        }
      }
      states = reached;
      if (deep) console.error(`${level} steps: ${seen.size} states, ${taken} steps taken`);
    }
    // It got somewhere: two people who only ask and vote have a dozen states.
    expect(seen.size).toBeGreaterThan(50);
  }, 86_400_000);
});
