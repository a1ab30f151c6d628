/** @file An owner makes an account, whose holder sets a password, signs out and in again. Slow: it drives a browser. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase, type Database } from '../../db/open.ts';
import type { RunningServer } from '../../server/start.ts';
import { chromiumPath, launchBrowser, openPage } from '../support/browser.ts';
import { testServer } from '../support/clients.ts';
import { temporaryFolder } from '../support/folders.ts';
import { looksRight, openResearch, sizes } from '../support/research-page.ts';

describe.skipIf(chromiumPath === undefined)('accounts on the research page', () => {
  let db: Database;
  let server: RunningServer;
  let browser: Awaited<ReturnType<typeof launchBrowser>>;
  beforeAll(async () => {
    db = await openDatabase(':memory:');
    server = await testServer(db, temporaryFolder());
    browser = await launchBrowser();
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    await db?.destroy();
  });

  it.each(sizes)(
    'from a link to a password, $size',
    async ({ size, width, height }) => {
      const options = { viewport: { width, height } };
      const { page, problems } = await openResearch(browser, server, options);
      await page.getByRole('link', { name: 'Account' }).click();
      const who = `rosa-${size}@uni.example`;
      await page.getByLabel('Name or e-mail address').fill(who);
      await page.getByRole('button', { name: 'Add account' }).click();
      const link = await page.getByRole('textbox', { name: `Link for ${who}` }).inputValue();
      await page.getByLabel('What it is for').fill('nightly');
      await page.getByRole('button', { name: 'Make a token' }).click();
      const token = await page.getByRole('textbox', { name: 'The token' }).inputValue();
      const authorization = `Bearer ${token}`;
      expect((await fetch(`${server.url}/api/studies`, { headers: { authorization } })).status).toBe(200);
      await page.getByRole('button', { name: 'Show the log' }).click();
      await page.getByRole('cell', { name: 'account create researcher' }).first().waitFor();
      await looksRight(page, 'owner', size);
      await page.getByRole('button', { name: 'Revoke nightly' }).click();
      await page
        .getByText(/^revoked/)
        .first()
        .waitFor();
      expect((await fetch(`${server.url}/api/studies`, { headers: { authorization } })).status).toBe(401);

      const second = await openPage(browser, link, options);
      const rosa = second.page;
      await rosa.getByRole('button', { name: 'Sign in as researcher' }).click();
      await rosa.getByRole('link', { name: 'Account' }).click();
      await rosa.getByRole('heading', { name: who }).waitFor();
      expect(await rosa.getByRole('button', { name: 'Add account' }).count()).toBe(0);
      await rosa.getByLabel('New password').fill('correct horse battery');
      await rosa.getByRole('button', { name: 'Set', exact: true }).click();
      await rosa.getByText('The password is set').waitFor();
      await looksRight(rosa, 'researcher', size);
      await rosa.getByRole('button', { name: 'Sign out', exact: true }).click();
      await rosa.getByLabel('Name').fill(who);
      await rosa.getByLabel('Password').fill('correct horse batterz');
      await rosa.getByRole('button', { name: 'Sign in' }).click();
      await rosa.getByText('no account with this name and this password').waitFor();
      await looksRight(rosa, 'login', size);
      await rosa.getByLabel('Password').fill('correct horse battery');
      await rosa.getByRole('button', { name: 'Sign in' }).click();
      await rosa.getByRole('heading', { name: 'Studies' }).waitFor();

      await page.getByRole('button', { name: `Disable ${who}` }).click();
      await page.getByRole('button', { name: `Enable ${who}` }).waitFor();
      await rosa.reload();
      await rosa.getByText('Not signed in').waitFor();
      await looksRight(rosa, 'not-signed-in', size);
      expect(problems).toEqual([]);
      // What was refused on purpose: a wrong password, and pages after the account was disabled.
      expect(second.problems.filter((text) => !/status of 401/.test(text))).toEqual([]);
      await page.context().close();
      await rosa.context().close();
    },
    60_000,
  );
});
