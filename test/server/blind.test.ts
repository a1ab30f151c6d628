/** @file Nothing that an annotator receives tells which model made an image. */
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import type { Database } from '../../db/open.ts';
import type { AssignmentView } from '../../contract/annotate.ts';
import { encodePng } from '../../evaluator/engine/images/png.ts';
import { ImageStore } from '../../evaluator/engine/images/store.ts';
import { freshSqlite } from '../support/databases.ts';
import { testServer, TestClient } from '../support/clients.ts';
import { temporaryFolder } from '../support/folders.ts';
import { openStudyOf, reportOfTwo } from '../support/studies.ts';

interface Seen {
  /** Everything received as text, opaque ids and times masked. */
  text: string[];
  images: Buffer[];
}

/** All that one annotator's browser gets in a study of 12 pairs: page, bundle, events, image responses. */
async function browse(db: Database, a: string, b: string): Promise<Seen> {
  const fixture = await openStudyOf(db, { pairs: 12, models: [a, b], votesPerPair: 1 });
  const server = await testServer(db, fixture.dataFolder);
  const seen: Seen = { text: [], images: [] };
  const mask = (text: string) =>
    text
      .replaceAll(server.url, 'URL')
      .replaceAll(fixture.token, 'TOKEN')
      .replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'UUID')
      .replace(/images\/[\w-]{22}/g, 'images/ID')
      .replace(/"expiresAt":\d+/g, '"expiresAt":0')
      .replace(/"date":"[^"]+"/g, '"date":""')
      .replace(/"content-length":"\d+"/g, '"content-length":""');

  const page = await fetch(`${server.url}/annotate/${fixture.token}`);
  const html = await page.text();
  seen.text.push(mask(JSON.stringify(Object.fromEntries(page.headers))), mask(html));
  for (const [, path] of html.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g))
    seen.text.push(await (await fetch(server.url + path!)).text());

  const client = await TestClient.connect(server.url, fixture.token, 'ann');
  const events: string[] = [];
  for (;;) {
    const assignment = await client.ok<AssignmentView | null>('assignment:next');
    if (assignment === null) break;
    events.push(mask(JSON.stringify(assignment)));
    // Which pairs come together is drawn; each is told alike.
    const { assignments } = await client.ok<{ assignments: object[] }>('assignment:preload');
    for (const ahead of assignments)
      events.push(`ahead ${mask(JSON.stringify(ahead)).replace(/"prompt \d+"/, '"prompt"')}`);
    for (const image of [assignment.left, assignment.right]) {
      const response = await fetch(server.url + image.url);
      expect(response.headers.has('etag')).toBe(false);
      expect(response.headers.has('last-modified')).toBe(false);
      events.push(mask(JSON.stringify(Object.fromEntries(response.headers))));
      seen.images.push(Buffer.from(await response.arrayBuffer()));
    }
    for (const criterion of assignment.criteria)
      events.push(mask(JSON.stringify(await client.vote(assignment.id, criterion, 'left'))));
  }
  client.close();
  await server.close();
  // The next pair is drawn among a few, so the order differs from run to run; the set of events must not.
  const unordered = events.map((event) => event.replace(/"done":\d+/, '"done":0'));
  seen.text.push(...new Set(unordered));
  seen.text.sort();
  return seen;
}

describe('blinding', () => {
  it('swapping the two models changes nothing an annotator receives but ids, times and pixels', async () => {
    const first = await browse((await freshSqlite()).db, 'aardvark', 'buffalo');
    const swapped = await browse((await freshSqlite()).db, 'buffalo', 'aardvark');
    expect(swapped.text).toEqual(first.text);
    expect(first.images).toHaveLength(24);
  });

  it('neither text nor image bytes hold a model’s name, and images have pixel chunks alone', async () => {
    const { text, images } = await browse((await freshSqlite()).db, 'aardvark', 'buffalo');
    for (const part of text) expect(part).not.toMatch(/aardvark|buffalo/);
    for (const image of images) {
      expect(image.includes('aardvark') || image.includes('buffalo')).toBe(false);
      const chunks: string[] = [];
      for (let offset = 8; offset < image.length; offset += 12 + image.readUInt32BE(offset))
        chunks.push(image.toString('latin1', offset + 4, offset + 8));
      expect(chunks.filter((chunk) => !['IHDR', 'IDAT', 'IEND', 'pHYs'].includes(chunk))).toEqual([]);
    }
  });

  it('the left image is the left one’s render and the right the right one’s, on both sides, with sizes that follow', async () => {
    const { db } = await freshSqlite();
    // Of different sizes, so that a size that stays behind is noticed too.
    const fixture = await openStudyOf(db, {
      pairs: 4,
      votesPerPair: 3,
      sizes: [
        { width: 8, height: 8 },
        { width: 12, height: 10 },
      ],
    });
    const server = await testServer(db, fixture.dataFolder);
    const store = new ImageStore(fixture.dataFolder);
    const pixelsOf = async (bytes: Uint8Array) =>
      sharp(bytes).removeAlpha().raw().toBuffer({ resolveWithObject: true });
    const sides = { left: 0, right: 0 };
    for (const participant of ['ann', 'bob', 'cy']) {
      const client = await TestClient.connect(server.url, fixture.token, participant);
      for (let assignment = await client.next(); assignment !== null; assignment = await client.next()) {
        const onRecord = await db
          .selectFrom('assignment as x')
          .innerJoin('pair as p', 'p.id', 'x.pair_id')
          .innerJoin('render as a', 'a.id', 'p.render_a_id')
          .innerJoin('render as b', 'b.id', 'p.render_b_id')
          .select(['x.side_a', 'a.image_sha256 as a', 'b.image_sha256 as b'])
          .where('x.id', '=', assignment.id)
          .executeTakeFirstOrThrow();
        sides[onRecord.side_a] += 1;
        const expected = {
          left: onRecord.side_a === 'left' ? onRecord.a : onRecord.b,
          right: onRecord.side_a === 'left' ? onRecord.b : onRecord.a,
        };
        for (const side of ['left', 'right'] as const) {
          const { url, width, height } = assignment[side];
          const shown = await pixelsOf(Buffer.from(await (await fetch(server.url + url)).arrayBuffer()));
          const made = await pixelsOf(await store.read(expected[side]));
          expect(shown.data.equals(made.data), `${side} of ${assignment.id}`).toBe(true);
          expect([width, height]).toEqual([made.info.width, made.info.height]);
        }
        for (const criterion of assignment.criteria) await client.vote(assignment.id, criterion, onRecord.side_a);
      }
      client.close();
    }
    await server.close();
    expect(sides).toEqual({ left: 6, right: 6 });
    // Everybody chose A, wherever it was.
    const { criteria, modelA } = await reportOfTwo(db, fixture.name);
    expect(modelA).toBe('aardvark');
    for (const { wins, votes } of criteria) expect([wins, votes.a, votes.b]).toEqual([4, 12, 0]);
  });

  it('size, headers and order of a pair’s images say nothing about the model, although one’s files are larger', async () => {
    const { db } = await freshSqlite();
    // A's images are noise, which hardly compresses, B's are smooth.
    const dataFolder = temporaryFolder();
    const fixture = await openStudyOf(db, { pairs: 60, votesPerPair: 1, criteria: ['general'], dataFolder });
    const store = new ImageStore(dataFolder);
    const random = coin(7);
    const [modelA] = await db.selectFrom('pairing').select('model_a_id').execute();
    for (const render of await db.selectFrom('render').select(['id', 'model_id']).execute()) {
      const isA = render.model_id === modelA!.model_a_id;
      const pixels = new Uint8Array(64 * 64 * 3).map((_, i) => (isA ? 256 * random() : (i / 64) % 256));
      const image_sha256 = await store.put(await encodePng(pixels, 64, 64));
      await db.updateTable('render').set({ image_sha256, width: 64, height: 64 }).where('id', '=', render.id).execute();
    }
    const server = await testServer(db, dataFolder);
    const client = await TestClient.connect(server.url, fixture.token, 'ann');
    const found: { isA: boolean; bytes: number; headers: string }[] = [];
    for (let assignment = await client.next(); assignment !== null; assignment = await client.next()) {
      const { side_a } = await db
        .selectFrom('assignment')
        .select('side_a')
        .where('id', '=', assignment.id)
        .executeTakeFirstOrThrow();
      for (const side of ['left', 'right'] as const) {
        const response = await fetch(server.url + assignment[side].url);
        const headers = [...response.headers].filter(([name]) => name !== 'date').join('; ');
        const bytes = (await response.arrayBuffer()).byteLength;
        found.push({ isA: side === side_a, bytes, headers });
      }
      for (const criterion of assignment.criteria) await client.vote(assignment.id, criterion, 'left');
    }
    client.close();
    await server.close();
    expect(found).toHaveLength(120);
    // Without padding it would be 1: the files of A are all larger.
    const sizes = (isA: boolean) => found.filter((one) => one.isA === isA).map(({ bytes }) => bytes);
    expect(areaUnderCurve(sizes(true), sizes(false))).toBe(0.5);
    for (let pair = 0; pair < found.length; pair += 2) expect(found[pair]!.headers).toBe(found[pair + 1]!.headers);
    // A is on the left in half of the pairs, so that the order says nothing either.
    expect(found.filter(({ isA }, i) => isA && i % 2 === 0)).toHaveLength(30);
  }, 30_000);
});

/** The probability that a value of the first kind is larger than one of the second, equal ones counted half. */
function areaUnderCurve(first: number[], second: number[]): number {
  let sum = 0;
  for (const a of first) for (const b of second) sum += a > b ? 1 : a === b ? 0.5 : 0;
  return sum / (first.length * second.length);
}

/** Reproducible noise. */
function coin(seed: number): () => number {
  let state = seed * 2654435761;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 0) / 2 ** 32;
  };
}
