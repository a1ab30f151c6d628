/// <reference lib="dom" />
/**
 * @file Every screen of the annotator's page as docs/images/screens has them, at a desk and on a phone, with the starter's images.
 * Run: npm run build && npx tsx scripts/screenshots.ts DATA, where DATA is a data directory that `visavis demo` has filled.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { chromium, type BrowserContextOptions, type Page } from 'playwright-core';
import { visitSchema } from '../contract/visit.ts';
import { openDatabase } from '../db/open.ts';
import { createStudy, type StudyDesign } from '../server/study/design.ts';
import { changeState } from '../server/study/lifecycle.ts';
import { packageRoot } from '../evaluator/engine/files/package-root.ts';
import { testServer } from '../test/support/clients.ts';

const data = process.argv[2];
if (data === undefined) throw new Error('Name the data directory of a demo.');
const out = join(packageRoot(), 'docs', 'images', 'screens');
mkdirSync(out, { recursive: true });

const db = await openDatabase(join(data, 'visavis.db'));
const server = await testServer(db, data);
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
const devices: [string, BrowserContextOptions][] = [
  ['desk', { viewport: { width: 1440, height: 900 } }],
  ['phone', { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 }],
];

const visit = {
  about: { researcher: 'Image lab', minutes: 12, pay: '£2.40', contact: 'lab@example.org' },
  welcome:
    'We compare two models that draw images from text. You will see pairs of images and say which one you **prefer**, which one **looks better**, and which one **fits the text better**.',
  consent:
    '## What is stored\n\n- your answers, and how long each one took\n- the size of your screen and the language of this page\n- the id that the platform gave you\n\nYou may stop at any time.',
  instructions: 'Go with your **first impression**. There is no right answer.',
  example: {
    prompt: 'four purple stars in the desert',
    criterion: 'alignment',
    answer: 'a',
    why: 'It shows the desert.',
  },
  practice: [
    { prompt: 'a blue diamond in a meadow', criterion: 'alignment', answer: 'a', why: 'It shows the meadow.' },
  ],
  survey: [{ question: 'How clear was the task?', choices: ['clear', 'unclear'] }, { question: 'Anything else?' }],
  pairsPerAnnotator: 3,
  breakAfter: 2,
  pointAt: true,
  difference: true,
  thanks: 'The results will be published with the paper.',
  ends: { finished: { code: 'C7XQ2', redirect: 'https://example.org/done' }, 'no-consent': { code: 'NC3' } },
};

/** What README.md and docs/studies.md show. */
const readme = '07-prompt-hidden';
const inPages: Readonly<Record<string, string>> = {
  [readme]: 'annotate',
  '01-welcome': 'visit-welcome',
  '02-consent': 'visit-consent',
  '04-instructions': 'visit-instructions',
  '06-feedback': 'visit-feedback',
  '08-prompt-shown': 'visit-judging',
  '17-end': 'visit-end',
};

let made = 0;
async function study(design: Partial<StudyDesign> = {}, given: object = {}, state: 'open' | 'draft' = 'open') {
  const name = `screens-${Date.now()}-${++made}`;
  const { study: row } = await createStudy(db, {
    name,
    prompts: 'starter',
    models: ['starter-ncp-dpo', 'starter-dpo'],
    votesPerPair: 1,
    criteria: ['appeal', 'general', 'alignment'],
    ties: false,
    seed: 0,
    ...(Object.keys(given).length === 0 ? {} : { visit: visitSchema.parse(given) }),
    ...design,
  });
  if (state === 'open') await changeState(db, name, 'open');
  return { name, url: `${server.url}/annotate/${row.inviteToken}` };
}

for (const [device, options] of devices) {
  const pages: Page[] = [];
  const open = async (url: string, query = `?participant=p${++made}`) => {
    const page = await (await browser.newContext({ ...options, reducedMotion: 'reduce' })).newPage();
    pages.push(page);
    await page.goto(url + query);
    return page;
  };
  const shoot = async (page: Page, name: string) => {
    await page.mouse.move(3, 3);
    await page.waitForTimeout(300);
    const shot = await page.screenshot();
    const image = sharp(shot);
    const width = Math.round((options.viewport!.width * (device === 'desk' ? 1 : 2)) / 2);
    await image
      .resize({ width })
      .webp({ quality: 80 })
      .toFile(join(out, `${name}-${device}.webp`));
    const shown = device === 'desk' ? inPages[name] : undefined;
    if (shown !== undefined)
      await sharp(shot)
        .resize({ width: name === readme ? 1440 : 1000 })
        .png({ palette: true })
        .toFile(join(out, '..', `${shown}.png`));
  };
  const heading = (page: Page, text: string) => page.waitForSelector(`h1:has-text("${text}")`, { timeout: 20_000 });
  const press = (page: Page, name: string) => page.locator(`button:has-text("${name}")`).first().click();
  const ready = (page: Page) => page.waitForSelector('.image[aria-disabled="false"]');
  const answer = async (page: Page, key = 'ArrowLeft') => {
    await ready(page);
    await page.waitForTimeout(400);
    await page.keyboard.press(key);
  };

  const whole = await study({}, visit);
  const page = await open(whole.url);
  await heading(page, 'Welcome');
  await shoot(page, '01-welcome');
  await press(page, 'Start');
  await heading(page, 'Your consent');
  await shoot(page, '02-consent');
  await press(page, 'I agree');
  await heading(page, 'What you do');
  await page.waitForTimeout(500);
  await shoot(page, '04-instructions');
  await press(page, 'Go on to practice');
  await ready(page);
  await shoot(page, '05-practice');
  await answer(page);
  await heading(page, 'xpected');
  await shoot(page, '06-feedback');
  await press(page, 'Go on');
  await ready(page);
  await shoot(page, '07-prompt-hidden');
  await answer(page);
  await heading(page, 'Where in the image');
  await shoot(page, '09-point-at-it');
  await press(page, 'Skip this');
  await heading(page, 'given the prompt');
  await shoot(page, '08-prompt-shown');
  await page.keyboard.down('d');
  await shoot(page, '10-difference');
  await page.keyboard.up('d');
  await page.keyboard.press('?');
  await page.waitForSelector('dialog');
  await shoot(page, '11-help');
  await page.keyboard.press('Escape');
  await press(page, 'Report');
  await page.waitForSelector('dialog');
  await shoot(page, '12-report');
  await page.keyboard.press('Escape');
  for (let i = 0; i < 5; i++) {
    await answer(page);
    await press(page, 'Skip this');
  }
  await heading(page, 'A short break?');
  await shoot(page, '13-break');
  await press(page, 'Go on');
  await ready(page);
  await page.keyboard.press('z');
  await page.waitForSelector('.notice:has-text("is open again")');
  await shoot(page, '14-taken-back');
  for (let i = 0; i < 6; i++) {
    if (i === 3) {
      await heading(page, 'A short break?');
      await press(page, 'Go on');
    }
    await answer(page);
    await press(page, 'Skip this');
  }
  await heading(page, 'Every pair is judged');
  await shoot(page, '15-all-judged');
  await press(page, 'Finish');
  await heading(page, 'A last question');
  await shoot(page, '16-survey');
  await press(page, 'Send');
  await heading(page, 'Thank you!');
  await shoot(page, '17-end');

  const refused = await open(whole.url);
  await press(refused, 'Start');
  await press(refused, 'I do not agree');
  await heading(refused, 'You have not agreed');
  await shoot(refused, '18-no-consent');

  const small = await open((await study({}, { device: { minWidth: 2000, minHeight: 700 } })).url);
  await heading(small, 'A larger screen');
  await shoot(small, '03-device');
  await press(small, 'I have no larger');
  await heading(small, 'too small');
  await shoot(small, '19-device-end');

  const gold = {
    gold: {
      every: 1,
      pairs: [{ prompt: 'a black heart by the sea', instruction: { choose: 'left' } }],
      screenOut: { after: 1, below: 1 },
    },
  };
  const checked = await open((await study({ criteria: ['general'] }, gold)).url);
  await answer(checked);
  await checked.waitForSelector('.prompt:has-text("Please choose")');
  await shoot(checked, '20-instructed');
  await answer(checked, 'ArrowRight');
  // The pairs that the page holds already are answered first.
  await answer(checked);
  await answer(checked);
  await heading(checked, 'The study ends here');
  await shoot(checked, '21-checks-end');

  const plain = await study({ ties: true, criteria: ['general'], promptSample: 1 });
  const first = await open(plain.url);
  await ready(first);
  await shoot(first, '22-ties');
  const second = await open(plain.url);
  await heading(second, 'This study is full');
  await shoot(second, '23-full');
  await answer(first);
  await heading(first, 'Thank you!');
  await shoot(first, '24-finished');

  const other = await study({ criteria: ['general', 'alignment'] });
  const away = await open(other.url, '?participant=twice');
  await answer(away);
  await heading(away, 'fits the text');
  await shoot(await elsewhere(other.url), '25-begun-elsewhere');
  await away.context().setOffline(true);
  await answer(away);
  await away.waitForSelector('.notice:has-text("No connection")', { timeout: 20_000 });
  await shoot(away, '26-offline');
  async function elsewhere(url: string): Promise<Page> {
    const again = await open(url, '?participant=twice');
    await heading(again, 'Already begun');
    return again;
  }
  const broken = await (await browser.newContext({ ...options, reducedMotion: 'reduce' })).newPage();
  pages.push(broken);
  await broken.route('**/annotate/images/**', (route) => route.fulfill({ status: 404 }));
  await broken.goto(`${other.url}?participant=broken`);
  await broken.waitForSelector('h2:has-text("cannot be shown")', { timeout: 20_000 });
  await shoot(broken, '27-image-missing');

  for (const [state, title, name] of [
    ['paused', 'Paused', '28-paused'],
    ['closed', 'has ended', '29-closed'],
  ] as const) {
    const { name: studyName, url } = await study();
    await changeState(db, studyName, state);
    const waiting = await open(url);
    await heading(waiting, title);
    await shoot(waiting, name);
  }
  const early = await open((await study({}, {}, 'draft')).url);
  await heading(early, 'Not started');
  await shoot(early, '30-not-open');
  const wrong = await open(`${server.url}/annotate/nonsense`);
  await heading(wrong, 'does not work');
  await shoot(wrong, '31-wrong-link');
  const nobody = await open(whole.url, '?PROLIFIC_PID={{%PROLIFIC_PID%}}');
  await heading(nobody, 'does not say who');
  await shoot(nobody, '32-nobody');
  const preview = await open(whole.url, '?assignmentId=ASSIGNMENT_ID_NOT_AVAILABLE&workerId=w');
  await heading(preview, 'Which image?');
  await shoot(preview, '33-preview');
  for (const each of pages) await each.context().close();
}
await browser.close();
await server.close();
await db.destroy();
