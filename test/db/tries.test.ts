/** @file Limits are counted alike by whoever was faster and whoever waited; a clock that was set back ends no limit and prolongs none for ever. */
import { expect, it } from 'vitest';
import { countTry } from '../../db/queries/tries.ts';
import { onBothEngines } from '../support/databases.ts';

onBothEngines('tries', (fresh) => {
  it('are counted in a span, in whatever order they come to the database', async () => {
    const { db } = await fresh();
    const at = (now: number) => countTry(db, { what: 'x', spanMs: 1000, now });
    expect([await at(5000), await at(5003), await at(5001), await at(4990), await at(5999)]).toEqual([1, 2, 3, 4, 5]);
    expect(await at(6000)).toBe(1);
  });

  it('begin anew where the clock was set back by more than a span', async () => {
    const { db } = await fresh();
    const at = (now: number) => countTry(db, { what: 'x', spanMs: 1000, now });
    expect([await at(50_000), await at(50_001)]).toEqual([1, 2]);
    expect(await at(20_000)).toBe(1);
    expect(await at(20_500)).toBe(2);
    expect(await at(21_000)).toBe(1);
  });
});
