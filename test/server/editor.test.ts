/** @file What the study editor asks: what there is, what a file would make, and what is refused; on both engines. */
import { Buffer } from 'node:buffer';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, it } from 'vitest';
import { studyCheckSchema, materialSchema } from '../../contract/editor.ts';
import type { Database } from '../../db/open.ts';
import { ImageStore } from '../../evaluator/engine/images/store.ts';
import { createStudy } from '../../server/study/design.ts';
import { imageOfPrompt } from '../../server/study/editor.ts';
import { designOf, parseStudyFile } from '../../server/study/study-file.ts';
import { apiCaller, testServer } from '../support/clients.ts';
import { onBothEngines } from '../support/databases.ts';
import { addRenderedModel, importNumberedPrompts } from '../support/studies.ts';
import { temporaryFolder } from '../support/folders.ts';

onBothEngines('the editor', (fresh) => {
  /** Three models of eight prompts; the last one lacks two of them, and has two with another seed. */
  async function setUp() {
    const { db } = await fresh();
    const dataFolder = temporaryFolder();
    const images = new ImageStore(dataFolder);
    await importNumberedPrompts(db, 8);
    await addRenderedModel(db, images, { name: 'ape', prompts: 'prompts', colour: [9, 9, 9] });
    await addRenderedModel(db, images, { name: 'bee', prompts: 'prompts', colour: [99, 9, 9] });
    const seedsOf = (position: number) => (position < 2 ? [] : position < 4 ? [7] : [0]);
    await addRenderedModel(db, images, { name: 'cat', prompts: 'prompts', colour: [9, 99, 9], seedsOf });
    const server = await testServer(db, dataFolder);
    const ask = await apiCaller(db, server);
    const call = (path: string, body?: object | FormData) => ask(body === undefined ? 'GET' : 'POST', path, body);
    return { db, dataFolder, server, call };
  }

  it('lists sets, models and what they rendered', async () => {
    const { server, call } = await setUp();
    const { json } = await call('/material');
    expect(materialSchema.parse(json)).toEqual({
      promptSets: [
        {
          ...{ name: 'prompts', prompts: 8 },
          categories: [
            { name: 'Animals', prompts: 4 },
            { name: 'Arts', prompts: 4 },
          ],
        },
      ],
      models: [
        { name: 'ape', kind: 'imported', rendered: [{ promptSet: 'prompts', prompts: 8 }] },
        { name: 'bee', kind: 'imported', rendered: [{ promptSet: 'prompts', prompts: 8 }] },
        { name: 'cat', kind: 'imported', rendered: [{ promptSet: 'prompts', prompts: 6 }] },
      ],
    });
    await server.close();
  });

  it.each([
    [{ modelA: 'ape', modelB: 'bee' }, 8, []],
    [{ modelA: 'ape', modelB: 'bee', promptSample: 3 }, 3, []],
    // Of cat's six images two have a seed that ape's have not.
    [{ modelA: 'ape', modelB: 'cat' }, 4, [{ modelA: 'ape', modelB: 'cat', prompts: 4 }]],
    [
      { models: ['ape', 'bee', 'cat'] },
      16,
      [
        { modelA: 'ape', modelB: 'cat', prompts: 4 },
        { modelA: 'bee', modelB: 'cat', prompts: 4 },
      ],
    ],
    [
      { models: ['ape', 'bee', 'cat'], against: 'bee', promptSample: 4 },
      8,
      [{ modelA: 'cat', modelB: 'bee', prompts: 4 }],
    ],
    [
      {
        modelA: 'ape',
        modelB: 'bee',
        visit: { gold: { every: 2, pairs: [{ prompt: 'prompt 3', answers: { general: 'a' } }] } },
      },
      7,
      [],
    ],
  ])('%j would make %i pairs, as many as it then makes', async (design, pairs, missing) => {
    const { db, server, call } = await setUp();
    const file = { name: 'taste', promptSet: 'prompts', ...design };
    const { json } = await call('/studies/check', { file });
    const check = studyCheckSchema.parse(json);
    expect([check.pairs, check.missing]).toEqual([pairs, missing]);
    const made = await createStudy(db, designOf(parseStudyFile(check.yaml, 'x')));
    expect(made.pairs).toBe(pairs);
    // The YAML is the same study.
    expect(
      (await call('/studies/check', { yaml: check.yaml.replace('name: taste', 'name: other') })).json['pairs'],
    ).toBe(pairs);
    await server.close();
  });

  it.each([
    { models: ['ape', 'bee'] },
    { modelA: 'ape', modelB: 'bee' },
    { models: ['ape', 'bee'], against: 'ape' },
    { models: ['ape', 'bee', 'cat'], against: 'ape' },
    { models: ['ape', 'bee', 'cat'], criteria: ['general'] },
  ])('the hash that %j is told is the one that it gets', async (design) => {
    const { db, server, call } = await setUp();
    const file = { name: 'taste', promptSet: 'prompts', plan: { primary: 'general' }, ...design };
    const check = studyCheckSchema.parse((await call('/studies/check', { file })).json);
    const { study } = await createStudy(db, designOf(parseStudyFile(check.yaml, 'x')));
    expect(check.sha256).toBe(study.planSha256);
    await server.close();
  });

  it('the picker shows the images that the pair will', async () => {
    const { db, dataFolder, server } = await setUp();
    const images = new ImageStore(dataFolder);
    await addRenderedModel(db, images, { name: 'dog', prompts: 'prompts', colour: [1, 2, 3], seedsOf: () => [3, 7] });
    await addRenderedModel(db, images, { name: 'eel', prompts: 'prompts', colour: [4, 5, 6], seedsOf: () => [7] });
    const { study } = await createStudy(
      db,
      designOf(parseStudyFile('name: x\npromptSet: prompts\nmodelA: dog\nmodelB: eel', 'x')),
    );
    const pairs = await db
      .selectFrom('pair as q')
      .innerJoin('prompt as p', 'p.id', 'q.prompt_id')
      .innerJoin('render as r', 'r.id', 'q.render_a_id')
      .select(['p.position', 'r.image_sha256'])
      .where('q.study_id', '=', study.id)
      .execute();
    expect(pairs).toHaveLength(8);
    for (const { position, image_sha256: sha256 } of pairs)
      expect(await imageOfPrompt(db, { promptSet: 'prompts', position, model: 'dog', beside: 'eel' })).toBe(sha256);
    await expect(imageOfPrompt(db, { promptSet: 'prompts', position: 0, model: 'cat', beside: 'eel' })).rejects.toThrow(
      'have no images of this prompt with one seed',
    );
    await server.close();
  });

  it('odd addresses are not found on either engine', async () => {
    const { server, call } = await setUp();
    for (const path of [
      ...[
        '/prompt-sets/prompts/images/abc?model=ape&beside=bee',
        '/prompt-sets/prompts/images/1.5?model=ape&beside=bee',
      ],
      ...['/prompt-sets/prompts/images/99999999999999?model=ape&beside=bee', '/prompt-sets/a%00b'],
      ...['/prompt-sets/prompts/images/0?model=a%00b&beside=bee', '/studies/a%00b/file'],
    ])
      expect((await call(path)).status, path).toBe(404);
    await server.close();
  });

  it('refuses in one sentence, and makes nothing', async () => {
    const { db, server, call } = await setUp();
    const base = { name: 'taste', promptSet: 'prompts', modelA: 'ape', modelB: 'bee' };
    const gold = (pair: object) => ({ gold: { every: 2, pairs: [pair] } });
    const sequential = { primary: 'general', stopping: 'e-value' };
    for (const [body, message] of [
      [{ file: { ...base, modelB: 'dog' } }, 'There is no model named "dog"'],
      [{ file: { ...base, promptSet: 'none' } }, 'There is no prompt set named "none"'],
      [{ file: { ...base, modelB: 'ape' } }, '"ape" is named twice'],
      [{ file: { ...base, votesPerPair: 0 } }, 'votesPerPair: '],
      [
        { file: { ...base, visit: gold({ prompt: 'elsewhere', answers: { general: 'a' } }) } },
        'is no prompt of the study',
      ],
      [
        { file: { ...base, criteria: ['appeal'], visit: gold({ prompt: 'prompt 1', answers: { general: 'a' } }) } },
        'which the study does not ask',
      ],
      [
        { file: { ...base, models: ['ape', 'bee', 'cat'], modelA: undefined, modelB: undefined, plan: sequential } },
        'can only be superiority with a fixed number of votes',
      ],
      [{ file: { ...base, promptSample: 9 } }, 'prompt sample is 9; it must be from 1 to 8.'],
      [{ file: { ...base, votes: 3 } }, 'Unrecognized key'],
      [{ yaml: 'name: [' }, 'The file, line'],
      [{}, ''],
    ] as const) {
      const { status, json } = await call('/studies/check', body);
      expect([status >= 400 && status < 500, json.error?.message]).toEqual([true, expect.stringContaining(message)]);
    }
    expect(
      (await call('/studies', { file: { ...base, plan: { primary: 'general', hypothesis: 'equivalence' } } })).json
        .error?.message,
    ).toBe('plan.margin: is needed for equivalence.');
    expect(await countStudies(db)).toBe(0);
    await server.close();
  });

  it('prompts and images come in whole or not at all, and leave no files behind', async () => {
    const { db, dataFolder, server, call } = await setUp();
    expect(await call('/prompt-sets', { name: 'new', text: 'a\nb\n' })).toMatchObject({
      status: 201,
      json: { prompts: 2 },
    });
    expect((await call('/prompt-sets', { name: 'a\nb', text: 'c' })).status).toBe(400);
    expect((await call('/prompt-sets', { name: 'new', text: 'c' })).json.error?.message).toContain('exists already');
    const odd = await call('/prompt-sets', { name: 'odd', format: 'jsonl', text: '{"prompt": "a"}\n{' });
    expect(odd.status).toBe(400);
    expect(odd.json.error?.message).toContain('What was sent');
    expect(odd.json.error?.message).not.toContain(dataFolder);

    const png = await sharp({ create: { width: 8, height: 8, channels: 3, background: 'red' } })
      .png()
      .toBuffer();
    const form = (files: [string, Buffer][], request: object = { name: 'dog', prompts: 'new' }) => {
      const data = new FormData();
      data.set('request', JSON.stringify(request));
      for (const [name, bytes] of files) data.append('images', new Blob([new Uint8Array(bytes)]), name);
      return data;
    };
    for (const [data, message] of [
      [form([['00000.png', png.subarray(0, 60)]]), '00000.png'],
      [
        form([
          ['00000.png', png],
          ['00002.png', png],
        ]),
        '00002.png is for prompt 2; the set has 2',
      ],
      [form([['fox.png', png]]), 'is not named by its prompt'],
      [form([['00000.png', png]], { name: 'dog', prompts: 'none' }), 'There is no prompt set named "none"'],
      [form([['00000.png', png]], {}), 'The field "request" must be'],
      [form([]), ''],
    ] as const) {
      const { status, json } = await call('/models', data);
      expect([status, json.error?.message]).toEqual([400, expect.stringContaining(message)]);
      expect(json.error!.message).not.toContain(dataFolder);
    }
    expect(await call('/models', form([['00000.png', png]]))).toMatchObject({
      status: 201,
      json: { name: 'dog', imported: 1 },
    });
    // Where it came from is told without a folder that is gone.
    const origins = await db.selectFrom('render').select('provenance').execute();
    expect(origins.map(({ provenance }) => provenance).filter((text) => text.includes('upload'))).toEqual([
      expect.stringContaining('"importedFrom":"upload/00000.png"'),
    ]);
    // The second image comes later; one that is there is not replaced.
    expect(await call('/models', form([['00001.png', png]]))).toMatchObject({ status: 201, json: { imported: 1 } });
    expect((await call('/models', form([['00001.png', png]]))).status).toBe(400);
    expect(readdirSync(join(dataFolder, 'uploads'))).toEqual([]);
    await server.close();
  });
});

async function countStudies(db: Database): Promise<number> {
  const { count } = await db
    .selectFrom('study')
    .select((e) => e.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow();
  return Number(count);
}
