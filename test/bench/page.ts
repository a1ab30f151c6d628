/// <reference lib="dom" />
/**
 * @file The annotator's page as a person on 20 Mbit/s with 40 ms meets it, in Chromium: from the key to the next pair painted, the
 * first load, and whether 500 pairs leave memory flat. Images of 1024², 1.2 MB a pair, on a screen of two device pixels a pixel,
 * so that nothing is sent smaller; `--ratio 1` is a plain screen, which gets smaller copies.
 * Run: npm run build && npx tsx test/bench/page.ts [--pairs 40] [--ratio 2] [--memory]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import type { Page } from 'playwright-core';
import { openDatabase } from '../../db/open.ts';
import { insertModel } from '../../db/queries/models.ts';
import { findPromptSet, listPrompts } from '../../db/queries/prompts.ts';
import { insertRender } from '../../db/queries/renders.ts';
import { ImageStore } from '../../evaluator/engine/images/store.ts';
import { createStudy } from '../../server/study/design.ts';
import { changeState } from '../../server/study/lifecycle.ts';
import { launchBrowser, openPage } from '../support/browser.ts';
import { testServer } from '../support/clients.ts';
import { slowLink } from '../support/slow-link.ts';
import { importNumberedPrompts } from '../support/studies.ts';

const { values } = parseArgs({
  options: {
    pairs: { type: 'string', default: '40' },
    ratio: { type: 'string', default: '2' },
    memory: { type: 'boolean', default: false },
  },
});
const pairs = Number(values.pairs);
const side = values.memory ? 512 : 1024;

/** A PNG of about so many bytes: noise in as many rows as that takes, one colour in the others. */
async function imageOf(seed: number, bytes: number): Promise<Buffer> {
  const rows = Math.min(side, Math.round(bytes / (side * 3)));
  const pixels = Buffer.alloc(side * side * 3, 90);
  let state = seed * 2654435761 + 1;
  for (let i = 0; i < rows * side * 3; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    pixels[i] = state >>> 24;
  }
  return sharp(pixels, { raw: { width: side, height: side, channels: 3 } })
    .png({ compressionLevel: 6, adaptiveFiltering: true })
    .toBuffer();
}

const folder = mkdtempSync(join(tmpdir(), 'visavis-bench-'));
const db = await openDatabase(join(folder, 'visavis.db'));
const images = new ImageStore(folder);
const studyPairs = values.memory ? 520 : pairs + 10;
await importNumberedPrompts(db, studyPairs);
const set = (await findPromptSet(db, 'prompts'))!;
const prompts = await listPrompts(db, set.id);
for (const [m, name] of ['a', 'b'].entries()) {
  await insertModel(db, { id: name, name, kind: 'imported', settings: {}, createdAt: 1 });
  for (const { id, position } of prompts) {
    const imageSha256 = await images.put(await imageOf(position * 2 + m, values.memory ? 100_000 : 600_000));
    const made = { imageSha256, width: side, height: side, provenance: {}, createdAt: 1, thumbnail: null };
    await insertRender(db, { id: `${name}${position}`, modelId: name, promptId: id, seed: 0, ...made });
  }
}
const { study } = await createStudy(db, {
  name: 'study',
  prompts: 'prompts',
  models: ['a', 'b'],
  votesPerPair: 3,
  criteria: values.memory ? ['general'] : ['appeal', 'general', 'alignment'],
  ties: false,
  seed: 0,
});
await changeState(db, 'study', 'open');
const server = await testServer(db, folder, { leaseMs: 600_000, graceMs: 60_000 });
const browser = await launchBrowser();

try {
  if (values.memory) await memory();
  else for (const everyMs of [1200, 500]) await keys(everyMs);
} finally {
  await browser.close();
  await server.close();
  await db.destroy();
  rmSync(folder, { recursive: true, force: true });
}

async function visit(url: string, person: string) {
  return openPage(browser, `${url}/annotate/${study.inviteToken}?participant=${person}`, {
    viewport: { width: 1440, height: 900 },
    deviceScaleFactor: Number(values.ratio),
  });
}

async function ready(page: Page): Promise<void> {
  await page.waitForSelector('.image[aria-disabled="false"]', { timeout: 30_000 });
}

async function keys(everyMs: number): Promise<void> {
  const link = await slowLink(server.url, 20e6, 40);
  const began = performance.now();
  const { page } = await visit(link.url, `every-${everyMs}`);
  await ready(page);
  const loadMs = performance.now() - began;
  // From the key that ends a pair to the frame that shows both new images.
  await page.evaluate(() => {
    const times: number[] = [];
    Object.assign(window, { times });
    let pressed = 0;
    let shown = document.querySelector<HTMLImageElement>('.image img')!.src;
    addEventListener('keydown', () => (pressed = performance.now()), { capture: true });
    // Not named: a name would call a helper that the page does not have.
    new MutationObserver(() => {
      const images = [...document.querySelectorAll<HTMLImageElement>('.image img')];
      if (images.length < 2 || images[0]!.src === shown || !images.every((image) => image.complete)) return;
      shown = images[0]!.src;
      requestAnimationFrame(() => requestAnimationFrame(() => times.push(performance.now() - pressed)));
    }).observe(document.body, { subtree: true, childList: true, attributes: true });
  });
  const start = performance.now();
  for (let i = 0; i < pairs * 3; i++) {
    const wait = start + (i + 1) * everyMs - performance.now();
    if (wait > 0) await page.waitForTimeout(wait);
    await page.keyboard.press(i % 2 === 0 ? 'ArrowLeft' : 'ArrowRight');
  }
  await page.waitForTimeout(1500);
  const times = (await page.evaluate(() => (window as unknown as { times: number[] }).times)).sort((a, b) => a - b);
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(share * times.length))]!;
  console.log(
    `an answer each ${everyMs} ms: first load ${Math.round(loadMs)} ms; key to next pair p50 ${at(0.5).toFixed(0)} ms, ` +
      `p95 ${at(0.95).toFixed(0)} ms, worst ${at(1).toFixed(0)} ms (${times.length} of ${pairs} pairs; ` +
      `${(link.received() / 1e6).toFixed(1)} MB came)`,
  );
  await page.context().close();
  await link.close();
}

async function memory(): Promise<void> {
  const { page } = await visit(server.url, 'long');
  const client = await page.context().newCDPSession(page);
  await client.send('Performance.enable');
  await client.send('HeapProfiler.enable');
  for (let done = 0; done <= 500; done++) {
    await ready(page);
    if (done % 100 === 0 || done === 20) {
      await client.send('HeapProfiler.collectGarbage');
      const { metrics } = await client.send('Performance.getMetrics');
      const of = (name: string) => metrics.find((metric) => metric.name === name)!.value;
      console.log(
        `${done} pairs: ${(of('JSHeapUsedSize') / 1e6).toFixed(2)} MB of heap, ${of('Nodes')} nodes, ${of('JSEventListeners')} listeners`,
      );
    }
    await page.waitForTimeout(300);
    await page.keyboard.press('ArrowLeft');
  }
}
