/** @file What is in a bundle. */
import { z } from 'zod';

/** Of the layout; a bundle of another one is refused. */
export const bundleFormat = 2;

export const names = {
  study: 'study.json',
  pairs: 'pairs.jsonl',
  votes: 'votes.jsonl',
  scores: 'scores.jsonl',
  audit: 'audit.jsonl',
  report: 'report.json',
  hashes: 'SHA256SUMS',
  readme: 'README.txt',
} as const;

export const imageName = (sha256: string) => `images/${sha256}.png`;

const model = z.object({ name: z.string(), kind: z.string(), settings: z.record(z.string(), z.unknown()) });

export const bundledStudySchema = z.object({
  format: z.literal(bundleFormat),
  visavis: z.string(),
  madeAt: z.iso.datetime(),
  name: z.string(),
  population: z.enum(['people', 'simulated']),
  state: z.string(),
  createdAt: z.iso.datetime(),
  promptSet: z.object({ name: z.string(), sourceSha256: z.string().nullable() }),
  models: z.array(model),
  /** Names of the models that are compared two by two. */
  pairings: z.array(z.object({ modelA: z.string(), modelB: z.string() })),
  criteria: z.array(z.string()),
  votesPerPair: z.int(),
  ties: z.boolean(),
  /** Absent in bundles of before 0030-questions. */
  bothBad: z.boolean().optional(),
  split: z.boolean().optional(),
  /** Those of the criteria that are the study's own. */
  ownCriteria: z.array(z.unknown()).optional(),
  seed: z.int(),
  promptSample: z.int().nullable(),
  preset: z.string().nullable(),
  plan: z.looseObject({ primary: z.string() }).nullable(),
  planSha256: z.string().nullable(),
  visit: z.record(z.string(), z.unknown()).nullable(),
  identified: z.boolean(),
});
export type BundledStudy = z.infer<typeof bundledStudySchema>;

export const bundledPairSchema = z.object({
  position: z.int(),
  /** Its number in votes.jsonl, which its prompt has in every pairing. */
  item: z.int(),
  /** Index among the study's pairings. */
  pairing: z.int(),
  prompt: z.string(),
  category: z.string().nullable(),
  challenge: z.string().nullable(),
  weight: z.number().nullable(),
  drawWeight: z.number().nullable().optional(),
  a: z.object({ seed: z.int(), sha256: z.string(), width: z.int(), height: z.int(), provenance: z.unknown() }),
  b: z.object({ seed: z.int(), sha256: z.string(), width: z.int(), height: z.int(), provenance: z.unknown() }),
});
export type BundledPair = z.infer<typeof bundledPairSchema>;

export const bundledScoreSchema = z.object({
  reward: z.string(),
  /** Of a pair of the study; null: of the same models' images of another prompt. */
  position: z.int().nullable(),
  /** Index among the study's pairings, of what is no pair of the study. */
  pairing: z.int().optional(),
  scoreA: z.number(),
  scoreB: z.number(),
});

export const auditEntrySchema = z.object({
  position: z.int(),
  createdAt: z.number(),
  actor: z.string(),
  action: z.string(),
  subject: z.string(),
  previous: z.string(),
  hash: z.string(),
});

/** @throws z.ZodError, SyntaxError */
export function linesOf<T>(schema: z.ZodType<T>, text: string): T[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => schema.parse(JSON.parse(line)));
}

export function jsonLines(rows: readonly object[]): string {
  return rows.map((row) => `${JSON.stringify(row)}\n`).join('');
}
