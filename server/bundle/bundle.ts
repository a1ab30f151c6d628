/** @file A study as one zip file. */
import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { once } from 'node:events';
import { Zip, ZipDeflate, ZipPassThrough } from 'fflate';
import type { Database } from '../../db/open.ts';
import { modelById } from '../../db/queries/models.ts';
import { promptSetById } from '../../db/queries/prompts.ts';
import { listPairings, listPairScores, listPairsForBundle } from '../../db/queries/studies.ts';
import type { Population } from '../../db/tables.ts';
import { sha256Of } from '../../evaluator/engine/files/hashes.ts';
import type { ImageStore } from '../../evaluator/engine/images/store.ts';
import { modelsOf } from '../../evaluator/votes/models.ts';
import { readAudit } from '../access/audit.ts';
import { exportVotes, itemsOf } from '../study/exports.ts';
import { requireStudy } from '../study/lifecycle.ts';
import { pseudonyms } from '../study/pseudonyms.ts';
import { planOf } from '../study/plan.ts';
import { otherScoresOf } from '../study/study-report.ts';
import { populationOf } from '../study/summary.ts';
import { bundleFormat, imageName, jsonLines, names, type BundledStudy } from './files.ts';
import { recomputed } from './recompute.ts';

export interface BundleOptions {
  out: string;
  /** The images too. */
  images?: boolean;
  /** Participants by their platform's ids, instead of pseudonyms. */
  identified?: boolean;
  population?: Population | undefined;
  /** As package.json has it. */
  version: string;
}

export interface Bundled {
  votes: number;
  pairs: number;
  images: number;
  bytes: number;
}

/**
 * Written beside its place and renamed when it is whole.
 * @throws ServiceError not-found; BadInput when there is no vote yet; ENOENT for an image that is missing
 */
export async function bundleStudy(
  db: Database,
  store: ImageStore,
  name: string,
  { out, images = false, identified = false, population, version }: BundleOptions,
  now = new Date(),
): Promise<Bundled> {
  const study = await requireStudy(db, name);
  const whose = population ?? (await populationOf(db, study.id));
  const exported = await exportVotes(db, name, {
    format: 'votes-jsonl',
    out: 'votes.jsonl',
    population: whose,
    dataFolder: '',
  });
  const votes = identified ? (exported.content as string) : pseudonymous(exported.content as string);
  const pairings = await listPairings(db, study.id);
  const modelIds = modelsOf(pairings.map(({ modelAId, modelBId }) => ({ modelA: modelAId, modelB: modelBId })));
  const about: BundledStudy = {
    format: bundleFormat,
    visavis: version,
    madeAt: now.toISOString(),
    name: study.name,
    population: whose,
    state: study.state,
    createdAt: new Date(study.createdAt).toISOString(),
    promptSet: await promptSetOf(db, study.promptSetId),
    models: await Promise.all(modelIds.map((id) => modelOf(db, id))),
    pairings: pairings.map(({ modelA, modelB }) => ({ modelA, modelB })),
    criteria: study.criteria,
    votesPerPair: study.votesPerPair,
    ties: study.ties,
    bothBad: study.bothBad,
    split: study.split,
    ownCriteria: study.ownCriteria,
    seed: study.seed,
    promptSample: study.promptSample,
    preset: study.preset,
    plan: planOf(study),
    planSha256: study.planSha256,
    visit: study.visit as Record<string, unknown> | null,
    identified,
  };
  const rows = await listPairsForBundle(db, study.id);
  const items = itemsOf(rows);
  const pairs = rows.map(({ promptId, ...pair }) => ({ ...pair, item: items.get(promptId)! }));
  const texts = {
    study: about,
    pairs: jsonLines(pairs),
    votes,
    scores: jsonLines([
      ...(await listPairScores(db, study.id)),
      ...(await otherScoresOf(db, study)).map((score) => ({ ...score, position: null })),
    ]),
  };
  const report = await recomputed(texts);
  const partial = `${out}.${randomUUID()}.partial`;
  try {
    const writer = new ZipWriter(partial);
    await writer.add(names.readme, readme(about));
    await writer.add(names.study, `${JSON.stringify(about, null, 2)}\n`);
    await writer.add(names.pairs, texts.pairs);
    await writer.add(names.votes, texts.votes);
    await writer.add(names.scores, texts.scores);
    await writer.add(names.audit, jsonLines((await readAudit(db)).entries));
    await writer.add(names.report, `${JSON.stringify(report, null, 2)}\n`);
    const shown = images ? new Set(pairs.flatMap(({ a, b }) => [a.sha256, b.sha256])) : new Set<string>();
    for (const sha256 of shown) await writer.add(imageName(sha256), await store.read(sha256));
    const bytes = await writer.end();
    await rename(partial, out);
    return { votes: exported.rows, pairs: pairs.length, images: shown.size, bytes };
  } finally {
    await rm(partial, { force: true });
  }
}

/** People as p1, p2, … in the order of their first vote. */
function pseudonymous(votes: string): string {
  const nameOf = pseudonyms();
  const rows = votes
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const row = JSON.parse(line) as { annotator: string };
      if (row.annotator === '') return row;
      return { ...row, annotator: nameOf(row.annotator) };
    });
  return jsonLines(rows);
}

async function promptSetOf(db: Database, id: string): Promise<BundledStudy['promptSet']> {
  const { name, sourceSha256 } = await promptSetById(db, id);
  return { name, sourceSha256 };
}

/** Paths say where somebody keeps things; hashes say what they are. */
async function modelOf(db: Database, id: string): Promise<BundledStudy['models'][number]> {
  const { name, kind, settings } = await modelById(db, id);
  return { name, kind, settings: withoutPaths(settings) as Record<string, unknown> };
}

function withoutPaths(value: unknown): unknown {
  if (typeof value === 'string') return /^(\/|[A-Za-z]:\\)/.test(value) ? value.split(/[\\/]/).at(-1) : value;
  if (Array.isArray(value)) return value.map(withoutPaths);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, withoutPaths(part)]));
}

function readme({ name, pairings, identified }: BundledStudy): string {
  const compared = pairings.map(({ modelA, modelB }) => `${modelA} against ${modelB}`).join(', ');
  return `The study "${name}" (${compared}), as visavis keeps it.

study.json    what was decided: models with their settings, questions, votes a pair, seed
pairs.jsonl   each pair: prompt, seeds, the SHA-256 of both images and how they were made
votes.jsonl   every vote with what became of it (counted, retracted, surplus, excluded), and pairs without one
scores.jsonl  rewards' scores of the pairs, and of the same models' images of other prompts
audit.jsonl   what was done on the server, a chain of hashes
report.json   the report that follows from these files
SHA256SUMS    a hash of each file (sha256sum -c SHA256SUMS)

visavis verify FILE computes the report anew and says what differs. That a bundle agrees with itself proves no more than that.
${identified ? 'Participants stand under the ids that their platform gave them.' : 'Participants stand under pseudonyms.'}
`;
}

/** Files into a zip on the disk, one after the other, with a list of their hashes at the end. */
class ZipWriter {
  readonly #file;
  readonly #zip: Zip;
  readonly #hashes: string[] = [];
  #bytes = 0;
  #failed: Error | undefined;

  constructor(path: string) {
    this.#file = createWriteStream(path);
    this.#file.on('error', (error) => (this.#failed = error));
    this.#zip = new Zip((error, chunk) => {
      if (error !== null) this.#failed = error;
      else {
        this.#bytes += chunk.length;
        this.#file.write(chunk);
      }
    });
  }

  async add(name: string, content: string | Uint8Array): Promise<void> {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    this.#hashes.push(`${sha256Of(bytes)}  ${name}\n`);
    // Images are compressed already.
    const entry = name.endsWith('.png') ? new ZipPassThrough(name) : new ZipDeflate(name, { level: 6 });
    this.#zip.add(entry);
    entry.push(bytes, true);
    if (this.#file.writableNeedDrain) await Promise.race([once(this.#file, 'drain'), once(this.#file, 'close')]);
    if (this.#failed !== undefined) throw this.#failed;
  }

  /** @returns the zip's size */
  async end(): Promise<number> {
    await this.add(names.hashes, this.#hashes.join(''));
    this.#zip.end();
    this.#file.end();
    await once(this.#file, 'close');
    if (this.#failed !== undefined) throw this.#failed;
    return this.#bytes;
  }
}
