/** @file An owner makes an account, whose holder sets a password, signs out and in again. Slow: it drives a browser. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase, type Database } from '../../db/open.ts';
import type { RunningServer } from '../../server/start.ts';
import { chromiumPath, launchBrowser, openPage, violations } from '../support/browser.ts';
import { testServer } from '../support/clients.ts';
import { temporaryFolder } from '../support/folders.ts';

/** Screenshots, for whoever wants to look. */
const pictures = process.env['VISAVIS_PICTURES'];

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

  it.each([
    { name: 'desk', width: 1440, height: 900 },
    { name: 'phone', width: 390, height: 844 },
  ])(
    'from a link to a password, $name',
    async ({ name, width, height }) => {
      const options = { viewport: { width, height } };
      const { page, problems } = await openPage(browser, await server.researcherLink(), options);
      const look = async (what: string, of = page) => {
        expect(await violations(of), what).toEqual([]);
        const overflow = await of.evaluate('document.documentElement.scrollWidth - innerWidth');
        expect(overflow, what).toBeLessThanOrEqual(0);
        if (pictures !== undefined)
          await of.screenshot({ path: join(pictures, `${what}-${name}.png`), fullPage: true });
      };
      await page.getByRole('button', { name: 'Sign in as researcher' }).click();
      await page.getByRole('link', { name: 'Account' }).click();
      const who = `rosa-${name}@uni.example`;
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
      await look('owner');
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
      await look('researcher', rosa);
      await rosa.getByRole('button', { name: 'Sign out', exact: true }).click();
      await rosa.getByLabel('Name').fill(who);
      await rosa.getByLabel('Password').fill('correct horse batterz');
      await rosa.getByRole('button', { name: 'Sign in' }).click();
      await rosa.getByText('no account with this name and this password').waitFor();
      await look('login', rosa);
      await rosa.getByLabel('Password').fill('correct horse battery');
      await rosa.getByRole('button', { name: 'Sign in' }).click();
      await rosa.getByRole('heading', { name: 'Studies' }).waitFor();

      await page.getByRole('button', { name: `Disable ${who}` }).click();
      await page.getByRole('button', { name: `Enable ${who}` }).waitFor();
      await rosa.reload();
      await rosa.getByText('Not signed in').waitFor();
      await look('not-signed-in', rosa);
      expect(problems).toEqual([]);
      // What was refused on purpose: a wrong password, and pages after the account was disabled.
      expect(second.problems.filter((text) => !/status of 401/.test(text))).toEqual([]);
      await page.context().close();
      await rosa.context().close();
    },
    60_000,
  );
});
