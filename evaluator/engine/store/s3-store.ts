/**
 * @file Objects in a bucket of S3, or of anything that speaks its protocol. Requests are signed with the bytes' own hash, so
 * that the server refuses what was changed on the way; large files go in parts.
 */
import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, open, readFile, stat, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { AwsClient } from 'aws4fetch';
import { hashFile, sha256Of } from '../files/hashes.ts';
import { replaceWhole } from '../files/write-whole.ts';
import { atOnce } from './at-once.ts';
import {
  bytesOf,
  DamagedObject,
  idOf,
  keyOf,
  notThere,
  StoreError,
  type ObjectId,
  type ObjectStore,
} from './object-store.ts';

export interface S3Options {
  bucket: string;
  /** Before every key, without slashes at its ends; empty for none. */
  prefix: string;
  /** Of another server than Amazon's, as http://127.0.0.1:9000. */
  endpoint: string | undefined;
  region: string;
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken: string | undefined;
}

/** A file above it goes in parts of this size; S3 takes 10,000 parts, none but the last under 5 MiB. */
export const partBytes = 32 * 2 ** 20;
const partsAtOnce = 2;
/** Tries of a request that the network or the server failed. */
const tries = 6;
/** A request that says nothing for so long has failed. */
const patienceMs = 120_000;

interface Call {
  query?: Record<string, string>;
  body?: Uint8Array;
}

export class S3Store implements ObjectStore {
  readonly location: string;
  readonly #prefix: string;
  readonly #base: string;
  readonly #client: AwsClient;
  readonly #idleMs: number;

  /** @param idleMs for which a body may say nothing */
  constructor({ bucket, prefix, endpoint, region, ...keys }: S3Options, { idleMs = 60_000 } = {}) {
    this.#idleMs = idleMs;
    this.location = `s3://${bucket}${prefix === '' ? '' : `/${prefix}`}`;
    this.#prefix = prefix === '' ? '' : `${prefix}/`;
    // A bucket's name with dots has no certificate as a host's name.
    this.#base =
      endpoint !== undefined || bucket.includes('.')
        ? `${(endpoint ?? `https://s3.${region}.amazonaws.com`).replace(/\/$/, '')}/${bucket}`
        : `https://${bucket}.s3.${region}.amazonaws.com`;
    const { sessionToken, ...key } = keys;
    this.#client = new AwsClient({
      ...key,
      ...(sessionToken === undefined ? {} : { sessionToken }),
      service: 's3',
      region,
      retries: 0,
    });
  }

  async check(): Promise<void> {
    await drop(await this.#ask('GET', '', { query: { 'list-type': '2', 'max-keys': '1', prefix: this.#prefix } }));
  }

  async size(id: ObjectId): Promise<number | undefined> {
    const response = await this.#ask('HEAD', this.#key(id), {}, [404]);
    await drop(response);
    return response.status === 404 ? undefined : Number(response.headers.get('content-length'));
  }

  async put(id: ObjectId, source: Uint8Array | string, { replace = false } = {}): Promise<void> {
    if (!replace && (await this.size(id)) === (await bytesOf(source))) return;
    if (typeof source === 'string' && (await stat(source)).size > partBytes) {
      if ((await hashFile(source)).sha256 !== id.sha256) throw this.#otherBytes(id);
      await this.#putParts(id, source);
      return;
    }
    const bytes = typeof source === 'string' ? await readFile(source) : source;
    if (sha256Of(bytes) !== id.sha256) throw this.#otherBytes(id);
    await drop(await this.#ask('PUT', this.#key(id), { body: bytes }));
  }

  async fetch(id: ObjectId, file: string): Promise<void> {
    const temporary = `${file}.${randomUUID()}`;
    await mkdir(dirname(file), { recursive: true });
    await replaceWhole(file, temporary, async () => {
      for (let attempt = 1; ; attempt++) {
        const response = await this.#ask('GET', this.#key(id), {}, [404]);
        if (response.status === 404) {
          await drop(response);
          throw notThere(this.location, id);
        }
        const hash = createHash('sha256');
        const hashing = new Transform({
          transform(chunk: Buffer, _encoding, done) {
            hash.update(chunk);
            done(null, chunk);
          },
        });
        try {
          const bytes = Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0]);
          await whileItMoves(
            bytes,
            (signal) => pipeline(bytes, hashing, createWriteStream(temporary, { flush: true }), { signal }),
            this.#idleMs,
          );
        } catch (error) {
          // The disk's own errors are not the network's.
          if (isOfDisk(error)) throw error;
          if (attempt === tries)
            throw new StoreError(`${this.location} breaks off in ${keyOf(id)}: ${reasonOf(error)}.`);
          await pause(backOffMs(attempt));
          continue;
        }
        if (hash.digest('hex') !== id.sha256) throw new DamagedObject(this.location, id);
        return;
      }
    });
  }

  async *list(): AsyncGenerator<ObjectId & { size: number }> {
    for (let token: string | undefined; ;) {
      const query = { 'list-type': '2', prefix: this.#prefix, ...(token && { 'continuation-token': token }) };
      const answer = await (await this.#ask('GET', '', { query })).text();
      for (const [, content] of answer.matchAll(/<Contents>(.*?)<\/Contents>/gs)) {
        const key = tagOf(content!, 'Key') ?? '';
        const id = key.startsWith(this.#prefix) ? idOf(key.slice(this.#prefix.length)) : undefined;
        if (id !== undefined) yield { ...id, size: Number(tagOf(content!, 'Size')) };
      }
      if (tagOf(answer, 'IsTruncated') !== 'true') return;
      token = tagOf(answer, 'NextContinuationToken');
      if (token === undefined) throw new StoreError(`${this.location} ends its list in the middle.`);
    }
  }

  async #putParts(id: ObjectId, file: string): Promise<void> {
    const key = this.#key(id);
    const begun = await (await this.#ask('POST', key, { query: { uploads: '' } })).text();
    const uploadId = tagOf(begun, 'UploadId');
    if (uploadId === undefined) throw new StoreError(`${this.location} does not take files in parts.`);
    try {
      const handle = await open(file);
      const tags: string[] = [];
      try {
        const count = Math.ceil((await handle.stat()).size / partBytes);
        await atOnce(partsAtOnce, Array(count).keys(), async (part) => {
          const query = { partNumber: String(part + 1), uploadId };
          const response = await this.#ask('PUT', key, { query, body: await readPart(handle, part) });
          tags[part] = response.headers.get('etag') ?? '';
          await drop(response);
        });
      } finally {
        await handle.close();
      }
      const parts = tags.map((tag, i) => `<Part><PartNumber>${i + 1}</PartNumber><ETag>${tag}</ETag></Part>`).join('');
      const body = Buffer.from(`<CompleteMultipartUpload>${parts}</CompleteMultipartUpload>`);
      const answer = await (await this.#ask('POST', key, { query: { uploadId }, body })).text();
      // S3 may answer 200 before it knows.
      if (/<Error>/.test(answer)) throw new StoreError(`${this.location} did not put ${keyOf(id)} together.`);
    } catch (error) {
      // Parts that nobody puts together cost money for ever.
      await this.#ask('DELETE', key, { query: { uploadId } }, [404]).then(drop, () => undefined);
      throw error;
    }
  }

  #key(id: ObjectId): string {
    return this.#prefix + keyOf(id);
  }

  #otherBytes(id: ObjectId): StoreError {
    return new StoreError(`These bytes are not ${keyOf(id)}; nothing was written to ${this.location}.`);
  }

  /** @param allowed statuses besides 2xx that the caller understands */
  async #ask(method: string, key: string, { query = {}, body }: Call, allowed: number[] = []): Promise<Response> {
    const url = new URL(key === '' ? this.#base : `${this.#base}/${key.split('/').map(encodeURIComponent).join('/')}`);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    let reason = '';
    for (let attempt = 1; attempt <= tries; attempt++) {
      if (attempt > 1) await pause(backOffMs(attempt - 1));
      let response: Response;
      // Of the answer's beginning: its body is timed while it comes.
      const patience = new AbortController();
      const timer = setTimeout(() => patience.abort(new Error(`no answer for ${patienceMs / 1000} s`)), patienceMs);
      try {
        response = await this.#client.fetch(url, {
          method,
          signal: patience.signal,
          headers: { 'X-Amz-Content-Sha256': sha256Of(body ?? new Uint8Array()) },
          ...(body === undefined ? {} : { body: body as NonNullable<RequestInit['body']> }),
        });
      } catch (error) {
        reason = reasonOf(error);
        continue;
      } finally {
        clearTimeout(timer);
      }
      if (response.ok || allowed.includes(response.status)) return response;
      const code = tagOf(await response.text(), 'Code');
      reason = `${response.status}${code === undefined ? '' : ` ${code}`}`;
      if (response.status < 500 && response.status !== 429)
        throw new StoreError(this.#refusal(response.status, reason));
    }
    throw new StoreError(`${this.location} cannot be reached: ${reason}.`);
  }

  #refusal(status: number, reason: string): string {
    if (status === 403)
      return `${this.location} refuses us (${reason}); check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and what they may do.`;
    if (status === 404) return `There is no bucket ${this.location} (${reason}); make it first.`;
    if (status >= 300 && status < 400)
      return `${this.location} is elsewhere (${reason}); give its region, as ${this.location}?region=eu-central-1.`;
    return `${this.location} refuses the request (${reason}).`;
  }
}

/**
 * Reads a body to its end, or until it says nothing for so long: the connection may look open for ever.
 * @param read ends when the signal says so, sooner or later
 */
async function whileItMoves(
  bytes: Readable,
  read: (signal: AbortSignal) => Promise<void>,
  idleMs: number,
): Promise<void> {
  const stop = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const stopped = new Promise<never>((_resolve, reject) => {
    const watch = () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        reject(new Error(`nothing came for ${idleMs / 1000} s`));
        stop.abort();
      }, idleMs);
    };
    watch();
    bytes.on('data', watch);
  });
  const whole = read(stop.signal);
  whole.catch(() => undefined);
  await Promise.race([whole, stopped]).finally(() => clearTimeout(timer));
}

function isOfDisk(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT', 'EROFS', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '');
}

async function readPart(handle: FileHandle, part: number): Promise<Uint8Array> {
  const bytes = Buffer.alloc(partBytes);
  const { bytesRead } = await handle.read(bytes, 0, partBytes, part * partBytes);
  return bytes.subarray(0, bytesRead);
}

/** A connection is given back once its answer is read. */
async function drop(response: Response): Promise<void> {
  await response.body?.cancel();
}

function backOffMs(attempt: number): number {
  return 100 * 2 ** attempt * (0.5 + Math.random() / 2);
}

function reasonOf(error: unknown): string {
  const cause = (error as Error).cause;
  return cause instanceof Error ? ((cause as NodeJS.ErrnoException).code ?? cause.message) : (error as Error).message;
}

/** The text of an element without children; S3's answers that are read here hold hashes, numbers and names of ours. */
function tagOf(xml: string, name: string): string | undefined {
  return new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
}
