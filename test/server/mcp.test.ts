/** @file A program of the user's own drafts a study and reads, and can neither open it nor see running results. Starts the program. */
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { afterEach, expect, it } from 'vitest';
import { randomUUID } from 'node:crypto';
import type { VoteInput } from '../../contract/annotate.ts';
import type { TokenScope } from '../../contract/access.ts';
import type { Database } from '../../db/open.ts';
import { findStudy } from '../../db/queries/studies.ts';
import { ApiError, connect } from '../../sdk/client.ts';
import { fromCommandLine } from '../../server/access/audit.ts';
import { createToken } from '../../server/access/tokens.ts';
import { Sessions } from '../../server/http/session.ts';
import type { RunningServer } from '../../server/start.ts';
import { joinStudy, nextAssignment } from '../../server/study/assignments.ts';
import { castVote } from '../../server/study/votes.ts';
import { testServer } from '../support/clients.ts';
import { visavis } from '../support/command.ts';
import { freshSqlite } from '../support/databases.ts';
import { projectRoot, temporaryFolder } from '../support/folders.ts';
import { openStudyOf } from '../support/studies.ts';

const times = { leaseMs: 60_000, graceMs: 5_000 };
const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function setUp() {
  const { db } = await freshSqlite();
  const { dataFolder, token: invite } = await openStudyOf(db, { pairs: 4, criteria: ['general'] });
  const server = await testServer(db, dataFolder);
  closing.push(() => server.close());
  // One of twelve votes: results are running ones.
  const person = await joinStudy(db, { token: invite, participant: 'ann' });
  const { id: assignmentId } = (await nextAssignment(db, person, times))!;
  const vote = { voteId: randomUUID(), assignmentId, criterion: 'general', choice: 'left', responseTimeMs: 900 };
  await castVote(db, person, vote as VoteInput, times);
  return { db, server };
}

async function tokenOf(db: Database, scope: TokenScope): Promise<string> {
  const expires = Date.now() + 60_000;
  return (await createToken(db, await Sessions.open(db), { expires, scope, label: '' }, fromCommandLine)).token;
}

/** The built program, as a user's client starts it. */
async function clientOf(server: RunningServer, token: string): Promise<Client> {
  const client = new Client({ name: 'test', version: '1' });
  const command = process.execPath;
  const args = [join(projectRoot, 'bin', 'visavis.js'), 'mcp', '--url', server.url];
  await client.connect(new StdioClientTransport({ command, args, env: { VISAVIS_TOKEN: token } }));
  closing.push(() => client.close());
  return client;
}

async function call(client: Client, name: string, argument: object = {}) {
  const result = await client.callTool({ name, arguments: { ...argument } });
  const [{ text }] = result.content as [{ text: string }];
  return result.isError === true ? { refused: text } : { json: JSON.parse(text) as unknown };
}

it('drafts, reads, and neither opens nor reveals', async () => {
  const { db, server } = await setUp();
  const client = await clientOf(server, await tokenOf(db, 'draft'));
  const { tools } = await client.listTools();
  expect(tools.map(({ name }) => name).sort()).toEqual([
    ...['check_study', 'draft_study', 'list_material', 'list_prescreens', 'list_studies', 'read_study_file'],
    ...['study_progress', 'study_report'],
  ]);
  expect(await call(client, 'list_studies')).toMatchObject({ json: [{ name: 'study', votes: 1, votesNeeded: 12 }] });
  expect(await call(client, 'study_progress', { name: 'study' })).toMatchObject({
    json: { people: { came: 1, voted: 1 } },
  });
  expect(await call(client, 'study_report', { name: 'study' })).toEqual({
    refused: expect.stringContaining('its results are hidden until it is closed'),
  });
  const { json: file } = (await call(client, 'read_study_file', { name: 'study' })) as { json: object };
  expect(await call(client, 'check_study', { file: { ...file, name: 'like it' } })).toMatchObject({
    json: { pairs: 4 },
  });
  expect(await call(client, 'check_study', { file })).toEqual({ refused: expect.stringContaining('exists already') });
  expect(await call(client, 'draft_study', { file: { ...file, name: 'like it' } })).toEqual({
    json: { name: 'like it', state: 'draft', pairs: 4, votesNeeded: 12 },
  });
  expect((await findStudy(db, 'like it'))!.state).toBe('draft');
}, 30_000);

it('a token to read drafts nothing; the token of another server is refused in a sentence', async () => {
  const { db, server } = await setUp();
  const reader = await clientOf(server, await tokenOf(db, 'read'));
  const file = { name: 'x', promptSet: 'prompts', modelA: 'aardvark', modelB: 'buffalo' };
  expect(await call(reader, 'list_studies')).toMatchObject({ json: [{ name: 'study' }] });
  expect(await call(reader, 'draft_study', { file })).toEqual({
    refused: 'A token of scope read does not allow this.',
  });
  const stranger = await clientOf(server, 'nonsense');
  expect(await call(stranger, 'list_studies')).toEqual({ refused: expect.stringContaining('Sign in at') });
}, 30_000);

it('the scope draft opens no way to open, invite, reveal or leave out', async () => {
  const { db, server } = await setUp();
  const api = connect({ url: server.url, token: await tokenOf(db, 'draft') });
  const params = { name: 'study' };
  for (const attempt of [
    () => api('PATCH /api/studies/{name}', { params, body: { state: 'closed' } }),
    () => api('GET /api/studies/{name}/invite', { params }),
    () => api('GET /api/studies/{name}/report', { params, query: { reveal: 'true' } }),
    () => api('GET /api/studies/{name}/pairs', { params, query: { reveal: 'true' } }),
    () => api('GET /api/studies/{name}/annotators', { params }),
    () =>
      api('POST /api/studies/{name}/annotators/{annotator}/exclude', {
        params: { ...params, annotator: 'ann' },
        body: { reason: 'x' },
      }),
    () => api('GET /api/accounts'),
    () => api('POST /api/tokens', { body: { scope: 'all' } }),
    () => api('DELETE /api/sessions'),
  ])
    await expect(attempt()).rejects.toMatchObject({
      status: 401,
      message: 'A token of scope draft does not allow this.',
    });
  await expect(api('GET /api/studies/{name}', { params: { name: 'none' } })).rejects.toMatchObject({
    ...{ name: 'ApiError', status: 404, code: 'not-found' },
  });
  // Names go into the path as they are.
  await expect(api('GET /api/studies/{name}', { params: { name: '../accounts' } })).rejects.toMatchObject({
    status: 404,
  });
  const away = connect({ url: 'http://127.0.0.1:9', token: 'x' });
  await expect(away('GET /api/studies')).rejects.toBeInstanceOf(ApiError);
}, 30_000);

it('says what it needs', async () => {
  const folder = temporaryFolder();
  const { code, stderr } = await visavis(folder, 'mcp');
  expect([code, stderr]).toEqual([2, expect.stringContaining('A token is needed')]);
});
