/** @file The researcher's session, the API, health, and refusals over HTTP and the socket. */
import { connect } from 'node:net';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { Sessions } from '../../server/http/session.ts';
import { freshSqlite } from '../support/databases.ts';
import { testServer, TestClient } from '../support/clients.ts';
import { temporaryFolder } from '../support/folders.ts';
import { openStudyOf } from '../support/studies.ts';
import { reportSchema } from '../../contract/report.ts';

describe('http', () => {
  async function setUp() {
    const { db } = await freshSqlite();
    const fixture = await openStudyOf(db, { pairs: 2 });
    const server = await testServer(db, fixture.dataFolder);
    return {
      db,
      fixture,
      server,
      get: (path: string, init?: RequestInit) => fetch(server.url + path, { redirect: 'manual', ...init }),
      /** What the page's button does. */
      signIn: (link: URL, headers: Record<string, string> = {}) =>
        fetch(`${server.url}/research/login`, {
          method: 'POST',
          body: new URLSearchParams({ key: link.searchParams.get('key')! }),
          headers,
          redirect: 'manual',
        }),
    };
  }

  it('the researcher’s link works once and gives a session', async () => {
    const { server, get, signIn } = await setUp();
    const link = new URL(await server.researcherLink());
    expect((await get('/api/studies')).status).toBe(401);
    // A preview looks first; it does not use the link up.
    for (const method of ['HEAD', 'GET', 'GET']) {
      const preview = await get(link.pathname + link.search, { method });
      expect([preview.status, preview.headers.get('set-cookie')]).toEqual([200, null]);
    }
    expect((await signIn(link, { origin: 'http://evil.example' })).status).toBe(401);
    const first = await signIn(link);
    expect(first.status).toBe(303);
    const cookie = first.headers.get('set-cookie')!.split(';')[0]!;
    expect(first.headers.get('set-cookie')).toMatch(/HttpOnly.*SameSite=Lax/i);
    expect((await get(link.pathname + link.search)).status).toBe(401);
    expect((await signIn(link)).status).toBe(401);
    expect((await get(link.pathname + link.search, { headers: { cookie } })).status).toBe(303);
    expect((await get('/api/studies', { headers: { cookie } })).status).toBe(200);
    expect((await get('/api/studies', { headers: { cookie: `${cookie}x` } })).status).toBe(401);
    expect((await get('/research', { headers: { cookie } })).status).toBe(200);
    await server.close();
  });

  it('wrong keys are slowed down by address; a good one is never refused', async () => {
    const { db, server, get, signIn } = await setUp();
    const link = new URL(await server.researcherLink());
    const from = (address: string, authorization?: string) => ({
      headers: { 'x-forwarded-for': address, ...(authorization === undefined ? {} : { authorization }) },
    });
    const statuses = [];
    for (let i = 0; i < 61; i++) statuses.push((await get(`/research/login?key=${i}`, from('198.51.100.4'))).status);
    expect(statuses).toEqual([...Array<number>(60).fill(401), 429]);
    expect((await get('/research/login?key=x', from('198.51.100.5'))).status).toBe(401);
    expect((await signIn(link, { 'x-forwarded-for': '198.51.100.4' })).status).toBe(303);
    // Links, bearer tokens and invite tokens are counted together, in all processes of the database.
    const second = await testServer(db, temporaryFolder());
    const asked = await fetch(`${second.url}/api/studies`, from('198.51.100.4', 'Bearer 1.x'));
    expect(asked.status).toBe(429);
    expect((await fetch(`${second.url}/api/studies`, from('198.51.100.6', 'Bearer 1.x'))).status).toBe(401);
    const token = (await Sessions.open(db)).token(Date.now() + 60_000);
    expect((await get('/api/studies', from('198.51.100.4', `Bearer ${token}`))).status).toBe(200);
    await second.close();
    await server.close();
  });

  it('the API answers what its contract says', async () => {
    const { server, get, signIn } = await setUp();
    const link = new URL(await server.researcherLink());
    const cookie = (await signIn(link)).headers.get('set-cookie')!.split(';')[0]!;
    const patch = (body: string, headers = {}) =>
      get('/api/studies/study', {
        method: 'PATCH',
        body,
        headers: { cookie, 'content-type': 'application/json', ...headers },
      });
    expect(
      reportSchema.parse(await (await get('/api/studies/study/report', { headers: { cookie } })).json()).criteria,
    ).toHaveLength(3);
    expect(((await (await patch('{"state":"paused"}')).json()) as { state: string }).state).toBe('paused');
    expect((await patch('{"state":"draft"}')).status).toBe(409);
    expect((await patch('{nonsense')).status).toBe(400);
    expect((await patch('{"state":"open"}', { origin: 'http://evil.example' })).status).toBe(401);
    expect((await get('/api/studies/none', { headers: { cookie } })).status).toBe(404);
    expect((await patch('{"state":"open"}', { origin: 'null' })).status).toBe(401);
    expect((await get('/api/studies/%E0%A4%A', { headers: { cookie } })).status).toBe(400);
    const token = cookie.split('=')[1]!;
    expect((await get('/api/studies', { headers: { authorization: `Bearer ${token}` } })).status).toBe(200);
    expect((await get('/api/studies', { headers: { authorization: 'Bearer nonsense.x' } })).status).toBe(401);
    await server.close();
  });

  it('health, metrics, OpenAPI and headers are there', async () => {
    const { server, get } = await setUp();
    expect(await (await get('/healthz')).json()).toEqual({ ok: true });
    expect(await (await get('/readyz')).json()).toEqual({ ok: true });
    expect(await (await get('/metrics')).text()).toContain('visavis_votes_total');
    const api = (await (await get('/api/openapi.json')).json()) as { openapi: string; paths: object };
    expect(api.openapi).toBe('3.1.0');
    expect(Object.keys(api.paths)).toContain('/api/studies/{name}/report');
    const page = await get('/annotate/nonsense');
    expect(page.status).toBe(404);
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect((await get('/nowhere')).status).toBe(404);
    expect((await get('/annotate/images/nonsense')).status).toBe(404);
    await server.close();
  });

  it('an image comes smaller on demand, at a few sizes, both of a pair alike and with one length', async () => {
    const { db } = await freshSqlite();
    const sizes: [object, object] = [
      { width: 1000, height: 800 },
      { width: 900, height: 900 },
    ];
    const fixture = await openStudyOf(db, { pairs: 1, sizes });
    const server = await testServer(db, fixture.dataFolder);
    const client = await TestClient.connect(server.url, fixture.token, 'ann');
    const { left, right } = (await client.next())!;
    const read = async (path: string) => Buffer.from(await (await fetch(server.url + path)).arrayBuffer());
    const copies = await Promise.all([left, right].map(({ url }) => read(`${url}?at=512`)));
    expect(copies[0]!.length).toBe(copies[1]!.length);
    const dimensions = await Promise.all(
      copies.map(async (copy) => {
        const { width, height } = await sharp(copy).metadata();
        return `${width} × ${height}`;
      }),
    );
    expect(dimensions.sort()).toEqual(['512 × 410', '512 × 512']);
    expect((await sharp(await read(`${left.url}?at=1024`)).metadata()).width).toBe(left.width);
    for (const at of ['500', '0', '-1', '', '512.0', '1e3'])
      expect((await fetch(`${server.url}${left.url}?at=${at}`)).status, at).toBe(400);
    client.close();
    await server.close();
  });

  it('a port that is taken is an error, and nothing keeps running', async () => {
    const { db, server, fixture } = await setUp();
    const port = Number(new URL(server.url).port);
    await expect(testServer(db, fixture.dataFolder, {}, { port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await server.close();
  });

  it('a bad token is refused at the handshake with its code', async () => {
    const { server } = await setUp();
    await expect(TestClient.connect(server.url, 'nonsense', 'ann')).rejects.toMatchObject({ code: 'bad-token' });
    await server.close();
  });

  it('nonsense over the socket is refused in one sentence and the socket lives on', async () => {
    const { server, fixture } = await setUp();
    const client = await TestClient.connect(server.url, fixture.token, 'ann');
    for (const payload of [
      null,
      7,
      'x',
      [],
      {},
      { voteId: 'x' },
      { voteId: crypto.randomUUID(), assignmentId: 'x', criterion: 'Beauty!', choice: 'left', responseTimeMs: 1 },
    ]) {
      expect(await client.refused('vote:cast', payload)).toBe('bad-request');
    }
    expect(await client.refused('vote:undo')).toBe('nothing-to-undo');
    expect(await client.next()).not.toBeNull();
    client.close();
    await server.close();
  });

  it('a NUL and half a surrogate pair are refused, a voteId in capitals is the same vote', async () => {
    const { server, fixture } = await setUp();
    for (const participant of ['a\0b', 'a\ud800', '\udc00b'])
      await expect(TestClient.connect(server.url, fixture.token, participant)).rejects.toMatchObject({
        code: 'bad-request',
      });
    const client = await TestClient.connect(server.url, fixture.token, 'ann 😀');
    const { id } = (await client.next())!;
    const voteId = crypto.randomUUID();
    const first = await client.vote(id, 'appeal', 'left', voteId);
    expect(await client.vote(id, 'appeal', 'left', voteId.toUpperCase())).toEqual(first);
    expect(
      await client.refused('vote:cast', {
        voteId: crypto.randomUUID(),
        assignmentId: 'a\0',
        criterion: 'appeal',
        choice: 'left',
        responseTimeMs: 1,
      }),
    ).toBe('bad-request');
    client.close();
    await server.close();
  });

  it('an upload that is cut off does not end the server', async () => {
    const { server, db, fixture } = await setUp();
    const token = (await Sessions.open(db)).token(Date.now() + 60_000);
    const { port } = new URL(server.url);
    for (let n = 0; n < 5; n++) {
      await new Promise<void>((resolve) => {
        const socket = connect(Number(port), '127.0.0.1', () => {
          const part =
            '--b\r\nContent-Disposition: form-data; name="f"; filename="0000' +
            n +
            '.png"\r\nContent-Type: image/png\r\n\r\n';
          socket.write(
            `POST /api/prescreens HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${token}\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 100000\r\n\r\n${part}`,
          );
          socket.write(Buffer.alloc(20_000, 1));
          setTimeout(() => socket.destroy(), 50);
        });
        socket.once('close', () => resolve());
      });
    }
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
    const client = await TestClient.connect(server.url, fixture.token, 'ann');
    expect(await client.next()).not.toBeNull();
    client.close();
    await server.close();
  });
});
