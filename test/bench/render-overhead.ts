/**
 * @file Share of a render's time outside session.run, which is the limit: starter model, DDIM, 20 steps, guidance.
 * Run: npx tsx test/bench/render-overhead.ts [images]
 */
import ort from 'onnxruntime-node';
import { Pipeline } from '../../evaluator/engine/diffusion/pipeline.ts';
import { encodePng } from '../../evaluator/engine/images/png.ts';
import { starter } from '../../evaluator/starter/starter.ts';

let inside = 0;
const prototype = (ort.InferenceSession as unknown as { prototype: unknown }).prototype as {
  run: (...argv: unknown[]) => Promise<unknown>;
};
const plain = prototype.run;
prototype.run = async function (...argv) {
  const started = performance.now();
  try {
    return await plain.apply(this, argv);
  } finally {
    inside += performance.now() - started;
  }
};

const images = Number(process.argv[2] ?? 30);
const pipeline = await Pipeline.load({ folder: starter.pipeline, adapters: [] }, { kind: 'cpu' });
const settings = { ...starter.settings, negativePrompt: null, width: 128, height: 128 };
const hooks = { shouldStop: () => false, onStep: () => undefined };
await pipeline.generate(['warm-up'], [0], settings, hooks);
inside = 0;
const started = performance.now();
for (let i = 0; i < images; i++) {
  const [image] = await pipeline.generate([`a red circle ${i}`], [i], settings, hooks);
  await encodePng(image!.pixels, 128, 128, settings);
}
const total = performance.now() - started;
console.log(
  `${(total / images).toFixed(1)} ms an image, ${((100 * (total - inside)) / total).toFixed(1)} % of it outside session.run`,
);
