/** @file Previews of drafts that somebody looks at, by their links' tokens. */
import { randomBytes } from 'node:crypto';
import type { Database } from '../../db/open.ts';
import { imagesOfAssignment } from '../../db/queries/assignments.ts';
import { findPreview, insertPreview } from '../../db/queries/drafts.ts';
import { openPreview, type PreviewMaterial } from '../study/preview.ts';

const prefix = 'preview-';
/** How long a preview's link is good. */
const livesMs = 12 * 3_600_000;
/** So many are held at once; the one that was asked for longest ago goes first, and is made again when it is asked for. */
const held = 12;

/** Whether a link's token is of a preview, good or not. */
export function isPreviewToken(token: string): boolean {
  return token.startsWith(prefix);
}

export class Previews {
  readonly #db: Database;
  readonly #open = new Map<string, Promise<Database | undefined>>();

  constructor(db: Database) {
    this.#db = db;
  }

  /** @returns the token of its link */
  async add(material: PreviewMaterial, now = Date.now()): Promise<string> {
    const token = prefix + randomBytes(18).toString('base64url');
    // On record, so that another server of the same database can show it too.
    await insertPreview(this.#db, { token, material: JSON.stringify(material), createdAt: now }, now - livesMs);
    return token;
  }

  /** The preview's own database; undefined where there is no such preview any more. */
  async databaseOf(token: string): Promise<Database | undefined> {
    if (!isPreviewToken(token)) return undefined;
    const open = this.#open.get(token) ?? this.#make(token);
    this.#open.delete(token);
    this.#open.set(token, open);
    const oldest = this.#open.keys().next().value!;
    if (this.#open.size > held) void this.#close(oldest);
    const db = await open;
    if (db === undefined) this.#open.delete(token);
    return db;
  }

  /**
   * Images of a preview have addresses of their own: by the image, since any server may be asked for it.
   * @param view an event's answer, with whatever it has of pairs
   */
  async withImages<T>(db: Database, token: string, view: T): Promise<T> {
    const text = JSON.stringify(view);
    const found = [...text.matchAll(/\/annotate\/images\/([0-9a-f-]{36})\/(left|right)/g)];
    const addresses = new Map<string, string>();
    for (const [address, id, side] of found) {
      const sha256 = (await imagesOfAssignment(db, id!))?.[side as 'left' | 'right'];
      if (sha256 !== undefined) addresses.set(address, `/annotate/previews/${token}/${sha256}`);
    }
    if (addresses.size === 0) return view;
    return JSON.parse(
      text.replace(/\/annotate\/images\/[0-9a-f-]{36}\/(left|right)/g, (address) => addresses.get(address) ?? address),
    ) as T;
  }

  /** Whether a preview shows this image. */
  async shows(token: string, sha256: string): Promise<boolean> {
    const db = await this.databaseOf(token);
    if (db === undefined) return false;
    const row = await db.selectFrom('render').select('id').where('image_sha256', '=', sha256).executeTakeFirst();
    return row !== undefined;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open.keys()].map((token) => this.#close(token)));
  }

  async #make(token: string): Promise<Database | undefined> {
    const preview = await findPreview(this.#db, token, Date.now() - livesMs);
    return preview && openPreview(JSON.parse(preview.material) as PreviewMaterial, token);
  }

  async #close(token: string): Promise<void> {
    const open = this.#open.get(token);
    this.#open.delete(token);
    const db = await open?.catch(() => undefined);
    await db?.destroy();
  }
}
