/** @file What jobs of the queue have in common. */
import { z } from 'zod';
import type { Database } from '../../db/open.ts';
import type { ImageStore } from '../engine/images/store.ts';
import type { Device } from '../engine/onnx/device.ts';
import type { Networks } from '../models/networks.ts';
import type { RendererPool } from '../renders/renderer-pool.ts';

/** A job before it is in the queue. */
export interface JobPlan<Request extends object> {
  title: string;
  request: Request;
  /** Jobs of one key take about as long an item. */
  rateKey: string;
  /** Of the weights that are loaded at once. */
  memoryBytes: number;
  slices: readonly { items: number; part: object }[];
  /** Already there before. */
  skipped: number;
  /** What whoever submits it should know, in sentences. */
  notes?: readonly string[];
}

/** Of the machine that runs a slice. */
export interface Machine {
  db: Database;
  images: ImageStore;
  dataFolder: string;
  device: Device;
  networks: Networks;
  renderers: RendererPool;
}

/** One slice under way. */
export interface SliceRun {
  jobId: string;
  signal: AbortSignal;
  /** What came out before, of a slice that somebody else began; null where nothing did. */
  before: unknown;
  /** @param result what has come out so far, where somebody else can go on from it */
  report: (done: number, result?: object) => void;
}

/** The prompts of a slice, by their places in the set. */
export const partSchema = z.strictObject({ positions: z.array(z.int().min(0)) });

/** What came of a slice of renders or scores: the database has the rest. */
export const sliceResultSchema = z.object({
  failed: z.array(z.object({ prompt: z.string(), message: z.string() })),
});
export type SliceResult = z.infer<typeof sliceResultSchema>;
export type Failures = SliceResult['failed'];
