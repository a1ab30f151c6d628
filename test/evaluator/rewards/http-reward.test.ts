/** @file A reward that is a program elsewhere: what is sent, what is tried again, what never mixes, what is refused. */
import { spawn, spawnSync } from 'node:child_process';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterEach, describe, expect, it } from 'vitest';
import type { RewardQuestion } from '../../../contract/http-reward.ts';
import type { Database } from '../../../db/open.ts';
import { listScores, findReward } from '../../../db/queries/rewards.ts';
import { findModel } from '../../../db/queries/models.ts';
import { findPromptSet } from '../../../db/queries/prompts.ts';
import { ImageStore } from '../../../evaluator/engine/images/store.ts';
import { addReward } from '../../../evaluator/rewards/add.ts';
import { askReward, HttpScorer } from '../../../evaluator/rewards/http-scorer.ts';
import { scoreAll } from '../../../evaluator/rewards/image-scorer.ts';
import { scoreImages } from '../../../evaluator/rewards/reward.ts';
import { scoreRenders } from '../../../evaluator/rewards/score.ts';
import { freshSqlite } from '../../support/databases.ts';
import { projectRoot, temporaryFolder } from '../../support/folders.ts';
import { addRenderedModel, importNumberedPrompts } from '../../support/studies.ts';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** Scores an image by the length of its prompt; what comes first in `odd` is answered first. */
class Judge {
  version = 'judge 1';
  batch = 2;
  asked: RewardQuestion['items'][] = [];
  authorizations: (string | undefined)[] = [];
  odd: Answer[] = [];
  readonly #server = createServer((request, response) => {
    void (async () => {
      this.authorizations.push(request.headers.authorization);
      const body = request.method === 'POST' ? ((await json(request)) as RewardQuestion) : undefined;
      const odd = this.odd.shift();
      if (odd !== undefined) {
        odd(request, response);
        return;
      }
      response.setHeader('content-type', 'application/json');
      if (body === undefined) {
        response.end(JSON.stringify({ version: this.version, batch: this.batch }));
        return;
      }
      this.asked.push(body.items);
      const scores = body.items.map(({ prompt }) => (prompt === 'none' ? null : prompt.length));
      response.end(JSON.stringify({ version: this.version, scores }));
    })();
  });

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this.url;
  }
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/score`;
  }
  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

const judges: Judge[] = [];
async function judge(): Promise<Judge> {
  const made = new Judge();
  judges.push(made);
  await made.listen();
  return made;
}
afterEach(() => {
  for (const made of judges.splice(0)) made.close();
});

async function image(): Promise<string> {
  const file = join(temporaryFolder(), 'image.png');
  await sharp({ create: { width: 5, height: 3, channels: 3, background: { r: 1, g: 2, b: 3 } } })
    .withExif({ IFD0: { ImageDescription: 'made by ncp-dpo' } })
    .png()
    .toFile(file);
  return file;
}

const answer =
  (status: number, body: string): Answer =>
  (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(body);
  };
const cut: Answer = (request) => void request.socket.destroy();

describe('an http reward', () => {
  it('gets prompts and pixels in batches, and gives image by prompt', async () => {
    const asked = await judge();
    const { url } = asked;
    const files = [await image(), await image()];
    const scores = await scoreImages({ kind: 'http', url, images: files, prompts: ['a', 'bcd', 'ef'] });
    expect(scores).toEqual([
      [1, 3, 2],
      [1, 3, 2],
    ]);
    expect(asked.asked.map((items) => items.length)).toEqual([2, 2, 2]);
    const { image: sent, type, sha256 } = asked.asked[0]![0]!;
    const bytes = Buffer.from(sent, 'base64');
    expect([type, sha256]).toEqual(['image/png', expect.stringMatching(/^[0-9a-f]{64}$/)]);
    const { data, info } = await sharp(bytes).raw().toBuffer({ resolveWithObject: true });
    expect([info.width, info.height, [...data.subarray(0, 3)]]).toEqual([5, 3, [1, 2, 3]]);
    // What else the file holds would tell the judge who made it.
    expect(bytes.includes('ncp-dpo')).toBe(false);
  });

  it('what may pass is tried again, what will not is said at once', async () => {
    const made = await judge();
    const quick = { waitMs: 1 };
    const scorer = new HttpScorer(await askReward(made.url, quick), quick);
    const files = [await image()];
    made.odd = [answer(503, 'busy'), cut, answer(429, 'slowly'), answer(500, 'oops')];
    expect(await scoreAll(scorer, files, ['abc'])).toEqual([[3]]);
    made.odd = Array.from({ length: 5 }, () => answer(502, 'down'));
    await expect(scoreAll(scorer, files, ['abc'])).rejects.toThrow(`${made.url} answered 502: down`);
    made.odd = Array.from({ length: 5 }, () => cut);
    await expect(scoreAll(scorer, files, ['abc'])).rejects.toThrow('does not answer');
    for (const [odd, message] of [
      [answer(422, 'no such\n prompt'), 'answered 422: no such prompt'],
      [answer(200, 'ok'), 'answers no JSON'],
      [answer(200, '{"version":"judge 1"}'), 'answers something else: scores'],
      [answer(200, '{"version":"judge 1","scores":[1,2]}'), 'gave 2 scores for 1 images'],
      [answer(200, '{"version":"judge 2","scores":[1]}'), 'is version judge 2 now; it was judge 1'],
      [answer(200, `{"version":"judge 1","scores":["${'1'.repeat(2 ** 20)}"]}`), 'is too long'],
    ] as [Answer, string][]) {
      made.odd = [odd];
      await expect(scoreAll(scorer, files, ['abc'])).rejects.toThrow(message);
      expect(made.odd).toEqual([]);
    }
  });

  it('an image is never sent on to another address', async () => {
    const [made, other] = [await judge(), await judge()];
    const quick = { waitMs: 1 };
    const scorer = new HttpScorer(await askReward(made.url, quick), quick);
    made.odd = Array.from({ length: 5 }, (): Answer => (_request, response) => {
      response.writeHead(307, { location: other.url });
      response.end();
    });
    await expect(scoreAll(scorer, [await image()], ['abc'])).rejects.toThrow('does not answer');
    expect(other.asked).toEqual([]);
  });

  it('a request is closed before its images are too many bytes, and none is lost or exchanged', async () => {
    const made = await judge();
    const reward = { ...(await askReward(made.url)), batch: 3 };
    const prompts = ['a', 'bc', 'def', 'ghij'];
    // No image is as small as a byte: each has a request of its own.
    const scorer = new HttpScorer(reward, { largestQuestion: 1 });
    expect(await scoreAll(scorer, [await image()], prompts)).toEqual([[1, 2, 3, 4]]);
    expect(made.asked.map((items) => items.length)).toEqual([1, 1, 1, 1]);
  });

  it('a token is sent where one is set', async () => {
    const made = await judge();
    await askReward(made.url, { token: 'hush' });
    await askReward(made.url);
    expect(made.authorizations).toEqual(['Bearer hush', undefined]);
  });

  it.each([
    [{ kind: 'http' }, 'needs --url'],
    [{ kind: 'http', url: 'file:///etc/passwd' }, 'is no address of a reward'],
    [{ kind: 'http', url: 'nonsense' }, 'is no address of a reward'],
    [{ kind: 'http', url: 'http://me:secret@localhost' }, 'holds no name and no password'],
    [{ kind: 'http', url: 'http://localhost', network: '.' }, 'takes --url, and no --network'],
    [{ kind: 'pickscore', url: 'http://localhost' }, '--url is for rewards of kind http'],
    [{ kind: 'pickscore' }, 'needs --network'],
    [{ kind: 'nonsense', url: 'http://localhost' }, 'There is no reward kind "nonsense"'],
  ])('%j is refused', async (source, message) => {
    await expect(scoreImages({ images: [], prompts: [], ...source })).rejects.toThrow(message);
  });
});

const python = spawnSync('python3', ['--version']).status === 0;
if (!python) console.warn('No python3 found: the example of a reward server is not tried.');

it.skipIf(!python)(
  'the example in docs/ is such a program',
  async () => {
    const probe = await judge();
    const port = Number(new URL(probe.url).port);
    probe.close();
    const example = spawn('python3', [join(projectRoot, 'docs', 'examples', 'reward-server.py'), String(port)]);
    try {
      const url = `http://127.0.0.1:${port}/`;
      const reward = await askReward(url, { waitMs: 300 });
      expect(reward).toEqual({ url, version: 'length 1', batch: 8 });
      const [[score]] = (await scoreAll(new HttpScorer(reward), [await image()], ['a'])) as [[number]];
      expect(score).toBeGreaterThan(0);
    } finally {
      example.kill();
    }
  },
  20_000,
);

describe('renders scored by an http reward', () => {
  async function setUp(db: Database) {
    const dataFolder = temporaryFolder();
    await importNumberedPrompts(db, 3);
    await addRenderedModel(db, new ImageStore(dataFolder), { name: 'one', prompts: 'prompts', colour: [9, 9, 9] });
    const score = (batch?: number) =>
      scoreRenders(db, new ImageStore(dataFolder), {
        ...{ prompts: 'prompts', model: 'one', reward: 'judge', dataFolder, device: { kind: 'cpu' } },
        batch,
      });
    const values = async () => {
      const [set, model, reward] = [
        await findPromptSet(db, 'prompts'),
        await findModel(db, 'one'),
        await findReward(db, 'judge'),
      ];
      const rows = await listScores(db, { promptSetId: set!.id, modelId: model!.id, reward: reward! });
      return rows.map(({ value }) => value);
    };
    return { score, values, dataFolder };
  }

  it('only what is missing is asked; another version is another network', async () => {
    const { db } = await freshSqlite();
    const { score, values } = await setUp(db);
    const made = await judge();
    await addReward(db, { name: 'judge', kind: 'http', url: made.url });
    // The program takes two at once, whatever was asked for here.
    expect(await score(64)).toMatchObject({ scored: 3, skipped: 0, failed: [] });
    expect(made.asked.map((items) => items.length)).toEqual([2, 1]);
    expect(await values()).toEqual(made.asked.flat().map(({ prompt }) => prompt.length));
    expect(await score()).toMatchObject({ scored: 0, skipped: 3 });
    expect(made.asked.flat()).toHaveLength(3);

    made.version = 'judge 2';
    expect(await addReward(db, { name: 'judge', kind: 'http', url: made.url })).toMatchObject({ replaced: true });
    expect(await values()).toEqual([]);
    expect(await score()).toMatchObject({ scored: 3 });
    expect(made.asked.flat()).toHaveLength(6);
  });

  it('the same bytes for the same words are asked once, whatever set they are in', async () => {
    const { db } = await freshSqlite();
    const { score, dataFolder } = await setUp(db);
    const made = await judge();
    await addReward(db, { name: 'judge', kind: 'http', url: made.url });
    await score();
    await importNumberedPrompts(db, 3, 'again');
    await db
      .insertInto('render')
      .columns([
        ...(['id', 'model_id', 'prompt_id', 'seed', 'image_sha256', 'width', 'height'] as const),
        ...(['provenance', 'created_at'] as const),
      ])
      .expression((e) =>
        e
          .selectFrom('render as r')
          .innerJoin('prompt as p', 'p.id', 'r.prompt_id')
          .innerJoin('prompt as q', (join) => join.onRef('q.text', '=', 'p.text').onRef('q.id', '<>', 'p.id'))
          .select(['q.id as id', 'r.model_id', 'q.id as prompt_id', 'r.seed', 'r.image_sha256', 'r.width', 'r.height'])
          .select(['r.provenance', 'r.created_at']),
      )
      .execute();
    const scoreAgain = (folder: string) =>
      scoreRenders(db, new ImageStore(folder), {
        ...{ prompts: 'again', model: 'one', reward: 'judge', dataFolder: folder, device: { kind: 'cpu' } },
      });
    const renders = (set: string) =>
      db
        .selectFrom('render as r')
        .innerJoin('prompt as p', 'p.id', 'r.prompt_id')
        .innerJoin('prompt_set as s', 's.id', 'p.prompt_set_id')
        .select('r.id')
        .where('s.name', '=', set);
    const second = (set: string) =>
      db
        .selectFrom('prompt as p')
        .innerJoin('prompt_set as s', 's.id', 'p.prompt_set_id')
        .select('p.id')
        .where('s.name', '=', set)
        .where('p.position', '=', 1);
    expect(await scoreAgain(temporaryFolder())).toMatchObject({ scored: 0, skipped: 3, failed: [] });
    expect(made.asked.flat()).toHaveLength(3);
    // Other words for the same bytes are another question.
    await db.deleteFrom('score').where('render_id', 'in', renders('again')).execute();
    await db.updateTable('prompt').set({ text: 'else' }).where('id', 'in', second('again')).execute();
    expect(await scoreAgain(dataFolder)).toMatchObject({ scored: 1, skipped: 2 });
    expect(made.asked.flat().map(({ prompt }) => prompt)).toEqual(['prompt 0', 'prompt 1', 'prompt 2', 'else']);
  });

  it('one without a score is named, the others are kept', async () => {
    const { db } = await freshSqlite();
    const { score } = await setUp(db);
    const made = await judge();
    await db.updateTable('prompt').set({ text: 'none' }).where('position', '=', 1).execute();
    await addReward(db, { name: 'judge', kind: 'http', url: made.url });
    const summary = await score();
    expect(summary).toMatchObject({ scored: 2, failed: [{ prompt: 'none', message: `${made.url} gave no score.` }] });
  });
});
