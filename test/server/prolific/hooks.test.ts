/** @file What Prolific tells by itself, over HTTP: signed to the byte, once, and no more than a reason to look. */
import { describe, expect, it } from 'vitest';
import { fromCommandLine } from '../../../server/access/audit.ts';
import { createToken } from '../../../server/access/tokens.ts';
import { Sessions } from '../../../server/http/session.ts';
import { signatureOf } from '../../../server/prolific/hooks.ts';
import { testServer } from '../../support/clients.ts';
import { freshSqlite } from '../../support/databases.ts';
import { freePort } from '../../support/postgres.ts';
import { FakeProlific, type Message } from '../../support/prolific.ts';
import { openStudyOf } from '../../support/studies.ts';

describe('a signature', () => {
  it('is base64 of HMAC-SHA256 over timestamp and body', () => {
    // openssl: printf '1700000000{"a":1}' | openssl dgst -sha256 -hmac key -binary | base64
    expect(signatureOf('key', '1700000000', Buffer.from('{"a":1}'))).toBe(
      'JBZTrXjE8+4dulSMuxymEg6mNMm6S35YJLBIsF/wKMk=',
    );
  });
});

describe('what Prolific tells', () => {
  it('makes the server look at once; forged, changed or doubled it does not', async () => {
    const { db } = await freshSqlite();
    const { dataFolder, name } = await openStudyOf(db, { pairs: 2, votesPerPair: 1, criteria: ['general'] });
    const prolific = new FakeProlific();
    const port = await freePort();
    const publicUrl = 'https://images.example.org';
    const server = await testServer(db, dataFolder, undefined, {
      port,
      publicUrl,
      prolific: { token: prolific.token, url: await prolific.listen() },
    });
    const local = `http://127.0.0.1:${port}`;
    const { token } = await createToken(
      db,
      await Sessions.open(db),
      { scope: 'all', label: '', expires: Date.now() + 60_000 },
      fromCommandLine,
    );
    const send = async (path: string, body: object) => {
      const response = await fetch(`${local}/api/studies/${name}/prolific${path}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      expect(response.status, await response.clone().text()).toBeLessThan(300);
    };
    const form = { title: 't', description: 'd', payPerHour: 9, minutes: 7, places: 2, devices: ['desktop'] };
    await send('', { workspace: prolific.workspace, project: prolific.project, ...form });
    await send('/publish', { name });
    const [remote] = [...prolific.studies.keys()];
    const deliver = ({ target, headers, body }: Message, change: { body?: string; headers?: object } = {}) => {
      expect(target).toBe(`${publicUrl}/hooks/prolific`);
      return fetch(local + new URL(target).pathname, {
        method: 'POST',
        headers: { ...headers, ...change.headers },
        body: change.body ?? body,
      });
    };
    const looks = () => prolific.calls.filter((call) => /^GET studies\/[^/]+\/submissions/.test(call)).length;
    const settled = async () => {
      await new Promise((resolve) => setTimeout(resolve, 1200));
      return looks();
    };
    prolific.messages.length = 0;
    const submission = prolific.takePlace(remote!, 'a'.repeat(24))!;
    const [message] = prolific.messages.splice(0);
    const before = looks();

    const forged = await deliver(message!, { body: message!.body.replace('ACTIVE', 'RETURNED') });
    expect(forged.status).toBe(401);
    expect((await deliver(message!, { headers: { 'x-prolific-request-timestamp': '1' } })).status).toBe(401);
    expect((await deliver(message!, { headers: { 'x-prolific-request-signature': '' } })).status).toBe(401);
    expect(await settled()).toBe(before);

    expect((await deliver(message!)).status).toBe(200);
    expect(await settled()).toBe(before + 1);
    expect(await db.selectFrom('submission').select(['id', 'status']).execute()).toEqual([
      { id: submission.id, status: 'ACTIVE' },
    ]);

    // The same event again is taken and causes nothing.
    expect((await deliver(message!)).status).toBe(200);
    expect(await settled()).toBe(before + 1);
    await server.close();
    await prolific.close();
  }, 30_000);
});
