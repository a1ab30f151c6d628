/** @file Somebody who knows a participant's id is not that participant: keys, take-overs, and how many may join. */
import { expect, it } from 'vitest';
import { io } from 'socket.io-client';
import { studySummary } from '../../server/study/summary.ts';
import { onBothEngines } from '../support/databases.ts';
import { TestClient, testServer } from '../support/clients.ts';
import { openStudyOf } from '../support/studies.ts';

interface Opened {
  key: string;
  client: ReturnType<typeof io>;
}

/** Connects as nobody's browser: with what is given alone. @throws the refusal's code */
async function open(url: string, auth: object, cookie?: string): Promise<Opened> {
  const client = io(`${url}/annotate`, {
    auth,
    transports: ['websocket'],
    forceNew: true,
    reconnection: false,
    ...(cookie === undefined ? {} : { extraHeaders: { cookie } }),
  });
  const key = await new Promise<string>((resolve, reject) => {
    client.once('session', (session: { key: string }) => resolve(session.key));
    client.once('connect_error', (error) => {
      client.disconnect();
      reject(new Error((error as Error & { data?: { code: string } }).data?.code ?? error.message));
    });
  });
  return { key, client };
}

const ask = (client: ReturnType<typeof io>, event: string, payload: object = {}) =>
  new Promise<{ ok: boolean; data?: never; error?: { code: string } }>((resolve) =>
    client.emit(event, payload, resolve),
  );

async function answer(client: ReturnType<typeof io>): Promise<void> {
  const { id, criteria } = (await ask(client, 'assignment:next')).data! as { id: string; criteria: string[] };
  for (const criterion of criteria)
    await ask(client, 'vote:cast', {
      voteId: crypto.randomUUID(),
      assignmentId: id,
      criterion,
      choice: 'left',
      responseTimeMs: 1,
    });
}

onBothEngines('a participant', (fresh) => {
  it('is whoever connected first; another browser says that it takes over, which is kept, and undoes only its own', async () => {
    const { db } = await fresh();
    const { token, dataFolder, name } = await openStudyOf(db, { pairs: 4, criteria: ['general'] });
    const server = await testServer(db, dataFolder);
    const auth = { token, participant: 'P1' };
    const first = await open(server.url, auth);
    await answer(first.client);

    await expect(open(server.url, auth)).rejects.toThrow('key-required');
    await expect(open(server.url, { ...auth, key: 'nonsense' })).rejects.toThrow('key-required');
    await expect(open(server.url, { ...auth, key: `${first.key}x` })).rejects.toThrow('key-required');
    const other = await open(server.url, { token, participant: 'P2' });
    await expect(open(server.url, { ...auth, key: other.key })).rejects.toThrow('key-required');
    expect(await studySummary(db, name)).toMatchObject({ takeOvers: 0 });

    // The key opens again, as auth and as cookie, also for a server that starts anew.
    (await open(server.url, { ...auth, key: first.key })).client.disconnect();
    const again = await testServer(db, dataFolder);
    (await open(again.url, auth, `visavis_key=${first.key}`)).client.disconnect();

    const second = await open(server.url, { ...auth, takeOver: true });
    expect(second.key).not.toBe(first.key);
    expect(await studySummary(db, name)).toMatchObject({ takeOvers: 1 });
    expect((await ask(second.client, 'vote:undo')).error?.code).toBe('nothing-to-undo');
    // The first browser still may take back what it cast.
    expect((await ask(first.client, 'vote:undo')).ok).toBe(true);
    await answer(first.client);
    await new Promise((resolve) => setTimeout(resolve, 5));
    await answer(second.client);
    expect((await ask(second.client, 'vote:undo')).ok).toBe(true);
    // With its own key it goes on without taking over again, and with the same bounds.
    const third = await open(server.url, { ...auth, key: second.key });
    expect(third.key).toBe(second.key);
    expect(await studySummary(db, name)).toMatchObject({ takeOvers: 1 });
    for (const { client } of [first, other, second, third]) client.disconnect();
    await again.close();
    await server.close();
  });

  it('comes back with the secret that it began with, if the first answer was lost; also after taking over', async () => {
    const { db } = await fresh();
    const { token, dataFolder, name } = await openStudyOf(db, { pairs: 4, criteria: ['general'] });
    const server = await testServer(db, dataFolder);
    const auth = { token, participant: 'P1' };
    const secrets = [1, 2, 3].map((i) => `${i}`.repeat(32));
    const first = await open(server.url, { ...auth, key: secrets[0] });
    await answer(first.client);
    const again = await open(server.url, { ...auth, key: secrets[0] });
    expect(again.key).toBe(first.key);
    expect((await ask(again.client, 'vote:undo')).ok).toBe(true);
    await answer(again.client);
    for (const key of [secrets[1], secrets[0]!.slice(1), secrets[0]!.slice(0, 31)])
      await expect(open(server.url, { ...auth, key })).rejects.toThrow('key-required');
    // Of another participant it is worth nothing.
    await open(server.url, { token, participant: 'P2', key: secrets[2] });
    await expect(open(server.url, { ...auth, key: secrets[2] })).rejects.toThrow('key-required');

    await new Promise((resolve) => setTimeout(resolve, 5));
    const taken = await open(server.url, { ...auth, key: secrets[1], takeOver: true });
    const repeated = await open(server.url, { ...auth, key: secrets[1], takeOver: true });
    expect(repeated.key).toBe(taken.key);
    expect(await studySummary(db, name)).toMatchObject({ takeOvers: 1 });
    expect((await ask(repeated.client, 'vote:undo')).error?.code).toBe('nothing-to-undo');
    for (const { client } of [first, again, taken, repeated]) client.disconnect();
    await server.close();
  });

  it('two connections at once are given one key, not two', async () => {
    const { db } = await fresh();
    const { token, dataFolder } = await openStudyOf(db, { pairs: 1 });
    const server = await testServer(db, dataFolder);
    const results = await Promise.allSettled(
      Array.from({ length: 6 }, () => open(server.url, { token, participant: 'P1' })),
    );
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const result of results) if (result.status === 'fulfilled') result.value.client.disconnect();
    await server.close();
  });

  it('made up by the hundred from one address is refused; who has begun goes on', async () => {
    const { db } = await fresh();
    const { token, dataFolder } = await openStudyOf(db, { pairs: 2 });
    const server = await testServer(db, dataFolder, {}, { newAnnotatorsPerHour: 5 });
    const clients = [];
    for (let i = 0; i < 5; i++) clients.push(await TestClient.connect(server.url, token, `made-up-${i}`));
    await expect(TestClient.connect(server.url, token, 'made-up-5')).rejects.toMatchObject({ code: 'rate-limited' });
    clients.push(await TestClient.connect(server.url, token, 'made-up-0'));
    for (const client of clients) client.close();
    await server.close();
  });
});
