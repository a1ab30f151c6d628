/**
 * @file Secrets of others' services, kept so that the database alone does not give them away: AES-256-GCM with a key that lies in a
 * file beside the database, or in the environment, and in no backup.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { mkdir, open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ServiceError } from '../errors.ts';

const ivBytes = 12;
const tagBytes = 16;
const keyBytes = 32;

export class Sealer {
  readonly #file: string;
  readonly #given: Buffer | undefined;

  /**
   * @param file where the key is, or will be once something is sealed
   * @param given the key itself, for several servers that share no folder
   */
  constructor(file: string, given?: Buffer) {
    this.#file = file;
    this.#given = given;
  }

  /** @param name what it is: a secret sealed under one name opens under no other */
  async seal(name: string, secret: string): Promise<string> {
    const iv = randomBytes(ivBytes);
    const cipher = createCipheriv('aes-256-gcm', await this.#key(true), iv).setAAD(Buffer.from(name));
    const sealed = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()]);
    return Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64');
  }

  /** @throws ServiceError conflict when the key is not the one that it was sealed with */
  async unseal(name: string, sealed: string): Promise<string> {
    const bytes = Buffer.from(sealed, 'base64');
    try {
      const decipher = createDecipheriv('aes-256-gcm', await this.#key(false), bytes.subarray(0, ivBytes));
      decipher.setAAD(Buffer.from(name)).setAuthTag(bytes.subarray(ivBytes, ivBytes + tagBytes));
      return Buffer.concat([decipher.update(bytes.subarray(ivBytes + tagBytes)), decipher.final()]).toString('utf8');
    } catch {
      throw new ServiceError(
        'conflict',
        'A stored secret was sealed with another key (VISAVIS_KEY_FILE, VISAVIS_KEY); enter it again.',
      );
    }
  }

  async #key(make: boolean): Promise<Buffer> {
    if (this.#given !== undefined) return this.#given;
    if (make) {
      const fresh = randomBytes(keyBytes);
      try {
        await mkdir(dirname(this.#file), { recursive: true });
        const handle = await open(this.#file, 'wx', 0o600);
        await handle.writeFile(`${fresh.toString('hex')}\n`);
        await handle.sync();
        await handle.close();
        return fresh;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
    }
    const hex = (await readFile(this.#file, 'utf8')).trim();
    if (!/^[0-9a-f]{64}$/i.test(hex))
      throw new ServiceError('conflict', 'The file of VISAVIS_KEY_FILE must hold 64 hexadecimal digits.');
    return Buffer.from(hex, 'hex');
  }
}
