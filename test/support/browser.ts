/** @file The system's Chromium, where there is one. */
import { existsSync } from 'node:fs';
import axe from 'axe-core';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';

const candidates = [
  process.env['CHROMIUM_PATH'],
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
];
export const chromiumPath = candidates.find((path) => path !== undefined && existsSync(path));
if (chromiumPath === undefined)
  console.warn('No Chromium found (Debian: apt-get install chromium): the browser tests are skipped.');

export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: chromiumPath!,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      // A platform's page, answered by the test itself, shows ours in a frame.
      '--disable-features=LocalNetworkAccessChecks',
    ],
  });
}

/** A page in a context of its own, and what it has complained of so far. */
export async function openPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<{ page: Page; problems: string[] }> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text());
  });
  await page.goto(url);
  return { page, problems };
}

/** What axe finds, by all of its rules. */
export function violations(page: Page): Promise<string[]> {
  return page.evaluate(
    `(() => { ${axe.source}; return axe.run(document).then((r) => r.violations.map((v) => v.id + ': ' + v.nodes[0].html)); })()`,
  );
}
