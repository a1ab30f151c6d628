/**
 * @file Passwords, kept as scrypt's output in the PHC format. The work factor is one of those that OWASP's Password Storage Cheat
 * Sheet gives for scrypt (N = 2^15, r = 8, p = 3: 32 MiB). Node computes it beside the event loop.
 */
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { ServiceError } from '../errors.ts';

const cost = { ln: 15, r: 8, p: 3 };
const keyBytes = 32;
const phc = /^\$scrypt\$ln=(\d+),r=(\d+),p=(\d+)\$([\w+/]+)\$([\w+/]+)$/;

/** Characters of a password; NIST SP 800-63B asks for eight and for no rules of composition. */
export const shortestPassword = 12;
const longestPassword = 200;

/** @throws ServiceError bad-request, with a sentence for whoever chose it */
export function checkPassword(password: string, name: string): void {
  const length = [...password].length;
  if (length < shortestPassword || length > longestPassword)
    throw new ServiceError(
      'bad-request',
      `A password has ${shortestPassword} to ${longestPassword} characters; this one has ${length}.`,
    );
  if (new Set(password).size < 5 || (name.length > 3 && password.toLowerCase().includes(name)))
    throw new ServiceError(
      'bad-request',
      'This password is too easy to guess: it holds the name of the account, or fewer than five different characters.',
    );
}

export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  const { ln, r, p } = cost;
  const key = await derive(password, salt, keyBytes, cost);
  return `$scrypt$ln=${ln},r=${r},p=${p}$${base64(salt)}$${base64(key)}`;
}

/**
 * @param hash null takes the same time and is never right: an answer's time does not tell whether somebody has a password.
 */
export async function isPassword(password: string, hash: string | null): Promise<boolean> {
  const match = phc.exec(hash ?? '');
  if (match === null) {
    await derive(password, Buffer.alloc(16), keyBytes, cost);
    return false;
  }
  const [ln, r, p] = match.slice(1, 4).map(Number) as [number, number, number];
  const [salt, key] = match.slice(4).map((text) => Buffer.from(text, 'base64')) as [Buffer, Buffer];
  return timingSafeEqual(await derive(password, salt, key.length, { ln, r, p }), key);
}

/** Passwords that are looked at, one after the other: they must not take the threads that read images and write votes. */
let turn: Promise<unknown> = Promise.resolve();
let waiting = 0;
const mostWaiting = 10;

/** @throws ServiceError rate-limited when many wait */
function inTurn<T>(job: () => Promise<T>): Promise<T> {
  if (waiting >= mostWaiting)
    throw new ServiceError('rate-limited', 'Many people sign in at this moment; try again in a minute.');
  waiting += 1;
  const done = turn.then(job, job).finally(() => (waiting -= 1));
  turn = done.catch(() => undefined);
  return done;
}

/** @param password one that is typed in another Unicode form is the same one */
async function derive(
  password: string,
  salt: Buffer,
  bytes: number,
  { ln, r, p }: { ln: number; r: number; p: number },
): Promise<Buffer> {
  const n = 2 ** ln;
  return inTurn(
    () =>
      new Promise((resolve, reject) => {
        scrypt(password.normalize('NFKC'), salt, bytes, { N: n, r, p, maxmem: 256 * n * r }, (error, key) => {
          if (error === null) resolve(key);
          else reject(error);
        });
      }),
  );
}

const base64 = (bytes: Buffer) => bytes.toString('base64').replaceAll('=', '');
