/** @file Nothing that an annotator receives tells which model made an image. */
import { describe, expect, it } from 'vitest';
import type { Database } from '../../db/open.ts';
import type { AssignmentView } from '../../contract/annotate.ts';
import { freshSqlite } from '../support/databases.ts';
import { testServer, TestClient } from '../support/clients.ts';
import { openStudyOf } from '../support/studies.ts';

interface Seen {
  /** Everything received as text, opaque ids and times masked. */
  text: string[];
  images: Buffer[];
}

/** All that one annotator's browser gets in a study of 12 pairs: page, bundle, events, image responses. */
async function browse(db: Database, a: string, b: string): Promise<Seen> {
  const fixture = await openStudyOf(db, { pairs: 12, a, b, votesPerPair: 1 });
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
    events.push(mask(JSON.stringify(assignment)), mask(JSON.stringify(await client.ok('assignment:preload'))));
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
  const unordered = events.map((event) => event.replace(/"done":\d+/, '"done":0')).sort();
  seen.text.push(...unordered);
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
});
