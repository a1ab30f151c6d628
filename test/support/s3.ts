/**
 * @file An S3 server of the tests' own: s3rver keeps the objects. It takes any signature, so that a door before it checks
 * AWS's Signature Version 4 and the body's hash, by their specification, as Amazon does.
 */
import { spawn } from 'node:child_process';
import { createHash, createHmac } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, request as forward, type IncomingMessage, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './postgres.ts';

const key = { id: 'VISAVISTEST', secret: 'a secret of the tests' };

export interface S3Server {
  /** s3://BUCKET?endpoint=…, as VISAVIS_STORE takes it. */
  location: string;
  /** What a process needs to use it. */
  env: { AWS_ACCESS_KEY_ID: string; AWS_SECRET_ACCESS_KEY: string };
  /** Requests that were let in, as "PUT images/ab/abcd….png". */
  asked: string[];
  /** Changes an object behind the back of whoever uses it. */
  overwrite(key: string, text: string): Promise<void>;
  close(): Promise<void>;
}

export async function startS3(bucket = 'visavis-test'): Promise<S3Server> {
  const folder = mkdtempSync(join(tmpdir(), 'visavis-s3-'));
  const innerPort = await freePort();
  // Its tokens of long lists need a cipher of old.
  const argv = ['--openssl-legacy-provider', createRequire(import.meta.url).resolve('s3rver/bin/s3rver.js')];
  const server = spawn(
    process.execPath,
    [...argv, '-d', folder, '-p', String(innerPort), '-a', '127.0.0.1', '--configure-bucket', bucket],
    { stdio: 'ignore' },
  );
  const asked: string[] = [];
  const door = await startDoor(innerPort, asked, bucket);
  await answers(innerPort);
  const { port } = door.address() as AddressInfo;
  return {
    location: `s3://${bucket}?endpoint=http://127.0.0.1:${port}`,
    env: { AWS_ACCESS_KEY_ID: key.id, AWS_SECRET_ACCESS_KEY: key.secret },
    asked,
    async overwrite(name, text) {
      const response = await fetch(`http://127.0.0.1:${innerPort}/${bucket}/${name}`, { method: 'PUT', body: text });
      if (!response.ok) throw new Error(`${name}: ${response.status} ${await response.text()}`);
    },
    async close() {
      door.closeAllConnections();
      await new Promise((resolve) => door.close(resolve));
      server.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function answers(port: number): Promise<void> {
  for (;;) {
    const there = await fetch(`http://127.0.0.1:${port}/`).then(
      () => true,
      () => false,
    );
    if (there) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function startDoor(innerPort: number, asked: string[], bucket: string): Promise<Server> {
  const door = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const body = Buffer.concat(chunks);
      const refusal = refusalOf(request, body);
      if (refusal !== undefined) {
        response.writeHead(refusal === 'XAmzContentSHA256Mismatch' ? 400 : 403);
        response.end(request.method === 'HEAD' ? undefined : `<Error><Code>${refusal}</Code></Error>`);
        return;
      }
      asked.push(`${request.method} ${request.url!.replace(`/${bucket}`, '').replace(/^\//, '').replace(/\?.*/, '')}`);
      const { authorization: _, host: __, ...headers } = request.headers;
      const onward = forward(
        { port: innerPort, host: '127.0.0.1', method: request.method, path: request.url, headers },
        (answer) => {
          response.writeHead(answer.statusCode!, answer.headers);
          answer.pipe(response);
        },
      );
      onward.on('error', () => response.destroy());
      onward.end(body);
    })().catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve));
  return door;
}

const sha256 = (bytes: string | Buffer) => createHash('sha256').update(bytes).digest('hex');
const hmac = (secret: string | Buffer, text: string) => createHmac('sha256', secret).update(text).digest();

/** Amazon's error code; undefined for a request that it would take. */
function refusalOf(request: IncomingMessage, body: Buffer): string | undefined {
  const match =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, *SignedHeaders=([^,]+), *Signature=([0-9a-f]{64})$/.exec(
      request.headers.authorization ?? '',
    );
  if (match === null) return 'AccessDenied';
  const [, id, day, region, names, signature] = match as unknown as [string, string, string, string, string, string];
  if (id !== key.id) return 'InvalidAccessKeyId';
  const header = (name: string) => String(request.headers[name] ?? '');
  const time = header('x-amz-date');
  if (!time.startsWith(day) || !names.split(';').includes('host')) return 'AccessDenied';
  const url = new URL(request.url!, 'http://localhost');
  const encode = (text: string) =>
    encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  const query = [...url.searchParams]
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .sort()
    .join('&');
  const payload = header('x-amz-content-sha256');
  const lines = names.split(';').map((name) => `${name}:${header(name).trim().replace(/ +/g, ' ')}\n`);
  const canonical = [request.method, url.pathname, query, lines.join(''), names, payload].join('\n');
  const scope = `${day}/${region}/s3/aws4_request`;
  const signingKey = ['aws4_request', 's3', region, day].reduceRight<string | Buffer>(
    (secret, part) => hmac(secret, part),
    `AWS4${key.secret}`,
  );
  const expected = createHmac('sha256', signingKey)
    .update(['AWS4-HMAC-SHA256', time, scope, sha256(canonical)].join('\n'))
    .digest('hex');
  if (expected !== signature) return 'SignatureDoesNotMatch';
  return payload === sha256(body) ? undefined : 'XAmzContentSHA256Mismatch';
}
