/** @file Studies that are being written: kept without overwriting anybody, and previewed without a trace; on both engines. */
import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import type { AssignmentView, Preload } from '../../contract/annotate.ts';
import type { VisitView } from '../../contract/visit.ts';
import { ImageStore } from '../../evaluator/engine/images/store.ts';
import { Previews } from '../../server/socket/previews.ts';
import { joinStudy, nextAssignment } from '../../server/study/assignments.ts';
import { openPreview, previewMaterial } from '../../server/study/preview.ts';
import { castVote } from '../../server/study/votes.ts';
import { apiCaller, TestClient, testServer } from '../support/clients.ts';
import { onBothEngines } from '../support/databases.ts';
import { temporaryFolder } from '../support/folders.ts';
import { addRenderedModel, importNumberedPrompts } from '../support/studies.ts';

onBothEngines('drafts', (fresh) => {
  async function setUp() {
    const { db } = await fresh();
    const dataFolder = temporaryFolder();
    const images = new ImageStore(dataFolder);
    await importNumberedPrompts(db, 30);
    await addRenderedModel(db, images, { name: 'ape', prompts: 'prompts', colour: [9, 9, 9] });
    await addRenderedModel(db, images, { name: 'bee', prompts: 'prompts', colour: [99, 9, 9] });
    const server = await testServer(db, dataFolder);
    const call = await apiCaller(db, server);
    return { db, dataFolder, server, call };
  }
  const file = {
    ...{ name: 'taste', promptSet: 'prompts', modelA: 'ape', modelB: 'bee', criteria: ['general'] },
    plan: { primary: 'general' },
    visit: {
      welcome: 'Hello *you*',
      practice: [{ prompt: 'prompt 3', criterion: 'general', answer: 'a' }],
      ends: { finished: { code: 'C1' } },
      thanks: 'Thanks',
    },
  };

  it('are kept, changed by whoever has seen the newest, and thrown away', async () => {
    const { server, call } = await setUp();
    const id = randomUUID();
    const content = { criteria: ['general'], visit: {} };
    expect((await call('PUT', `/drafts/${id}`, { name: '', content, version: 1 })).status).toBe(200);
    // The same once more, as after a lost answer, is the same; another first version is somebody else's.
    expect((await call('PUT', `/drafts/${id}`, { name: '', content, version: 1 })).status).toBe(200);
    const clash = await call('PUT', `/drafts/${id}`, { name: 'x', content, version: 1 });
    expect(clash).toMatchObject({ status: 409, json: { error: { code: 'conflict' } } });
    expect((await call('PUT', `/drafts/${id}`, { name: 'taste', content, version: 2 })).json).toMatchObject({
      version: 2,
    });
    expect((await call('PUT', `/drafts/${id}`, { name: 'late', content, version: 2 })).status).toBe(409);
    expect((await call('PUT', `/drafts/${id}`, { name: 'skipped', content, version: 4 })).status).toBe(409);
    expect((await call('GET', `/drafts/${id}`)).json).toMatchObject({ name: 'taste', content, version: 2 });
    expect((await call('GET', '/drafts')).json).toMatchObject({ drafts: [{ id, name: 'taste', version: 2 }] });
    expect(
      (await call('PUT', `/drafts/${id}`, { name: 'x', content: { text: 'x'.repeat(2 ** 20) }, version: 3 })).status,
    ).toBe(400);
    // Nobody throws away what they have not seen, and PostgreSQL takes no NUL.
    expect((await call('DELETE', `/drafts/${id}`, { version: 1 })).status).toBe(409);
    expect((await call('PUT', `/drafts/${id}`, { name: 'a\0b', content, version: 3 })).status).toBe(400);
    expect((await call('DELETE', `/drafts/${id}`, { version: 2 })).json).toEqual({ done: true });
    expect((await call('GET', `/drafts/${id}`)).status).toBe(404);
    // A change of what is gone makes nothing.
    expect((await call('PUT', `/drafts/${id}`, { name: 'x', content, version: 3 })).status).toBe(404);
    expect((await call('GET', '/drafts')).json).toEqual({ drafts: [] });
    expect((await call('GET', '/drafts/none')).status).toBe(404);
    await server.close();
  });

  it('are previewed to the end as annotators will see them, and nothing of it is kept', async () => {
    const { db, server, call } = await setUp();
    const { status, json } = await call('POST', '/studies/preview', { file });
    expect(status).toBe(201);
    const path = json['path'] as string;
    const token = /^\/annotate\/(preview-[\w-]{24})\?participant=preview$/.exec(path)![1]!;
    const page = await fetch(server.url + path);
    expect(page.status).toBe(200);
    expect(page.headers.get('content-security-policy')).toContain("frame-ancestors 'self'");
    const client = await TestClient.connect(server.url, token, 'preview');
    expect(await client.ok<VisitView>('visit:look', {})).toMatchObject({ at: 'welcome' });
    await client.ok('visit:step', { step: 'welcome' });
    const practice = await client.ok<VisitView>('visit:look', {});
    expect(practice).toMatchObject({ at: 'practice', practice: { pair: { prompt: 'prompt 3' } } });
    const address = practice.practice!.pair.left.url;
    expect(address).toMatch(new RegExp(`^/annotate/previews/${token}/[0-9a-f]{64}$`));
    const image = await fetch(server.url + address);
    expect([image.status, image.headers.get('content-type')]).toEqual([200, 'image/png']);
    // The image of another preview, or none's.
    expect((await fetch(`${server.url}/annotate/previews/${token}/${'0'.repeat(64)}`)).status).toBe(404);
    expect((await fetch(server.url + address.replace(token, 'preview-none'))).status).toBe(404);
    await client.ok('visit:step', { step: 'practice', index: 0, choice: 'left' });
    const shown = new Set<string>();
    for (;;) {
      const assignment = await client.ok<AssignmentView | null>('assignment:next', {});
      if (assignment === null) break;
      expect(assignment.total).toBe(12);
      shown.add(assignment.prompt!);
      const vote = { assignmentId: assignment.id, criterion: 'general', choice: 'left', responseTimeMs: 900 };
      await client.ok('vote:cast', { voteId: randomUUID(), ...vote });
      const { assignments } = await client.ok<Preload>('assignment:preload', {});
      for (const { left } of assignments) expect(left.url).toContain(`/annotate/previews/${token}/`);
    }
    expect(shown.size).toBe(12);
    const end = await client.ok<VisitView>('visit:step', { step: 'work' });
    expect(end).toMatchObject({ at: 'end', end: { reason: 'finished', code: 'C1' } });
    client.socket.disconnect();
    for (const table of ['study', 'seat', 'annotator', 'assignment', 'vote', 'visit_step', 'pair'] as const)
      expect(await db.selectFrom(table).selectAll().execute()).toEqual([]);
    await server.close();
  });

  it('a preview of another server of the same database goes on there, from its beginning', async () => {
    const { db, dataFolder, server, call } = await setUp();
    const { json } = await call('POST', '/studies/preview', { file: { ...file, visit: undefined } });
    const token = /preview-[\w-]+/.exec(json['path'] as string)![0];
    const second = await testServer(db, dataFolder);
    const client = await TestClient.connect(second.url, token, 'preview');
    const assignment = await client.ok<AssignmentView>('assignment:next', {});
    // Whichever server is asked for the image.
    expect((await fetch(server.url + assignment.left.url)).status).toBe(200);
    client.socket.disconnect();
    await second.close();
    // Over after half a day.
    await db
      .updateTable('preview')
      .set((e) => ({ created_at: e('created_at', '-', 13 * 3_600_000) }))
      .execute();
    const third = await testServer(db, dataFolder);
    await expect(TestClient.connect(third.url, token, 'preview')).rejects.toThrow('This preview is over');
    expect((await fetch(`${third.url}/annotate/${token}`)).status).toBe(404);
    await third.close();
    await server.close();
  });

  it('previews are held for whoever looks: no made-up link puts one away, and none outlives its hours', async () => {
    const { db, server, call } = await setUp();
    const { json } = await call('POST', '/studies/preview', { file });
    const token = /preview-[\w-]+/.exec(json['path'] as string)![0];
    const previews = await Previews.open(db);
    const opened = await previews.databaseOf(token);
    const madeUp = Array.from({ length: 40 }, (_, i) => previews.databaseOf(`preview-none${i}`));
    expect((await Promise.all(madeUp)).every((found) => found === undefined)).toBe(true);
    expect(await previews.databaseOf(token)).toBe(opened);
    expect(await opened!.selectFrom('study').select('name').execute()).toEqual([{ name: 'taste' }]);
    // More than are held: the one that nobody looked at longest is put away, and is made anew when somebody does.
    for (let i = 0; i < 12; i++) {
      const other = await previews.add(await previewMaterial(db, { file }));
      expect(await previews.databaseOf(other)).toBeDefined();
    }
    const again = await previews.databaseOf(token);
    expect(again).toBeDefined();
    expect(again).not.toBe(opened);
    expect(await previews.databaseOf(token, Date.now() + 13 * 3_600_000)).toBeUndefined();
    previews.close();
    await server.close();
  });

  it('a preview is small, whatever the study: a place at each pair, few pairs, checks that come soon', async () => {
    const { db, server } = await setUp();
    const material = await previewMaterial(db, {
      file: {
        ...file,
        votesPerPair: 99,
        visit: {
          gold: {
            every: 15,
            pairs: Array.from({ length: 10 }, (_, i) => ({ prompt: `prompt ${i}`, answers: { general: 'a' } })),
            screenOut: { after: 9, below: 0.5 },
          },
          breakAfter: 20,
        },
      },
    });
    expect(material.prompts).toHaveLength(6 + 12);
    const preview = await openPreview(material, 'preview-x');
    expect(await preview.selectFrom('seat').select('id').execute()).toHaveLength(12);
    const ann = await joinStudy(preview, { token: 'preview-x', participant: 'ann' });
    const kinds: string[] = [];
    for (;;) {
      const assignment = await nextAssignment(preview, ann, { leaseMs: 60_000, graceMs: 1000 });
      if (assignment === null) break;
      const { kind } = await preview
        .selectFrom('assignment')
        .select('kind')
        .where('id', '=', assignment.id)
        .executeTakeFirstOrThrow();
      kinds.push(kind);
      const vote = { assignmentId: assignment.id, criterion: 'general', choice: 'left' as const, responseTimeMs: 900 };
      await castVote(preview, ann, { voteId: randomUUID(), ...vote }, { leaseMs: 60_000, graceMs: 1000 });
    }
    expect(kinds.indexOf('gold')).toBe(4);
    await preview.destroy();
    await server.close();
  });

  it('what could be no study has no preview', async () => {
    const { db, server, call } = await setUp();
    for (const [change, said] of [
      [{ modelA: 'none' }, 'There is no model named "none".'],
      [{ modelB: 'ape' }, '"ape" is named twice'],
      [{ criteria: ['appeal'] }, 'plan.primary: is not asked'],
      [
        { visit: { practice: [{ prompt: 'elsewhere', criterion: 'general', answer: 'a' }] } },
        'is no prompt of the study',
      ],
    ] as const) {
      const { status, json } = await call('POST', '/studies/preview', { file: { ...file, ...change } });
      expect([status, json.error!.message]).toEqual([status === 404 ? 404 : 400, expect.stringContaining(said)]);
    }
    expect(await db.selectFrom('preview').selectAll().execute()).toEqual([]);
    await server.close();
  });
});
