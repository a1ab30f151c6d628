/** @file Signing in through an OpenID provider: who gets in as whom, and who does not. */
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Database } from '../../../db/open.ts';
import { allAccounts, changeAccount, createAccount } from '../../../server/access/accounts.ts';
import type { OpenIdConfig } from '../../../server/http/openid.ts';
import type { RunningServer } from '../../../server/start.ts';
import { testServer } from '../../support/clients.ts';
import { freshSqlite } from '../../support/databases.ts';
import { OpenIdProvider } from '../../support/openid-provider.ts';
import { temporaryFolder } from '../../support/folders.ts';

let provider: OpenIdProvider;
let db: Database;
let server: RunningServer;

async function start(newcomers?: OpenIdConfig['newcomers']): Promise<void> {
  ({ db } = await freshSqlite());
  server = await testServer(db, temporaryFolder(), undefined, {
    openid: { issuer: provider.issuer, clientId: 'visavis', clientSecret: 'hush', label: 'the institute', newcomers },
  });
}
beforeAll(async () => {
  provider = await OpenIdProvider.start();
});
afterAll(() => provider.close());
beforeEach(() => {
  provider.person = { sub: 'one', email: 'Ada@Uni.example', email_verified: true };
  provider.lies = {};
  provider.isTerse = false;
  return () => server.close();
});

const cookieOf = (response: Response, name: string) =>
  response.headers
    .getSetCookie()
    .find((text) => text.startsWith(`${name}=`))!
    .split(';')[0]!;

/** As a browser goes: to the provider and back. @returns where it ends, and as whom */
async function walk(change: (back: URL) => void = () => undefined): Promise<{ to: string; name?: string }> {
  const first = await fetch(`${server.url}/research/openid`, { redirect: 'manual' });
  const there = await fetch(first.headers.get('location')!, { redirect: 'manual' });
  const back = new URL(there.headers.get('location')!);
  change(back);
  const end = await fetch(back, { redirect: 'manual', headers: { cookie: cookieOf(first, 'visavis_openid') } });
  const to = end.headers.get('location')!;
  if (to !== '/research') return { to };
  const me = await fetch(`${server.url}/api/me`, { headers: { cookie: cookieOf(end, 'visavis_session') } });
  return { to, name: ((await me.json()) as { account: { name: string } }).account.name };
}

it('an account is found by the verified address once, by the subject ever after', async () => {
  await start();
  await createAccount(db, { name: 'ada@uni.example', role: 'researcher' }, 'test');
  expect(await walk()).toEqual({ to: '/research', name: 'ada@uni.example' });
  expect(await allAccounts(db)).toMatchObject([{ hasOpenid: true, role: 'researcher' }]);
  // Her address changes; she stays who she is. Whoever gets her old one is somebody else.
  provider.person = { sub: 'one', email: 'ada@other.example', email_verified: true };
  expect(await walk()).toEqual({ to: '/research', name: 'ada@uni.example' });
  provider.person = { sub: 'two', email: 'ada@uni.example', email_verified: true };
  expect(await walk()).toEqual({ to: '/research/login?problem=unknown' });
});

it('an address that is not verified is nobody’s; one that the user info tells will do', async () => {
  await start();
  await createAccount(db, { name: 'ada@uni.example', role: 'researcher' }, 'test');
  provider.person = { sub: 'one', email: 'ada@uni.example', email_verified: false };
  expect((await walk()).to).toBe('/research/login?problem=unknown');
  provider.person = { sub: 'one', email: 'ada@uni.example', email_verified: true };
  provider.isTerse = true;
  expect((await walk()).name).toBe('ada@uni.example');
});

it('strangers stay outside, or come in with the role that was set', async () => {
  await start();
  expect((await walk()).to).toBe('/research/login?problem=unknown');
  expect(await allAccounts(db)).toEqual([]);
  await server.close();
  await start('viewer');
  expect(await walk()).toEqual({ to: '/research', name: 'ada@uni.example' });
  expect(await allAccounts(db)).toMatchObject([{ role: 'viewer' }]);
  await changeAccount(db, 'ada@uni.example', { disabled: true }, 'test');
  expect((await walk()).to).toBe('/research/login?problem=disabled');
});

it.each([
  ['another state', (back: URL) => back.searchParams.set('state', 'x'), {}],
  ['a code that was never given', (back: URL) => back.searchParams.set('code', 'x'), {}],
  ['an ID token for another client', () => undefined, { aud: 'another' }],
  ['an ID token of another issuer', () => undefined, { iss: 'http://127.0.0.1:1' }],
  ['an ID token for another sign-in', () => undefined, { nonce: 'x' }],
  ['an ID token that is over', () => undefined, { exp: 1_000_000_000 }],
])('%s lets nobody in', async (_, change, lies) => {
  await start('researcher');
  provider.lies = lies;
  expect((await walk(change)).to).toBe('/research/login?problem=failed');
  expect(await allAccounts(db)).toEqual([]);
});

it('without the cookie of its own sign-in a browser is not let in: another’s code is worth nothing', async () => {
  await start('researcher');
  const first = await fetch(`${server.url}/research/openid`, { redirect: 'manual' });
  const there = await fetch(first.headers.get('location')!, { redirect: 'manual' });
  const end = await fetch(there.headers.get('location')!, { redirect: 'manual' });
  expect(end.headers.get('location')).toBe('/research/login?problem=failed');
});

it('the page learns that there is a provider', async () => {
  await start();
  expect(await (await fetch(`${server.url}/research/login/ways`)).json()).toEqual({
    passwords: false,
    openid: 'the institute',
  });
});
