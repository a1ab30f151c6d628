/** @file Whether a bundle agrees with itself: its files with their hashes, its report with its votes, its log with its chain. */
import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { Unzip, UnzipInflate } from 'fflate';
import { z } from 'zod';
import { brokenAt } from '../access/audit.ts';
import { BadInput } from '../../evaluator/engine/files/bad-input.ts';
import {
  auditEntrySchema,
  bundledPairSchema,
  bundledStudySchema,
  bundleFormat,
  imageName,
  linesOf,
  names,
  type BundledStudy,
} from './files.ts';
import { recomputed } from './recompute.ts';

export interface Verified {
  study: string;
  votes: number;
  images: number;
  /** What does not agree, a sentence each; none for a bundle that is whole. */
  differences: string[];
}

/** Of a text; an image may be larger. */
const longestText = 2 ** 30;

/** @throws BadInput for what is no bundle */
export async function verifyBundle(path: string): Promise<Verified> {
  const { texts, hashes } = await unzip(path);
  const missing = Object.values(names).filter((name) => !texts.has(name));
  if (missing.length > 0) throw new BadInput(`${path} is no bundle: it lacks ${missing.join(', ')}.`);
  const differences: string[] = [];
  const study = studyOf(texts.get(names.study)!, path);
  try {
    checkHashes(texts.get(names.hashes)!, hashes, differences);
    const pairs = linesOf(bundledPairSchema, texts.get(names.pairs)!);
    const shown = new Set(pairs.flatMap(({ a, b }) => [a.sha256, b.sha256]));
    const images = [...hashes].filter(([name]) => name.startsWith('images/'));
    for (const [name, sha256] of images)
      if (name !== imageName(sha256)) differences.push(`${name} has other bytes: their SHA-256 is ${sha256}.`);
    if (images.length > 0)
      for (const sha256 of shown)
        if (!hashes.has(imageName(sha256))) differences.push(`${imageName(sha256)} is missing.`);
    const broken = brokenAt(linesOf(auditEntrySchema, texts.get(names.audit)!));
    if (broken !== null) differences.push(`audit.jsonl: entry ${broken} does not follow from the one before.`);
    const report = await recomputed({
      study,
      pairs: texts.get(names.pairs)!,
      votes: texts.get(names.votes)!,
      scores: texts.get(names.scores)!,
    });
    // As they are printed: numbers have one text.
    const said: unknown = JSON.parse(texts.get(names.report)!);
    compare(said, JSON.parse(JSON.stringify(report)), 'report.json', differences);
    const votes = texts
      .get(names.votes)!
      .split('\n')
      .filter((line) => line.includes('"vote_id":"') && !line.includes('"vote_id":""'));
    return { study: study.name, votes: votes.length, images: images.length, differences };
  } catch (error) {
    if (!(error instanceof z.ZodError) && !(error instanceof SyntaxError) && !(error instanceof BadInput)) throw error;
    const [sentence] = error instanceof z.ZodError ? [z.prettifyError(error).split('\n')[0]] : [error.message];
    return {
      study: study.name,
      votes: 0,
      images: 0,
      differences: [...differences, `A file cannot be read: ${sentence}.`],
    };
  }
}

function studyOf(text: string, path: string): BundledStudy {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new BadInput(`${path} is no bundle: its ${names.study} is no JSON.`);
  }
  const format = (value as { format?: unknown } | null)?.format;
  if (format !== bundleFormat)
    throw new BadInput(`${path} has the format ${String(format)}; this version reads ${bundleFormat}.`);
  const parsed = bundledStudySchema.safeParse(value);
  if (!parsed.success) throw new BadInput(`${path}: ${names.study}: ${z.prettifyError(parsed.error).split('\n')[0]!}.`);
  return parsed.data;
}

function checkHashes(sums: string, hashes: ReadonlyMap<string, string>, differences: string[]): void {
  const listed = new Map(
    sums
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => [line.slice(66), line.slice(0, 64)]),
  );
  for (const [name, sha256] of listed) {
    const is = hashes.get(name);
    if (is === undefined) differences.push(`${name} is missing.`);
    else if (is !== sha256) differences.push(`${name} is not the file that was bundled (SHA-256).`);
  }
  for (const name of hashes.keys())
    if (name !== names.hashes && !listed.has(name)) differences.push(`${name} was not bundled.`);
}

const mostDifferences = 20;

/** What differs, by its place; as many as somebody reads. */
function compare(said: unknown, is: unknown, place: string, differences: string[]): void {
  if (differences.length >= mostDifferences || Object.is(said, is)) return;
  if (typeof said === 'object' && typeof is === 'object' && said !== null && is !== null) {
    const keys = new Set([...Object.keys(said), ...Object.keys(is)]);
    for (const key of keys) {
      const at = Array.isArray(is) ? `${place}[${key}]` : `${place}: ${key}`.replace(/: (.*): /, ': $1.');
      compare((said as Record<string, unknown>)[key], (is as Record<string, unknown>)[key], at, differences);
    }
    return;
  }
  differences.push(
    `${place} says ${JSON.stringify(said) ?? 'nothing'}; the votes say ${JSON.stringify(is) ?? 'nothing'}.`,
  );
}

/** Texts whole, of everything the hash. @throws BadInput for what is no zip */
async function unzip(path: string): Promise<{ texts: Map<string, string>; hashes: Map<string, string> }> {
  const texts = new Map<string, string>();
  const hashes = new Map<string, string>();
  let failed: Error | undefined;
  const unzipper = new Unzip((file) => {
    const hash: Hash = createHash('sha256');
    const isText = (Object.values(names) as string[]).includes(file.name);
    const chunks: Buffer[] = [];
    let length = 0;
    if (hashes.has(file.name)) failed = new BadInput(`${path} holds ${file.name} twice.`);
    file.ondata = (error, chunk, final) => {
      if (error !== null) failed ??= new BadInput(`${path}: ${file.name} is damaged (${error.message}).`);
      if (failed !== undefined) return;
      hash.update(chunk);
      length += chunk.length;
      if (isText) chunks.push(Buffer.from(chunk));
      if (length > longestText) failed = new BadInput(`${path}: ${file.name} is larger than a bundle's files are.`);
      if (!final) return;
      hashes.set(file.name, hash.digest('hex'));
      if (isText) texts.set(file.name, Buffer.concat(chunks).toString('utf8'));
    };
    file.start();
  });
  unzipper.register(UnzipInflate);
  try {
    for await (const chunk of createReadStream(path)) {
      unzipper.push(chunk as Buffer);
      if (failed !== undefined) throw failed;
    }
    unzipper.push(new Uint8Array(0), true);
  } catch (error) {
    if (error instanceof BadInput) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    throw new BadInput(
      code === 'ENOENT' || code === 'EISDIR' || code === 'EACCES'
        ? `${path} cannot be read (${code}).`
        : `${path} is no zip file, or damaged (${message}).`,
    );
  }
  if (failed !== undefined) throw failed;
  return { texts, hashes };
}
