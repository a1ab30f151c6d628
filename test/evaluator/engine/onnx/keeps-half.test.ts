/** @file A session that keeps weights in half precision leaves them where they are stored; otherwise it holds them in float32. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { attributeType, dataType, encodeModel, type OnnxNode } from '../../../../evaluator/engine/onnx/model-file.ts';
import { createSession } from '../../../../evaluator/engine/onnx/session.ts';
import { temporaryFolder } from '../../../support/folders.ts';

it('weights in half precision are not widened when the session is made', async () => {
  const side = 8192; // 128 MiB in float16, 256 MiB widened
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'w'), new Uint8Array(side * side * 2));
  const port = (name: string) => ({
    name,
    type: { tensorType: { elemType: dataType.float32, shape: { dim: [{ dimValue: 1 }, { dimValue: side }] } } },
  });
  const to = [{ name: 'to', type: attributeType.int, i: dataType.float32 }];
  const node: OnnxNode[] = [
    { name: 'cast', opType: 'Cast', input: ['w'], output: ['widened'], attribute: to },
    { name: 'product', opType: 'MatMul', input: ['x', 'widened'], output: ['y'], attribute: [] },
  ];
  const externalData = Object.entries({ location: 'w', offset: '0', length: String(side * side * 2) }).map(
    ([key, value]) => ({ key, value }),
  );
  const model = encodeModel({
    ...{ irVersion: 9, opsetImport: [{ domain: '', version: 20 }] },
    graph: {
      ...{ node, input: [port('x')], output: [port('y')], valueInfo: [] },
      initializer: [{ name: 'w', dims: [side, side], dataType: dataType.float16, dataLocation: 1, externalData }],
    },
  });
  const file = join(folder, 'model.onnx');
  writeFileSync(file, model);
  const taken = async (keepsHalf: boolean) => {
    const before = process.memoryUsage().rss;
    const session = await createSession({ file, keepsHalf }, { kind: 'cpu' });
    const after = process.memoryUsage().rss;
    await session.release();
    return (after - before) / 2 ** 20;
  };
  expect(await taken(true)).toBeLessThan(100);
  expect(await taken(false)).toBeGreaterThan(200);
}, 60_000);
