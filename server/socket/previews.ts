/** @file Previews of drafts that somebody looks at, by their links' tokens. */
import { randomBytes } from 'node:crypto';
import { imagesOfAssignment } from '../../db/queries/assignments.ts';
import { countPreviews, findPreview, insertPreview } from '../../db/queries/drafts.ts';
import { openInMemory, type Database } from '../../db/open.ts';
import { isPreviewToken, previewPrefix } from '../../contract/participant.ts';
import { ServiceError } from '../errors.ts';
import { openPreview, type PreviewMaterial } from '../study/preview.ts';

/** How long a preview's link is good. */
const livesMs = 12 * 3_600_000;
/** So many are held at once; the one that was asked for longest ago goes first, and is made again when it is asked for. */
const held = 12;
/** Whose links are good at once. */
const most = 500;

/** How long what was asked of a preview that is put away may take. */
const closesAfterMs = 10_000;

interface OpenPreview {
  db: Database;
  createdAt: number;
}

export class Previews {
  readonly #db: Database;
  readonly #open = new Map<string, OpenPreview>();
  #making: Promise<unknown> = Promise.resolve();

  private constructor(db: Database) {
    this.#db = db;
  }

  /** Where a moment does not matter: the first database in memory takes longer than the others. */
  static async open(db: Database): Promise<Previews> {
    await (await openInMemory()).destroy();
    return new Previews(db);
  }

  /** @returns the token of its link */
  async add(material: PreviewMaterial, now = Date.now()): Promise<string> {
    if ((await countPreviews(this.#db, now - livesMs)) >= most)
      throw new ServiceError('rate-limited', `There are ${most} previews already; their links end after twelve hours.`);
    const token = previewPrefix + randomBytes(18).toString('base64url');
    // On record, so that another server of the same database can show it too.
    await insertPreview(this.#db, { token, material: JSON.stringify(material), createdAt: now }, now - livesMs);
    return token;
  }

  /** The preview's own database; undefined where there is no such preview any more. */
  async databaseOf(token: string, now = Date.now()): Promise<Database | undefined> {
    if (!isPreviewToken(token)) return undefined;
    const open = this.#open.get(token) ?? (await this.#make(token, now));
    if (open === undefined) return undefined;
    if (now - open.createdAt >= livesMs) {
      this.#close(token);
      return undefined;
    }
    // The one that was asked for last is the last to go.
    this.#open.delete(token);
    this.#open.set(token, open);
    return open.db;
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

  close(): void {
    for (const token of [...this.#open.keys()]) this.#close(token);
  }

  /** Only what is on record is made, one at a time, whoever asks for what. */
  async #make(token: string, now: number): Promise<OpenPreview | undefined> {
    const preview = await findPreview(this.#db, token, now - livesMs);
    if (preview === undefined) return undefined;
    const made = this.#making.then(async () => {
      const known = this.#open.get(token);
      if (known !== undefined) return known;
      const db = await openPreview(JSON.parse(preview.material) as PreviewMaterial, token);
      const open = { db, createdAt: preview.createdAt };
      this.#open.set(token, open);
      for (const oldest of [...this.#open.keys()].slice(0, -held)) this.#close(oldest);
      return open;
    });
    this.#making = made.catch(() => undefined);
    return made;
  }

  /** Whoever is in the middle of something there ends it first. */
  #close(token: string): void {
    const open = this.#open.get(token);
    this.#open.delete(token);
    if (open !== undefined) setTimeout(() => void open.db.destroy().catch(() => undefined), closesAfterMs).unref();
  }
}
