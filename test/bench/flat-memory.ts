/**
 * @file Memory over many renders: the resident set after 100 and after 1,000 starter renders.
 * Run: npx tsx test/bench/flat-memory.ts [renders]
 */
import { Pipeline } from '../../evaluator/engine/diffusion/pipeline.ts';
import { encodePng } from '../../evaluator/engine/images/png.ts';
import { starter } from '../../evaluator/starter/starter.ts';

const renders = Number(process.argv[2] ?? 1000);
const pipeline = await Pipeline.load({ folder: starter.pipeline, adapters: [] }, { kind: 'cpu' });
const settings = { ...starter.settings, negativePrompt: null, width: 128, height: 128 };
const hooks = { shouldStop: () => false, onStep: () => undefined };
const started = performance.now();
for (let i = 1; i <= renders; i++) {
  const [image] = await pipeline.generate([`a red circle ${i}`], [i], settings, hooks);
  await encodePng(image!.pixels, 128, 128, settings);
  if (i === 100 || i % (renders / 4) === 0) {
    const seconds = (performance.now() - started) / 1000;
    console.log(
      `${i} renders: ${(process.memoryUsage().rss / 2 ** 20).toFixed(0)} MiB, ${((1000 * seconds) / i).toFixed(0)} ms each`,
    );
  }
}
