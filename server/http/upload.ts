/** @file Images in a multipart request, streamed to a folder; what is too large or no image never reaches a decoder. */
import { createWriteStream } from 'node:fs';
import { mkdir, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import busboy from 'busboy';
import type { Request } from 'express';
import { ServiceError } from '../errors.ts';

export interface UploadLimits {
  files: number;
  fileBytes: number;
  totalBytes: number;
}

const nameOf = /^(\d{1,6})\.(png|jpe?g|webp)$/i;

/**
 * Reads the JSON field "request" and the files named 00000.png … into the folder, whatever their fields are called.
 * @throws ServiceError bad-request for a limit, a name or a type; the caller removes the folder
 */
export async function receiveUpload(
  request: Request,
  folder: string,
  limits: UploadLimits,
): Promise<{ request: unknown; files: string[] }> {
  await mkdir(folder, { recursive: true });
  let body: unknown;
  let refusal: ServiceError | undefined;
  const refuse = (message: string) => (refusal ??= new ServiceError('bad-request', message));
  /** Settled, never rejected: one that fails after the request has ended would have nobody to tell. */
  const writes: Promise<unknown>[] = [];
  const seen = new Set<number>();
  let total = 0;
  let parser: busboy.Busboy;
  try {
    parser = busboy({
      headers: request.headers,
      limits: { files: limits.files, fileSize: limits.fileBytes, fields: 10, fieldSize: 100_000 },
    });
  } catch (error) {
    throw new ServiceError('bad-request', `The multipart body cannot be read: ${(error as Error).message}.`);
  }
  parser.on('field', (name, value) => {
    if (name !== 'request') return;
    try {
      body = JSON.parse(value);
    } catch {
      refuse('The field "request" is not valid JSON.');
    }
  });
  parser.on('file', (_field, stream, info) => {
    // A part without a name has none, whatever the types say.
    const filename = (info.filename as string | undefined) ?? '';
    const match = nameOf.exec(filename);
    if (match === null)
      refuse(`"${filename.slice(0, 100)}" is not named by its prompt's number, as 00000.png, .jpg or .webp.`);
    stream.on('data', (chunk: Buffer) => {
      total += chunk.length;
      if (total > limits.totalBytes) refuse(`The images are larger than ${megabytes(limits.totalBytes)} together.`);
      // What is refused is read to its end, and thrown away, so that the answer can be sent.
    });
    stream.on('limit', () => refuse(`"${filename}" is larger than ${megabytes(limits.fileBytes)}.`));
    if (refusal !== undefined || match === null) {
      stream.resume();
      return;
    }
    if (seen.has(Number(match[1]))) {
      refuse(`There are two images for prompt ${match[1]!}.`);
      stream.resume();
      return;
    }
    seen.add(Number(match[1]));
    const file = join(folder, `${match[1]!.padStart(5, '0')}.${match[2]!.toLowerCase()}`);
    const written = pipeline(stream, createWriteStream(file, { flags: 'wx' }));
    writes.push(
      written.then(
        () => undefined,
        (error: unknown) => error,
      ),
    );
  });
  parser.on('filesLimit', () => refuse(`There are more than ${limits.files} images.`));
  try {
    await pipeline(request, parser);
    const failed = (await Promise.all(writes)).find((error) => error !== undefined);
    if (failed !== undefined) throw failed as Error;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') throw error;
    throw new ServiceError(
      'bad-request',
      `The multipart body ends early or cannot be read: ${(error as Error).message}.`,
    );
  }
  if (refusal !== undefined) throw refusal;
  const files = (await readdir(folder)).sort();
  for (const file of files) {
    if (!(await isImage(join(folder, file))))
      throw new ServiceError('bad-request', `"${file}" is no PNG, JPEG or WebP image.`);
  }
  return { request: body, files };
}

/** By its first bytes. */
async function isImage(file: string): Promise<boolean> {
  const handle = await open(file);
  try {
    const start = Buffer.alloc(12);
    await handle.read(start, 0, 12, 0);
    const text = start.toString('latin1');
    return text.startsWith('\x89PNG\r\n') || text.startsWith('\xff\xd8\xff') || /^RIFF.{4}WEBP$/s.test(text);
  } finally {
    await handle.close();
  }
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}
