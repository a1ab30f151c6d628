/** @file What is fuzzed: good inputs to begin with, and what reads them. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parquetWriteBuffer } from 'hyparquet-writer';
import sharp from 'sharp';
import { openDatabase } from '../../db/open.ts';
import { readAdapter } from '../../evaluator/engine/diffusion/lora.ts';
import { decodeRgb } from '../../evaluator/engine/images/decode.ts';
import { encodePng } from '../../evaluator/engine/images/png.ts';
import { ImageStore } from '../../evaluator/engine/images/store.ts';
import { readModel } from '../../evaluator/engine/onnx/model-file.ts';
import { readSafeTensors } from '../../evaluator/engine/onnx/safetensors.ts';
import { openPreferences } from '../../evaluator/preference/preference-rows.ts';
import { parsePrompts } from '../../evaluator/prompts/parse.ts';
import { importRenders } from '../../evaluator/renders/import.ts';
import { importVotes } from '../../evaluator/votes/import.ts';
import { Sessions } from '../../server/http/session.ts';
import { TestClient, testServer } from '../support/clients.ts';
import { importNumberedPrompts, openStudyOf } from '../support/studies.ts';

export interface Target {
  /** How its files end. */
  end: string;
  seeds: Buffer[];
  /** @param file holds the bytes */
  read(bytes: Buffer, file: string): Promise<unknown>;
}

const text = (...lines: string[]) => Buffer.from(lines.join('\n') + '\n');
const assets = new URL('../../evaluator/starter/assets/', import.meta.url);
const asset = (path: string) => readFileSync(new URL(path, assets));
const pixels = new Uint8Array(16 * 12 * 3).map((_, i) => (i * 31) % 256);
const picture = () => sharp(pixels, { raw: { width: 16, height: 12, channels: 3 } });

const image = (end: string, encode: () => Promise<Buffer>) => async (): Promise<Target> => ({
  end,
  seeds: [await encode()],
  read: (bytes, file) => decodeRgb(bytes, file),
});
const prompts =
  (end: string, ...seeds: Buffer[]) =>
  (): Promise<Target> =>
    Promise.resolve({ end, seeds, read: (bytes, file) => Promise.resolve(parsePrompts(bytes, file)) });
const votes =
  (end: string, ...seeds: Buffer[]) =>
  (): Promise<Target> =>
    Promise.resolve({ end, seeds, read: (_, file) => importVotes(file) });

const drain = (path: string) => openPreferences(path).then(({ rows }) => rows.length);

const preferenceColumns = () =>
  Buffer.from(
    parquetWriteBuffer({
      columnData: [
        { name: 'caption', data: ['a', 'b', 'c'], type: 'STRING' },
        { name: 'image_0_uid', data: ['x', 'y', 'z'], type: 'STRING' },
        { name: 'image_1_uid', data: ['u', 'v', 'w'], type: 'STRING' },
        { name: 'label_0', data: [1, 0, 0.5], type: 'DOUBLE' },
      ],
    }),
  );

/** Made when it is their turn. */
export const targets: Record<string, (folder: string) => Promise<Target>> = {
  safetensors: async () => {
    const seeds = [asset('adapters/dpo.safetensors')];
    return { end: 'safetensors', seeds, read: (_, file) => readSafeTensors(file) };
  },
  adapter: async () => {
    const seeds = [asset('adapters/dpo.safetensors')];
    return { end: 'safetensors', seeds, read: (_, file) => readAdapter(file) };
  },
  onnx: async () => ({ end: 'onnx', seeds: [asset('reward/model.onnx')], read: (_, file) => readModel(file) }),
  png: image('png', () => encodePng(pixels, 16, 12, { seed: 1 })),
  jpeg: image('jpg', () => picture().jpeg().toBuffer()),
  webp: image('webp', () => picture().webp().toBuffer()),
  'prompts-tsv': prompts(
    'tsv',
    text('Prompt\tCategory\tChallenge\tNote', 'a cat\tAnimals\tBasic\t', 'b\tArts\tBasic\tx'),
  ),
  'prompts-csv': prompts('csv', text('prompt,category', '"a, cat",Animals', 'b,Arts')),
  'prompts-jsonl': prompts('jsonl', text('{"prompt":"a cat","category":"Animals"}', '{"prompt":"b"}')),
  'prompts-txt': prompts('txt', text('a cat', 'a dog')),
  'votes-csv': votes(
    'csv',
    text('item,annotator,choice,criterion', '1,ann,a,general', '1,bob,b,general', '2,ann,tie,general'),
  ),
  'votes-jsonl': votes(
    'jsonl',
    text('{"item":1,"annotator":"ann","choice":"a"}', '{"item":2,"annotator":"bob","choice":"b"}'),
  ),
  parquet: async () => ({ end: 'parquet', seeds: [preferenceColumns()], read: (_, file) => drain(file) }),
  'preferences-jsonl': async () => ({
    end: 'jsonl',
    seeds: [text('{"caption":"a","image_0_uid":"x","image_1_uid":"y","label_0":1}')],
    read: (_, file) => drain(file),
  }),
  manifest: async (folder) => {
    const db = await openDatabase(':memory:');
    await importNumberedPrompts(db, 3);
    const images = new ImageStore(join(folder, 'data'));
    const seeds = [text('prompt,path,seed', 'prompt 0,0.png,0', 'prompt 1,1.png,0')];
    const read = (_: Buffer, source: string) =>
      importRenders(db, images, { source, prompts: 'prompts', model: randomUUID(), confined: true });
    return { end: 'csv', seeds, read };
  },
  http: async (folder) => {
    // A file: the server's thread opens it too.
    const db = await openDatabase(join(folder, 'visavis.db'));
    await openStudyOf(db, { pairs: 2, dataFolder: folder });
    const server = await testServer(db, folder);
    const authorization = `Bearer ${(await Sessions.open(db)).token(Date.now() + 24 * 3600_000)}`;
    const seeds = [
      '{"state":"paused"}',
      '{"promptSet":"prompts","baseline":"aardvark","candidates":["buffalo"],"rewards":["r"],"require":["r.winRate>=0.5"]}',
      '{"name":"s","votesPerPair":3,"criteria":["general"],"ties":false,"seed":0,"disagreement":1}',
    ].map((json) => Buffer.from(json));
    const places = [
      'PATCH /api/studies/study',
      'POST /api/prescreens',
      'POST /api/prescreens/last/study',
      'POST /research/login',
    ];
    const read = async (bytes: Buffer) => {
      for (const place of places) {
        const [method, path] = place.split(' ') as [string, string];
        const type = path.startsWith('/api') ? 'application/json' : 'application/x-www-form-urlencoded';
        const response = await fetch(server.url + path, {
          method,
          headers: { authorization, 'content-type': type },
          body: new Uint8Array(bytes),
          redirect: 'manual',
        });
        await response.arrayBuffer();
        if (response.status >= 500) throw new Error(`${place} answered ${response.status}`);
      }
    };
    return { end: 'json', seeds, read };
  },
  socket: async (folder) => {
    const db = await openDatabase(':memory:');
    const fixture = await openStudyOf(db, { pairs: 2, dataFolder: folder });
    const server = await testServer(db, folder);
    const seeds = [
      '2/annotate,1["assignment:next",{}]',
      '2/annotate,2["vote:cast",{"voteId":"4c0c5b3e-8d0c-4c6e-9a54-000000000000","assignmentId":"x","criterion":"general","choice":"left","responseTimeMs":5}]',
      '0/annotate,{"token":"x"}',
      '51-/annotate,["vote:cast",{"_placeholder":true,"num":0}]',
    ].map((packet) => Buffer.from(packet));
    const read = async (bytes: Buffer) => {
      const client = await TestClient.connect(server.url, fixture.token, `fuzz-${randomUUID()}`);
      // As the engine sends it, whatever it says.
      (client.socket.io.engine as unknown as { write(data: string): void }).write(bytes.toString('latin1'));
      const payload = ((): unknown => {
        try {
          return JSON.parse(bytes.toString('utf8').replace(/^[^[]*/, ''));
        } catch {
          return bytes.toString('utf8');
        }
      })();
      for (const event of ['vote:cast', 'vote:undo', 'assignment:next']) {
        const answer = await client.send(event, payload).catch(() => undefined);
        if (answer !== undefined && !answer.ok && answer.error.code === 'internal')
          throw new Error(`${event} answered internal`);
      }
      client.close();
      if ((await fetch(`${server.url}/healthz`)).status !== 200) throw new Error('the server is not healthy');
    };
    return { end: 'txt', seeds, read };
  },
};
