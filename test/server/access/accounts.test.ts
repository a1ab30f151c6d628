/** @file Accounts: what each role may do, and what ends when it is taken back. */
import { describe, expect, it } from 'vitest';
import type { AccountLink, Me, Role } from '../../../contract/access.ts';
import { visitSchema, type Visit } from '../../../contract/visit.ts';
import type { Database } from '../../../db/open.ts';
import { inTransaction } from '../../../db/transactions.ts';
import { findAccount } from '../../../db/queries/accounts.ts';
import { findStudy } from '../../../db/queries/studies.ts';
import { createAccount, linkOf } from '../../../server/access/accounts.ts';
import { readAudit } from '../../../server/access/audit.ts';
import { hashPassword, isPassword } from '../../../server/access/passwords.ts';
import { Sessions } from '../../../server/http/session.ts';
import type { RunningServer } from '../../../server/start.ts';
import { joinStudy, nextAssignment } from '../../../server/study/assignments.ts';
import { changeState } from '../../../server/study/lifecycle.ts';
import { castVote } from '../../../server/study/votes.ts';
import { testServer } from '../../support/clients.ts';
import { onBothEngines } from '../../support/databases.ts';
import { openStudyOf } from '../../support/studies.ts';

/** A browser with one cookie. */
class Visitor {
  cookie = '';
  readonly #url: string;
  constructor(server: RunningServer) {
    this.#url = server.url;
  }

  async send(method: string, path: string, body?: object): Promise<{ status: number; json: unknown }> {
    const response = await fetch(this.#url + path, {
      method,
      headers: { cookie: this.cookie, origin: this.#url, 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    });
    this.#keep(response);
    const text = await response.text();
    return { status: response.status, json: text.startsWith('{') ? (JSON.parse(text) as unknown) : text };
  }

  async signIn(fields: Record<string, string>): Promise<number> {
    const response = await fetch(`${this.#url}/research/login`, {
      method: 'POST',
      body: new URLSearchParams(fields),
      redirect: 'manual',
    });
    this.#keep(response);
    return response.status;
  }

  follow(path: string): Promise<number> {
    return this.signIn({ key: new URL(path, this.#url).searchParams.get('key')! });
  }

  async status(method: string, path: string, body?: object): Promise<number> {
    return (await this.send(method, path, body)).status;
  }

  #keep(response: Response): void {
    const set = response.headers.getSetCookie().find((text) => text.startsWith('visavis_session='));
    if (set !== undefined) this.cookie = set.split(';')[0]!;
  }
}

async function setUp(db: Database, visit?: Visit) {
  const { dataFolder, name } = await openStudyOf(db, { pairs: 2, ...(visit && { visit }) });
  const server = await testServer(db, dataFolder);
  const owner = new Visitor(server);
  await owner.follow((await server.researcherLink()).slice(server.url.length));
  const join = async (who: string, role: Role) => {
    const { json } = await owner.send('POST', '/api/accounts', { name: who, role });
    const { account, path } = json as AccountLink;
    const visitor = new Visitor(server);
    await visitor.follow(path);
    return { visitor, id: account.id };
  };
  return { server, name, owner, join };
}

const secret = 'correct horse battery';

onBothEngines('accounts', (fresh) => {
  it('each role may do what it may', async () => {
    const { db } = await fresh();
    const { server, name, owner, join } = await setUp(db);
    const { visitor: researcher } = await join('rosa', 'researcher');
    const { visitor: viewer } = await join('victor', 'viewer');
    const nobody = new Visitor(server);
    const study = `/api/studies/${name}`;
    // 1 where it is allowed: owner, researcher, viewer; nobody without a session.
    const table: [string, string, object | undefined, [number, number, number]][] = [
      ['GET', '/api/me', undefined, [1, 1, 1]],
      ['GET', '/api/studies', undefined, [1, 1, 1]],
      ['GET', study, undefined, [1, 1, 1]],
      ['GET', `${study}/report`, undefined, [1, 1, 1]],
      ['GET', `${study}/pairs`, undefined, [1, 1, 1]],
      ['GET', `${study}/contrasts`, undefined, [1, 1, 1]],
      ['GET', '/api/prescreens', undefined, [1, 1, 1]],
      ['GET', '/api/runs', undefined, [1, 1, 1]],
      ['GET', '/api/jobs', undefined, [1, 1, 1]],
      ['GET', '/api/jobs/none', undefined, [1, 1, 1]],
      ['POST', '/api/jobs/none/cancel', undefined, [1, 1, 0]],
      ['GET', `${study}/report?reveal=true`, undefined, [1, 1, 0]],
      ['GET', `${study}/pairs?reveal=true`, undefined, [1, 1, 0]],
      ['GET', `${study}/invite`, undefined, [1, 1, 0]],
      ['PATCH', study, { state: 'paused' }, [1, 1, 0]],
      ['POST', '/api/prescreens', {}, [1, 1, 0]],
      ['GET', `${study}/live`, undefined, [1, 1, 1]],
      ['GET', `${study}/annotators`, undefined, [1, 1, 0]],
      ['POST', `${study}/annotators/nobody/exclude`, { reason: 'x' }, [1, 1, 0]],
      ['POST', `${study}/annotators/reopen`, undefined, [1, 1, 0]],
      ['GET', `${study}/shares`, undefined, [1, 1, 0]],
      ['POST', `${study}/shares`, { days: 1 }, [1, 1, 0]],
      ['DELETE', `${study}/shares/none`, undefined, [1, 1, 0]],
      ['GET', '/api/prolific', undefined, [1, 1, 0]],
      ['GET', '/api/prolific/account', undefined, [1, 1, 0]],
      ['PUT', '/api/prolific/token', { token: '' }, [1, 0, 0]],
      ['DELETE', '/api/prolific/token', undefined, [1, 0, 0]],
      ['GET', `${study}/prolific`, undefined, [1, 1, 0]],
      ['POST', `${study}/prolific`, {}, [1, 1, 0]],
      ['POST', `${study}/prolific/quote`, {}, [1, 1, 0]],
      ['POST', `${study}/prolific/test`, undefined, [1, 1, 0]],
      ['POST', `${study}/prolific/publish`, {}, [1, 1, 0]],
      ['POST', `${study}/prolific/pause`, undefined, [1, 1, 0]],
      ['POST', `${study}/prolific/resume`, undefined, [1, 1, 0]],
      ['POST', `${study}/prolific/look`, undefined, [1, 1, 0]],
      ['PUT', `${study}/prolific/places`, {}, [1, 1, 0]],
      ['POST', `${study}/prolific/approve`, { submissions: [] }, [1, 1, 0]],
      ['POST', `${study}/prolific/ask-return`, {}, [1, 1, 0]],
      ['POST', `${study}/prolific/bonus`, {}, [1, 1, 0]],
      ['POST', `${study}/prolific/pay-owed`, undefined, [1, 1, 0]],
      ['POST', `${study}/prolific/settle-bonus`, {}, [1, 1, 0]],
      ['DELETE', `${study}/prolific`, undefined, [1, 1, 0]],
      ['DELETE', study, { name: '' }, [1, 1, 0]],
      ['GET', `${study}/comments`, undefined, [1, 1, 1]],
      ['POST', `${study}/comments`, {}, [1, 1, 0]],
      ['DELETE', `${study}/comments/none`, undefined, [1, 1, 0]],
      ['GET', `${study}/annotators/nobody`, undefined, [1, 1, 0]],
      ['DELETE', `${study}/annotators/nobody`, undefined, [1, 1, 0]],
      ['GET', `${study}/file`, undefined, [1, 1, 0]],
      ['GET', '/api/material', undefined, [1, 1, 0]],
      ['GET', '/api/prompt-sets/prompts', undefined, [1, 1, 0]],
      ['GET', '/api/prompt-sets/prompts/images/0?model=aardvark', undefined, [1, 1, 0]],
      ['POST', '/api/prompt-sets', { name: '' }, [1, 1, 0]],
      ['POST', '/api/models', {}, [1, 1, 0]],
      ['POST', '/api/studies', {}, [1, 1, 0]],
      ['POST', '/api/studies/check', {}, [1, 1, 0]],
      ['POST', '/api/studies/preview', {}, [1, 1, 0]],
      ['GET', '/api/drafts', undefined, [1, 1, 0]],
      ['GET', '/api/drafts/none', undefined, [1, 1, 0]],
      ['PUT', '/api/drafts/none', {}, [1, 1, 0]],
      ['DELETE', '/api/drafts/none', undefined, [1, 1, 0]],
      ['POST', '/api/markdown', {}, [1, 1, 0]],
      ['GET', '/api/accounts', undefined, [1, 0, 0]],
      ['POST', '/api/accounts', { name: '', role: 'owner' }, [1, 0, 0]],
      ['PATCH', '/api/accounts/none', {}, [1, 0, 0]],
      ['POST', '/api/accounts/none/link', undefined, [1, 0, 0]],
      ['GET', '/api/tokens', undefined, [1, 0, 0]],
      ['POST', '/api/tokens', { days: 0 }, [1, 0, 0]],
      ['DELETE', '/api/tokens/none', undefined, [1, 0, 0]],
      ['GET', '/api/audit', undefined, [1, 0, 0]],
    ];
    for (const [method, path, body, allowed] of table) {
      const statuses = [];
      for (const visitor of [owner, researcher, viewer]) statuses.push(await visitor.status(method, path, body));
      expect(
        statuses.map((status) => (status === 403 ? 0 : 1)),
        `${method} ${path}: ${statuses.join(' ')}`,
      ).toEqual(allowed);
      expect(await nobody.status(method, path, body), path).toBe(401);
    }
    expect(await researcher.status('DELETE', '/api/sessions')).toBe(403);
    expect(await viewer.status('DELETE', '/api/sessions')).toBe(403);
    await server.close();
  });

  it('another role, disabling and enabling hold at once; what was signed before stays ended', async () => {
    const { db } = await fresh();
    const { server, owner, join } = await setUp(db);
    const { visitor, id } = await join('rosa', 'owner');
    expect(await visitor.status('GET', '/api/accounts')).toBe(200);
    const { json } = await visitor.send('POST', '/api/tokens', { scope: 'all' });
    const { token } = json as { token: string };
    const byToken = async () =>
      (await fetch(`${server.url}/api/accounts`, { headers: { authorization: `Bearer ${token}` } })).status;
    expect(await byToken()).toBe(200);

    await owner.send('PATCH', `/api/accounts/${id}`, { role: 'viewer' });
    expect([await visitor.status('GET', '/api/accounts'), await byToken()]).toEqual([403, 403]);
    expect(await visitor.status('GET', '/api/studies')).toBe(200);
    const old = visitor.cookie;
    const { json: link } = await owner.send('POST', `/api/accounts/${id}/link`);
    await owner.send('PATCH', `/api/accounts/${id}`, { disabled: true });
    expect([await visitor.status('GET', '/api/studies'), await byToken()]).toEqual([401, 401]);
    expect(await new Visitor(server).follow((link as AccountLink).path)).toBe(401);
    expect(await owner.status('POST', `/api/accounts/${id}/link`)).toBe(409);
    await owner.send('PATCH', `/api/accounts/${id}`, { disabled: false });
    expect([await visitor.status('GET', '/api/studies'), await byToken()]).toEqual([401, 401]);
    // Disabling ended the links that were open too.
    expect(await visitor.follow((link as AccountLink).path)).toBe(401);
    const { json: newLink } = await owner.send('POST', `/api/accounts/${id}/link`);
    expect(await visitor.follow((newLink as AccountLink).path)).toBe(303);
    expect(visitor.cookie).not.toBe(old);
    expect(await visitor.status('GET', '/api/studies')).toBe(200);
    await server.close();
  });

  it('a password signs in; a new one, a link and signing out everywhere end what was before', async () => {
    const { db } = await fresh();
    const { server, join } = await setUp(db);
    const { visitor, id } = await join('Rosa ', 'researcher');
    const other = new Visitor(server);
    expect(await other.signIn({ name: 'rosa', password: '' })).toBe(401);
    expect(await visitor.status('PUT', '/api/me/password', { password: 'too short' })).toBe(400);
    expect(await visitor.status('PUT', '/api/me/password', { password: secret })).toBe(200);
    // The session that set it goes on.
    expect(await visitor.status('GET', '/api/studies')).toBe(200);
    expect(await other.signIn({ name: 'rosa', password: 'correct horse batterz' })).toBe(401);
    expect(await other.signIn({ name: 'ROSA', password: secret })).toBe(303);
    expect(((await other.send('GET', '/api/me')).json as Me).account).toEqual({ id, name: 'rosa', hasPassword: true });

    expect(await visitor.status('PUT', '/api/me/password', { password: `${secret}!` })).toBe(403);
    expect(await visitor.status('PUT', '/api/me/password', { current: 'x', password: `${secret}!` })).toBe(403);
    expect(await visitor.status('PUT', '/api/me/password', { current: secret, password: `${secret}!` })).toBe(200);
    expect([await visitor.status('GET', '/api/me'), await other.status('GET', '/api/me')]).toEqual([200, 401]);
    expect(await other.signIn({ name: 'rosa', password: secret })).toBe(401);
    expect(await other.signIn({ name: 'rosa', password: `${secret}!` })).toBe(303);

    expect(await other.status('DELETE', '/api/me/session')).toBe(200);
    expect(await other.status('GET', '/api/me')).toBe(401);
    expect(await visitor.status('GET', '/api/me')).toBe(200);
    await other.signIn({ name: 'rosa', password: `${secret}!` });
    await visitor.send('DELETE', '/api/me/sessions');
    expect([await visitor.status('GET', '/api/me'), await other.status('GET', '/api/me')]).toEqual([401, 401]);

    const account = (await findAccount(db, 'id', id))!;
    const link = await linkOf(await Sessions.open(db), account);
    await visitor.signIn({ name: 'rosa', password: `${secret}!` });
    // Whoever needs a link has forgotten the password, or somebody else knows it: its sessions end with it.
    expect(await other.follow(link)).toBe(303);
    expect([await visitor.status('GET', '/api/me'), await other.status('GET', '/api/me')]).toEqual([401, 200]);
    expect(await visitor.signIn({ name: 'rosa', password: `${secret}!` })).toBe(401);
    expect(await other.status('PUT', '/api/me/password', { password: secret })).toBe(200);
    await server.close();
  });

  it('signing out ends that session’s cookie for whoever copied it', async () => {
    const { db } = await fresh();
    const { server, owner } = await setUp(db);
    const copy = new Visitor(server);
    copy.cookie = owner.cookie;
    expect(await copy.status('GET', '/api/studies')).toBe(200);
    await owner.send('DELETE', '/api/me/session');
    expect(await copy.status('GET', '/api/studies')).toBe(401);
    await server.close();
  });

  it('passwords are tried twenty times an hour from one address; a link gets in all the same', async () => {
    const { db } = await fresh();
    const { server, join } = await setUp(db);
    const { visitor, id } = await join('rosa', 'researcher');
    // One of the twenty.
    await visitor.send('PUT', '/api/me/password', { password: secret });
    const guesser = new Visitor(server);
    for (let i = 0; i < 19; i++) expect(await guesser.signIn({ name: 'rosa', password: `guess ${i}` })).toBe(401);
    expect(await guesser.signIn({ name: 'rosa', password: secret })).toBe(429);
    expect(await guesser.signIn({ name: 'another', password: secret })).toBe(401);
    const account = (await findAccount(db, 'id', id))!;
    expect(await visitor.follow(await linkOf(await Sessions.open(db), account))).toBe(303);
    await server.close();
  });

  it('one address tries a hundred passwords an hour, whatever the names', async () => {
    const { db } = await fresh();
    const { server, owner } = await setUp(db);
    const guesser = new Visitor(server);
    const statuses: number[] = [];
    for (let i = 0; i < 101; i++) statuses.push(await guesser.signIn({ name: `name ${i}`, password: secret }));
    expect(new Set(statuses.slice(0, 100))).toEqual(new Set([401]));
    expect(statuses[100]).toBe(429);
    expect(await owner.status('GET', '/api/me')).toBe(200);
    await server.close();
  }, 300_000);

  it('open links end with a new password, with signing out everywhere, and with everybody’s sessions', async () => {
    const { db } = await fresh();
    const { server, owner, join } = await setUp(db);
    const { visitor, id } = await join('rosa', 'researcher');
    const link = async () => ((await owner.send('POST', `/api/accounts/${id}/link`)).json as AccountLink).path;
    const first = await link();
    await visitor.send('PUT', '/api/me/password', { password: secret });
    expect(await new Visitor(server).follow(first)).toBe(401);
    const second = await link();
    await visitor.send('DELETE', '/api/me/sessions');
    expect(await new Visitor(server).follow(second)).toBe(401);
    const [third, researcher] = [await link(), await server.researcherLink()];
    await owner.send('DELETE', '/api/sessions');
    expect(await new Visitor(server).follow(third)).toBe(401);
    expect(await new Visitor(server).follow(researcher.slice(server.url.length))).toBe(401);
    await server.close();
  });

  it('a viewer sees neither codes nor known answers', async () => {
    const { db } = await fresh();
    const visit = visitSchema.parse({
      gold: { every: 2, pairs: [{ prompt: 'prompt 0', answers: { general: 'a' } }] },
      ends: { finished: { code: 'SECRET' } },
    });
    const { server, name, owner, join } = await setUp(db, visit);
    const { visitor } = await join('victor', 'viewer');
    for (const path of ['/api/studies', `/api/studies/${name}`]) {
      expect(JSON.stringify((await owner.send('GET', path)).json)).toContain('SECRET');
      const shown = JSON.stringify((await visitor.send('GET', path)).json);
      expect(shown).toContain('aardvark');
      expect(shown).not.toMatch(/SECRET|answers/);
    }
    await server.close();
  });

  it('while people vote a viewer reads no comment, which may tell of results; names stand beside comments', async () => {
    const { db } = await fresh();
    const { server, name, owner, join } = await setUp(db);
    const { visitor: researcher } = await join('rosa', 'researcher');
    const { visitor: viewer } = await join('victor', 'viewer');
    const comments = `/api/studies/${name}/comments`;
    expect(await researcher.status('POST', comments, { text: 'A wins clearly.' })).toBe(201);
    expect((await viewer.send('GET', comments)).json).toMatchObject({
      comments: [{ text: 'A wins clearly.', author: 'rosa', removable: false }],
    });
    expect((await owner.send('GET', comments)).json).toMatchObject({ comments: [{ author: 'rosa', removable: true }] });
    const { inviteToken } = (await findStudy(db, name))!;
    const ann = await joinStudy(db, { token: inviteToken, participant: 'ann' });
    const times = { leaseMs: 60_000, graceMs: 1000 };
    const pair = (await nextAssignment(db, ann, times))!;
    const vote = { assignmentId: pair.id, criterion: 'appeal', choice: 'left' as const, responseTimeMs: 900 };
    await castVote(db, ann, { voteId: crypto.randomUUID(), ...vote }, times);
    expect(await viewer.status('GET', comments)).toBe(403);
    expect(await researcher.status('GET', comments)).toBe(200);
    await changeState(db, name, 'closed');
    expect(await viewer.status('GET', comments)).toBe(200);
    await server.close();
  });

  it('nobody shuts themselves out; names are told apart as people do', async () => {
    const { db } = await fresh();
    const { server, owner, join } = await setUp(db);
    const { visitor, id } = await join('rosa', 'owner');
    expect(await visitor.status('PATCH', `/api/accounts/${id}`, { disabled: true })).toBe(409);
    expect(await visitor.status('PATCH', '/api/accounts/rosa', { role: 'viewer' })).toBe(409);
    expect(await owner.status('POST', '/api/accounts', { name: ' ROSA', role: 'viewer' })).toBe(409);
    expect(await owner.status('POST', '/api/accounts', { name: 'a\0b', role: 'viewer' })).toBe(400);
    expect(await owner.status('POST', '/api/accounts', { name: 'x', role: 'king' })).toBe(400);
    // A session without an account has no password to set.
    expect(await owner.status('PUT', '/api/me/password', { password: secret })).toBe(409);
    await server.close();
  });

  it('the log names people by ids alone', async () => {
    const { db } = await fresh();
    const { server, name, join } = await setUp(db);
    const { visitor, id } = await join('rosa', 'researcher');
    await visitor.send('PUT', '/api/me/password', { password: secret });
    await visitor.send('PATCH', `/api/studies/${name}`, { state: 'paused' });
    await new Visitor(server).signIn({ name: 'rosa', password: secret });
    const { entries } = await readAudit(db);
    const who = `account ${id}`;
    expect(entries.slice(-5).map(({ actor, action, subject }) => [actor, action, subject])).toEqual([
      [expect.stringMatching(/^session [0-9a-f]{12}$/), 'account create researcher', id],
      [who, 'sign in', 'login link'],
      [who, 'account password', id],
      [who, 'study paused', name],
      [who, 'sign in', 'password'],
    ]);
    expect(JSON.stringify(entries)).not.toContain('rosa');
    await server.close();
  });

  it('two accounts of one name made at once are one', async () => {
    const { db } = await fresh();
    const made = await Promise.allSettled(
      Array.from({ length: 5 }, () => createAccount(db, { name: 'rosa', role: 'viewer' }, 'test')),
    );
    expect(made.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    await inTransaction(db, async (tx) => expect((await findAccount(tx, 'name', 'rosa'))!.role).toBe('viewer'));
  });
});

describe('passwords', () => {
  it('are kept as scrypt’s output under a salt of their own', async () => {
    const [one, two] = [await hashPassword(secret), await hashPassword(secret)];
    expect(one).toMatch(/^\$scrypt\$ln=15,r=8,p=3\$[\w+/]{22}\$[\w+/]{43}$/);
    expect(one).not.toBe(two);
    expect([await isPassword(secret, one), await isPassword(secret, two), await isPassword('x', one)]).toEqual([
      true,
      true,
      false,
    ]);
    expect(await isPassword(secret, null)).toBe(false);
  });
  it('RFC 7914’s vector is right, and cost and salt are read from what is kept', async () => {
    // scrypt("pleaseletmein", "SodiumChloride", N = 16384, r = 8, p = 1, 64 bytes), section 12.
    const key =
      '7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887';
    const hash = `$scrypt$ln=14,r=8,p=1$${Buffer.from('SodiumChloride').toString('base64').replaceAll('=', '')}$${Buffer.from(key, 'hex').toString('base64').replaceAll('=', '')}`;
    expect(await isPassword('pleaseletmein', hash)).toBe(true);
    expect(await isPassword('pleaseletmeim', hash)).toBe(false);
  });
  it('one typed in another Unicode form is the same', async () => {
    expect(await isPassword('Zoe\u0308 und ihr Hund', await hashPassword('Zoë und ihr Hund'))).toBe(true);
  });
});
