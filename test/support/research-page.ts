/** @file The research page in a browser, signed in as an owner. */
import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { expect } from 'vitest';
import type { RunningServer } from '../../server/start.ts';
import { openPage, violations } from './browser.ts';

/** A folder for screenshots, for whoever wants to look. */
const pictures = process.env['VISAVIS_PICTURES'];

export const sizes = [
  { size: 'desk', width: 1440, height: 900 },
  { size: 'phone', width: 390, height: 844 },
] as const;

export async function openResearch(browser: Browser, server: RunningServer, options: BrowserContextOptions = {}) {
  const { page, problems } = await openPage(browser, await server.researcherLink(), options);
  await page.getByRole('button', { name: 'Sign in as researcher' }).click();
  await page.getByRole('heading', { name: 'Studies' }).waitFor();
  return { page, problems };
}

/** Axe finds nothing, nothing is cut off; a screenshot where they are wanted. */
export async function looksRight(page: Page, what: string, size = 'desk'): Promise<void> {
  expect(await violations(page), what).toEqual([]);
  expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth'), what).toBeLessThanOrEqual(0);
  if (pictures !== undefined) await page.screenshot({ path: join(pictures, `${what}-${size}.png`), fullPage: true });
}
