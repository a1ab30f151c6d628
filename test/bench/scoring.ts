/**
 * Images per second through the scorer, decoding and resizing included, as a ratio to the bare session at the same batch in
 * the same run, on an image tower of ViT-B/16's size with random weights; then the starter's tower over many images, for the
 * memory. Usage: npx tsx test/bench/scoring.ts [images on the large tower] [images on the small one]
 */
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Graph } from '../../evaluator/engine/autodiff/graph.ts';
import { encodePng } from '../../evaluator/engine/images/png.ts';
import { dataType, writeModel } from '../../evaluator/engine/onnx/model-file.ts';
import { createSession } from '../../evaluator/engine/onnx/session.ts';
import { readNetworkFolder } from '../../evaluator/rewards/network-folder.ts';
import type { PromptedImage } from '../../evaluator/rewards/image-scorer.ts';
import { RewardScorer } from '../../evaluator/rewards/reward-scorer.ts';
import { starter } from '../../evaluator/starter/starter.ts';
import { Random } from '../../evaluator/statistics/random.ts';

const [large, small] = [Number(process.argv[2] ?? 32), Number(process.argv[3] ?? 10_000)];
const batch = 8;
const random = new Random(0);
const folder = mkdtempSync(join(tmpdir(), 'visavis-scoring-'));

/** Twelve blocks of width 768 on 196 patches; a head of one number, so that no prompt takes part. */
async function buildTower(): Promise<string> {
  const [width, patches, heads] = [768, 196, 12];
  const graph = new Graph();
  let next = 0;
  const weight = (...dims: number[]) => {
    const name = `weight${next++}`;
    const data = Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => (random.uniform() - 0.5) * 0.05);
    graph.initialize({ name, dims, dataType: dataType.float32, rawData: new Uint8Array(data.buffer) });
    return name;
  };
  const pixels = graph.input('pixel_values', [batch, 3, 224, 224]);
  const convolved = graph.add('Conv', [pixels, weight(width, 3, 16, 16)], [batch, width, 14, 14], {
    strides: [16, 16],
  });
  let x = graph.transpose(graph.reshape(convolved, [batch, width, patches]), [0, 2, 1]);
  const norm = (value: string) =>
    graph.add('LayerNormalization', [value, weight(width), weight(width)], graph.dims(value), { axis: -1 });
  for (let layer = 0; layer < 12; layer++) {
    const input = norm(x);
    const [q, k, v] = [0, 1, 2].map(() =>
      graph.transpose(
        graph.reshape(graph.matmul(input, weight(width, width)), [batch, patches, heads, width / heads]),
        [0, 2, 1, 3],
      ),
    ) as [string, string, string];
    const scores = graph.times(graph.matmul(q, graph.transposeLast(k)), (width / heads) ** -0.5);
    const mixed = graph.matmul(graph.add('Softmax', [scores], graph.dims(scores), { axis: -1 }), v);
    const joined = graph.reshape(graph.transpose(mixed, [0, 2, 1, 3]), [batch, patches, width]);
    x = graph.plus(x, graph.matmul(joined, weight(width, width)));
    const hidden = graph.matmul(norm(x), weight(width, 4 * width));
    x = graph.plus(x, graph.matmul(graph.times(hidden, graph.unary('Sigmoid', hidden)), weight(4 * width, width)));
  }
  graph.output(graph.matmul(graph.reduce('ReduceMean', x, [1], false), weight(width, width)), 'image_embeds');
  const tower = join(folder, 'tower');
  mkdirSync(tower);
  await writeModel(join(tower, 'model.onnx'), graph.toModel());
  const head = new Graph();
  const embeddings = head.input('embeddings', [batch, width]);
  head.output(head.reduce('ReduceMean', embeddings, [1]), 'score');
  await writeModel(join(tower, 'head.onnx'), head.toModel());
  return tower;
}

async function writeImages(count: number, size: number): Promise<PromptedImage[]> {
  const pixels = new Uint8Array(size * size * 3);
  const images: PromptedImage[] = [];
  for (let i = 0; i < count; i++) {
    for (let k = 0; k < pixels.length; k++) pixels[k] = (k * (i + 3)) >> 6;
    const file = join(folder, `${size}-${i}.png`);
    writeFileSync(file, await encodePng(pixels, size, size));
    images.push({ file, sha256: i.toString(16).padStart(64, '0'), prompt: 'a red circle' });
  }
  return images;
}

try {
  const tower = await buildTower();
  const images = await writeImages(large, 512);
  const session = await createSession({ file: join(tower, 'model.onnx') }, { kind: 'cpu' });
  const pixels = {
    type: 'float32' as const,
    data: new Float32Array(batch * 3 * 224 * 224).fill(0.1),
    dims: [batch, 3, 224, 224],
  };
  const bareRate = async () => {
    const started = performance.now();
    for (let i = 0; i < large; i += batch) await session.run({ pixel_values: pixels });
    return (1000 * large) / (performance.now() - started);
  };
  await bareRate();
  const before = await bareRate();
  const scorer = new RewardScorer(await readNetworkFolder(tower, 'aesthetic'), { device: { kind: 'cpu' }, batch });
  for await (const _ of scorer.score(images.slice(0, batch).map((p) => ({ ...p, sha256: `f${p.sha256.slice(1)}` }))))
    void _;
  const started = performance.now();
  for await (const { results } of scorer.score(images))
    if ('refused' in results[0]!) throw new Error(results[0].refused);
  const rate = (1000 * large) / (performance.now() - started);
  const bare = (before + (await bareRate())) / 2;
  console.log(
    `ViT-B/16 size: ${rate.toFixed(2)} images/s of 512 × 512, bare session ${bare.toFixed(2)}: ${(rate / bare).toFixed(2)}`,
  );
  await scorer.close();
  await session.release();

  const network = join(folder, 'small');
  cpSync(starter.reward.network, network, { recursive: true });
  const one = await writeImages(50, 64);
  const many = Array.from({ length: small }, (_, i) => ({
    ...one[i % 50]!,
    sha256: (i + 1).toString(16).padStart(64, '0'),
  }));
  const keys = { folder: join(folder, 'cache'), visionKey: 'vision', textKey: 'text' };
  for (const round of ['first', 'again']) {
    const starterScorer = new RewardScorer(await readNetworkFolder(network, 'pickscore'), {
      device: { kind: 'cpu' },
      cache: keys,
    });
    const begun = performance.now();
    const memory: string[] = [];
    for await (const { start } of starterScorer.score(many)) {
      if (start % (small / 5) === 0) memory.push(`${start}: ${Math.round(process.memoryUsage().rss / 2 ** 20)} MiB`);
    }
    console.log(
      `${round}: ${small} images in ${((performance.now() - begun) / 1000).toFixed(1)} s; ${memory.join(', ')}`,
    );
    await starterScorer.close();
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
