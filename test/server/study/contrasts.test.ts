/** @file The pairs whose images differ most, for whoever looks while people still vote. */
import { expect, it } from 'vitest';
import { contrastsOf } from '../../../server/study/gallery.ts';
import { onBothEngines } from '../../support/databases.ts';
import { openStudyOf } from '../../support/studies.ts';

onBothEngines('contrasts', (fresh) => {
  it('six of an open study, the largest difference first, without models and votes', async () => {
    const { db } = await fresh();
    // Red and blue of 200 and 30, lighter by 7 a prompt; from the ninth on the 200 is beyond 255 and begins at 0 again.
    const { name } = await openStudyOf(db, { pairs: 12 });
    const { pairs, of } = await contrastsOf(db, name);
    expect(of).toBe(12);
    expect(pairs).toHaveLength(6);
    for (const pair of pairs) {
      expect(Object.keys(pair).sort()).toEqual(['difference', 'position', 'prompt']);
      expect(Number(pair.prompt.replace('prompt ', ''))).toBeLessThan(8);
      expect(pair.difference).toBeCloseTo((2 * 170) / 3 / 255, 3);
    }
    const positions = pairs.map(({ position }) => position);
    expect(positions).toEqual([...positions].sort((a, b) => a - b));
    await expect(contrastsOf(db, 'none')).rejects.toThrow('There is no study named "none".');
  });
});
