/** @file Counts a study's votes anew and compares them with the tally that is kept while people vote. */
import { isDeepStrictEqual } from 'node:util';
import type { Database } from '../../db/open.ts';
import { correctAnnotators, countedTallies, holdSlots, keptTallies, replaceTallies } from '../../db/queries/tallies.ts';
import { requireStudy } from './lifecycle.ts';

export interface Recount {
  /** Votes that count, people's and simulated ones. */
  votes: number;
  /** What was kept wrong and is right now; empty when all agreed. */
  corrected: string[];
}

/** @throws ServiceError not-found */
export async function recount(db: Database, name: string): Promise<Recount> {
  return db.transaction().execute(async (tx) => {
    const study = await requireStudy(tx, name);
    await holdSlots(tx);
    const [kept, counted] = [await keptTallies(tx, study.id), await countedTallies(tx, study.id)];
    const corrected: string[] = [];
    if (!isDeepStrictEqual(kept, counted)) {
      await replaceTallies(tx, study.id, counted);
      corrected.push('the tally');
    }
    const annotators = await correctAnnotators(tx, study.id);
    if (annotators > 0)
      corrected.push(`the progress of ${annotators === 1 ? 'an annotator' : `${annotators} annotators`}`);
    return { votes: counted.reduce((sum, { a, b, tie }) => sum + a + b + tie, 0), corrected };
  });
}
