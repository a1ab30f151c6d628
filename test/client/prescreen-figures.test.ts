import { describe, expect, it } from 'vitest';
import type { CandidateResult, PrescreenResult } from '../../contract/prescreen.ts';
import { prescreenFigures } from '../../client/report/prescreen-figures.ts';
import { loadRenderer } from '../../server/report/renderer.ts';
import { screenReward } from '../../evaluator/screens/screen.ts';

/** Base scores 0 … 9; a candidate's are shifted, so that it wins every prompt or loses it. */
const base = Float64Array.from({ length: 10 }, (_, i) => i);
const candidate = (model: string, shift: number, checkpoint: CandidateResult['checkpoint'] = null) => ({
  model,
  checkpoint,
  scores: base.map((score) => score + shift),
});

function resultOf(candidates: ReturnType<typeof candidate>[]): PrescreenResult {
  const reward = screenReward(
    { reward: 'a<b', kind: 'pickscore', baseline: candidate('base & co', 0), candidates },
    Array<null>(10).fill(null),
    0,
  );
  return {
    ...{ promptSet: 'p', prompts: 10, baseline: 'base & co', seed: 0 },
    ...{ rewards: [reward], requirements: [], passed: true, problems: [] },
  };
}

const at = (run: string, step: number, deviceSeconds: number | null) => ({ run, step, deviceSeconds });

describe('figures of a prescreen', () => {
  it('models: win rates with intervals', () => {
    const [figure, ...others] = prescreenFigures(resultOf([candidate('up', 1), candidate('down', -1)]));
    expect(others).toEqual([]);
    expect(figure).toMatchObject({ kind: 'intervals', name: 'win-rates-1', labels: ['up', 'down'], reference: 50 });
    const points = figure!.kind === 'intervals' ? figure!.panels[0]!.points : [];
    // Wilson, 10 of 10: low = n/(n + z²) = 10/13.841.
    expect(points.map(({ value, low, high }) => [value, low, high])).toEqual([
      [100, expect.closeTo(72.25, 2), 100],
      [0, 0, expect.closeTo(27.75, 2)],
    ]);
    expect(figure!.table.rows[0]!.slice(0, 5)).toEqual(['up', '', '', '', 1]);
  });

  it('checkpoints: one curve a run, over device time where every one has it, else over steps', () => {
    const timed = [
      candidate('one@20', 2, at('one', 20, 600)),
      candidate('one@10', -1, at('one', 10, 300)),
      candidate('two@10', 5, at('two', 10, 900)),
    ];
    const [figure] = prescreenFigures(resultOf(timed));
    expect(figure).toMatchObject({ kind: 'curves', name: 'curves-1', runs: ['one', 'two'], unit: 'device minutes' });
    if (figure!.kind !== 'curves') throw new Error('no curves');
    // The base's median is 4.5, a candidate's is shifted.
    expect(figure!.best).toBe('two@10');
    const [medians, winRates] = figure!.panels;
    expect(medians!.reference).toEqual({ value: 4.5, name: 'base & co' });
    expect(medians!.curves.map((points) => points.map(({ x, value }) => [x, value]))).toEqual([
      [
        [5, 3.5],
        [10, 6.5],
      ],
      [[15, 9.5]],
    ]);
    expect(winRates!.curves.map((points) => points.map(({ value }) => value))).toEqual([[0, 100], [100]]);
    const steps = prescreenFigures(resultOf([...timed.slice(0, 2), candidate('two@10', 5, at('two', 10, null))]))[0];
    expect(steps).toMatchObject({ unit: 'step' });
  });

  it('as one file: every drawing under its title, none over another', async () => {
    const { allFiguresSvg, figureSvg } = await loadRenderer();
    const result = resultOf([candidate('one@10', 1, at('one', 10, 5)), candidate('other', 2)]);
    const svg = allFiguresSvg(result);
    expect(svg).toBe(allFiguresSvg(result));
    expect(svg).toContain('a&lt;b while training, against base &amp; co');
    const parts = [...svg.matchAll(/<svg x="16" y="([\d.]+)"[^>]*viewBox="0 0 ([\d.]+) ([\d.]+)"/g)].map((part) =>
      part.slice(1).map(Number),
    );
    expect(parts).toHaveLength(2);
    expect(parts[1]![0]).toBeGreaterThan(parts[0]![0]! + parts[0]![2]!);
    const [, width, height] = /^<svg [^>]*viewBox="0 0 ([\d.]+) ([\d.]+)"/.exec(svg)!.map(Number);
    expect(height).toBeGreaterThanOrEqual(parts[1]![0]! + parts[1]![2]!);
    expect(width).toBeGreaterThanOrEqual(32 + Math.max(parts[0]![1]!, parts[1]![1]!));
    expect(figureSvg(result, 'win-rates-1')).toContain('>100.0 (72.2–100.0), n = 10</text>');
    expect(svg).not.toMatch(/var\(|class=|<!--/);
  });
});
