/** @file A report as one file without network that computes itself again when it is opened. */
import { createHash } from 'node:crypto';
import sharp from 'sharp';
import type { Database } from '../../db/open.ts';
import { listPairImages } from '../../db/queries/studies.ts';
import type { Population } from '../../db/tables.ts';
import { readVotes, reportOfVotes, withBeside, writtenVotes } from '../../evaluator/votes/study-votes.ts';
import { sha256Of } from '../../evaluator/engine/files/hashes.ts';
import type { ImageStore } from '../../evaluator/engine/images/store.ts';
import { escapeMarkup } from '../../evaluator/engine/files/markup.ts';
import { requireStudy } from '../study/lifecycle.ts';
import { pseudonyms } from '../study/pseudonyms.ts';
import { studyVotes } from '../study/study-report.ts';
import { aboutStudy } from './about.ts';
import { methods } from './methods.ts';
import { loadRenderer, pageAssets } from './renderer.ts';

export interface HtmlOptions {
  population?: Population | undefined;
  /** Participants by their platform's ids, instead of pseudonyms. */
  identified?: boolean;
  /** Every pair with its images, small. */
  gallery?: ImageStore | undefined;
  /** As package.json has it. */
  version: string;
}

/** Longest side of a gallery's image, pixels. */
const gallerySide = 320;

/** The file's text. @throws ServiceError not-found */
export async function reportHtml(db: Database, name: string, options: HtmlOptions): Promise<string> {
  return (await reportFile(db, name, options)).html;
}

/** @returns the file's text, and the policy that it names for itself @throws ServiceError not-found */
export async function reportFile(
  db: Database,
  name: string,
  { population, identified = false, gallery, version }: HtmlOptions,
): Promise<{ html: string; policy: string }> {
  const study = await aboutStudy(db, name);
  const { votes, beside: besideOf } = await studyVotes(db, name, population);
  const beside = await besideOf();
  const nameOf = identified ? (id: string) => id : pseudonyms();
  const written = writtenVotes(votes, nameOf);
  const checks =
    beside.checks === null
      ? null
      : Object.fromEntries(Object.entries(beside.checks).map(([id, check]) => [nameOf(id), check]));
  // As the file will: from what is written, not from what was read.
  const data = JSON.parse(JSON.stringify({ votes: written, beside: { ...beside, checks } })) as {
    votes: typeof written;
    beside: typeof beside;
  };
  const read = readVotes(data.votes);
  const report = withBeside(reportOfVotes(read), data.beside);
  const about = {
    models: study.models.map((model) => model.name),
    methods: methods(study, report, version),
    ...(gallery === undefined ? {} : { gallery: await galleryOf(db, name, gallery) }),
  };
  const { pageBody } = await loadRenderer();
  const { script, style } = await pageAssets();
  // Nothing in it can end the element that it stands in.
  const json = JSON.stringify({ about, ...data }).replaceAll('<', '\\u003c');
  const code = script.replaceAll('</script', '<\\/script');
  const hash = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
  const policy = `default-src 'none'; img-src data:; style-src ${hash(style)}; script-src ${hash(code)}`;
  const html = [
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8" />',
    `<meta http-equiv="Content-Security-Policy" content="${policy}" />`,
    '<meta name="viewport" content="width=device-width, initial-scale=1" />',
    `<title>${escapeMarkup(name)} · visavis</title>`,
    `<style>${style}</style>`,
    '</head>',
    '<body>',
    '<aside id="seal" aria-label="Check"><p>Not computed again: that needs a browser with scripts.</p></aside>',
    `<main>${pageBody(about, report, read)}</main>`,
    `<footer><p class="soft">SHA-256 of the votes: <code id="hash">${sha256Of(Buffer.from(json))}</code></p></footer>`,
    `<script type="application/json" id="votes">${json}</script>`,
    `<script type="module">${code}</script>`,
    '</body>',
    '</html>',
    '',
  ].join('\n');
  return { html, policy };
}

async function galleryOf(db: Database, name: string, store: ImageStore) {
  const { id } = await requireStudy(db, name);
  const places = new Map<number, number>();
  const small = async (sha256: string) => {
    const bytes = await sharp(await store.read(sha256))
      .resize(gallerySide, gallerySide, { fit: 'inside', withoutEnlargement: true })
      .webp({ quality: 80 })
      .toBuffer();
    return `data:image/webp;base64,${bytes.toString('base64')}`;
  };
  const made = [];
  for (const { position, pairing, prompt, imageA, imageB } of await listPairImages(db, id)) {
    // A pairing's items are in the order of its pairs.
    const item = places.get(pairing) ?? 0;
    places.set(pairing, item + 1);
    made.push({ position, pairing, item, prompt, a: await small(imageA), b: await small(imageB) });
  }
  return made;
}
