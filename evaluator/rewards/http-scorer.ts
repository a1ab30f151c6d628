/**
 * @file Scores images by asking a program over HTTP: batches, one after the other, again after a failure that may pass. Which
 * program it is was decided on the command line; no request to visavis can name one.
 */
import { createHash } from 'node:crypto';
import pRetry, { AbortError } from 'p-retry';
import type { z } from 'zod';
import { rewardAnswerSchema, rewardInfoSchema, type RewardQuestion } from '../../contract/http-reward.ts';
import { BadInput } from '../engine/files/bad-input.ts';
import { decodeRgb } from '../engine/images/decode.ts';
import { encodePng } from '../engine/images/png.ts';
import { sha256Of } from '../engine/files/hashes.ts';
import type { ImageScorer, PromptedImage, ScoreResult } from './image-scorer.ts';

/** What the reward's row keeps. */
export interface HttpReward {
  url: string;
  version: string;
  /** Images in one request. */
  batch: number;
}

export interface HttpScorerOptions {
  /** Sent as bearer token. */
  token?: string | undefined;
  /** The first wait before another try; it doubles. */
  waitMs?: number;
  /** How long one answer may take. */
  timeoutMs?: number;
  /** Of a request's images together, base64: a request is closed when the next one would go beyond it. */
  largestQuestion?: number;
}

const retries = 4;
const largestAnswer = 1 << 20;
const usualQuestion = 48 * 2 ** 20;

/** @throws BadInput when the address is none, or holds a password, which would be kept and shown */
export function checkRewardUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw new BadInput(`"${text}" is no address of a reward; it must begin with http:// or https://.`);
  if (url.username !== '' || url.password !== '')
    throw new BadInput('The address of a reward holds no name and no password; VISAVIS_REWARD_TOKEN sends a token.');
  return url.href;
}

/** What the program says of itself. @throws BadInput when it does not answer, or says something else */
export async function askReward(url: string, options: HttpScorerOptions = {}): Promise<HttpReward> {
  const { version, batch } = await ask(url, { method: 'GET' }, rewardInfoSchema, options);
  return { url, version, batch };
}

/** The hash that its scores are kept under. */
export function hashOfReward({ url, version }: HttpReward): string {
  return createHash('sha256')
    .update(JSON.stringify(['http', url, version]))
    .digest('hex');
}

export class HttpScorer implements ImageScorer {
  readonly #reward: HttpReward;
  readonly #options: HttpScorerOptions;

  constructor(reward: HttpReward, options: HttpScorerOptions = {}) {
    this.#reward = reward;
    this.#options = options;
  }

  async *score(
    items: readonly PromptedImage[],
    signal?: AbortSignal,
  ): AsyncGenerator<{ start: number; results: ScoreResult[] }> {
    const { batch } = this.#reward;
    for (let start = 0; start < items.length; start += batch) {
      if (signal?.aborted === true) return;
      const results = await this.#scoreBatch(items.slice(start, start + batch), signal);
      if (results === undefined) return;
      yield { start, results };
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Undefined when the signal ended it. */
  async #scoreBatch(items: readonly PromptedImage[], signal?: AbortSignal): Promise<ScoreResult[] | undefined> {
    const { url } = this.#reward;
    const { largestQuestion = usualQuestion } = this.#options;
    const read: Awaited<ReturnType<typeof itemOf>>[] = [];
    const scores: (number | null)[] = [];
    let asked: RewardQuestion['items'] = [];
    let size = 0;
    const send = async (): Promise<boolean> => {
      if (asked.length === 0) return true;
      const answer = await this.#ask(asked, signal);
      if (answer === undefined) return false;
      scores.push(...answer);
      [asked, size] = [[], 0];
      return true;
    };
    // One after the other: many large images at once are more than a machine needs to hold.
    for (const each of items) {
      const item = await itemOf(each);
      read.push(item);
      if (item instanceof BadInput) continue;
      if (size + item.image.length > largestQuestion && !(await send())) return undefined;
      asked.push(item);
      size += item.image.length;
    }
    if (!(await send())) return undefined;
    let next = 0;
    return read.map((item) => {
      if (item instanceof BadInput) return { refused: item.message };
      const score = scores[next++]!;
      return score === null ? { refused: `${url} gave no score.` } : { score };
    });
  }

  /** Undefined when the signal ended it. */
  async #ask(items: RewardQuestion['items'], signal?: AbortSignal): Promise<(number | null)[] | undefined> {
    const { url, version } = this.#reward;
    const body = JSON.stringify({ items } satisfies RewardQuestion);
    const answer = await ask(
      url,
      { method: 'POST', body, headers: { 'Content-Type': 'application/json' }, ...(signal && { signal }) },
      rewardAnswerSchema,
      this.#options,
    ).catch((error: unknown) => {
      if (signal?.aborted === true) return undefined;
      throw error;
    });
    if (answer === undefined) return undefined;
    if (answer.version !== version)
      throw new BadInput(
        `${url} is version ${answer.version} now; it was ${version} when the reward was added. Add it again (visavis rewards add … --kind http --url ${url}), its new scores are then kept apart from the old.`,
      );
    if (answer.scores.length !== items.length)
      throw new BadInput(`${url} gave ${answer.scores.length} scores for ${items.length} images.`);
    return answer.scores;
  }
}

/** The pixels alone: what else a file holds (its prompt, its model) is nothing to a judge. */
async function itemOf({ file, prompt }: PromptedImage): Promise<RewardQuestion['items'][number] | BadInput> {
  try {
    const { pixels, width, height } = await decodeRgb(file, file);
    const bytes = await encodePng(pixels, width, height);
    return { prompt, image: bytes.toString('base64'), type: 'image/png', sha256: sha256Of(bytes) };
  } catch (error) {
    if (error instanceof BadInput) return error;
    throw error;
  }
}

/** @throws BadInput with one sentence when it fails for good, or again and again */
async function ask<T extends z.ZodType>(
  url: string,
  init: RequestInit,
  schema: T,
  { token, waitMs = 1000, timeoutMs = 300_000 }: HttpScorerOptions,
): Promise<z.output<T>> {
  const headers = new Headers(init.headers);
  headers.set('Accept', 'application/json');
  if (token !== undefined) headers.set('Authorization', `Bearer ${token}`);
  const attempt = async () => {
    const signal = AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(init.signal ? [init.signal] : [])]);
    // Whoever answers must not send the images on to somebody else.
    const response = await fetch(url, { ...init, headers, signal, redirect: 'error' });
    const text = await limitedText(response);
    if (response.ok) return parsed(text, schema, url);
    const sentence = `${url} answered ${response.status}: ${text.slice(0, 200).replace(/\s+/g, ' ').trim()}`;
    const mayPass = response.status >= 500 || response.status === 429 || response.status === 408;
    throw mayPass ? new BadInput(sentence) : new AbortError(new BadInput(sentence));
  };
  try {
    return await pRetry(attempt, {
      retries,
      minTimeout: waitMs,
      factor: 2,
      ...(init.signal ? { signal: init.signal } : {}),
      // Every failure of the network may pass; p-retry itself goes on after some of them alone.
      shouldRetry: () => true,
    });
  } catch (error) {
    if (error instanceof BadInput) throw error;
    if (init.signal?.aborted === true) throw error;
    throw new BadInput(`The reward at ${url} does not answer: ${reasonOf(error)}.`);
  }
}

async function limitedText(response: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of response.body ?? []) {
    size += part.byteLength;
    if (size > largestAnswer) throw new AbortError(new BadInput(`The answer of ${response.url} is too long.`));
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

function parsed<T extends z.ZodType>(text: string, schema: T, url: string): z.output<T> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new AbortError(new BadInput(`${url} answers no JSON.`));
  }
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const { path, message } = result.error.issues[0]!;
  throw new AbortError(new BadInput(`${url} answers something else: ${path.join('.') || 'the answer'}: ${message}.`));
}

function reasonOf(error: unknown): string {
  const { cause, message } = error as Error & { cause?: Error };
  return cause?.message || message;
}
