/** @file Keeps on the server what is being written: a moment after each change, and again until it gets through. */
import { freshUuid } from '../uuid.ts';
import { dropDraft, keepDraft, readDraft } from './api.ts';

/** As long as nobody types. */
const pauseMs = 800;
const againMs = 3000;

/** `changed`: by somebody else, or thrown away; nothing is overwritten. */
export type KeptState = 'new' | 'waiting' | 'kept' | 'failing' | 'changed';

export class DraftKeeper {
  id = $state<string>();
  state = $state<KeptState>('new');
  /** The server's word on why it was not kept. */
  why = $state('');
  #version = 0;
  #next: { name: string; content: object } | undefined;
  /** Sent and not answered: it is sent again as it was, since it may have come through. */
  #sent: { name: string; content: object } | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #sending: Promise<void> | undefined;

  /** @returns what was kept under this id @throws Error with the server's sentence */
  async open(id: string): Promise<object> {
    const { content, version } = await readDraft(id);
    this.#begin(id, version);
    this.state = 'kept';
    return content;
  }

  /** What is written from now on is another draft; the one before stays as it was kept. */
  async beginAnew(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#sending;
    if (this.state !== 'changed') await this.#send();
    this.#begin(undefined, 0);
    this.state = 'new';
  }

  change(name: string, content: object): void {
    this.#next = { name, content };
    if (this.state === 'changed') return;
    this.state = 'waiting';
    this.#later(pauseMs);
  }

  get isUnsaved(): boolean {
    return this.#next !== undefined;
  }

  /** What is here is kept as a draft of its own; somebody else's stays. */
  keepApart(): void {
    const next = this.#next;
    this.#begin(undefined, 0);
    this.state = 'new';
    if (next !== undefined) this.change(next.name, next.content);
  }

  /** The study is made, or nobody wants it. */
  async drop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#next = undefined;
    await this.#sending;
    const { id } = this;
    const version = this.#version;
    this.#begin(undefined, 0);
    this.state = 'new';
    // Somebody may have thrown it away already, or changed it: then it is theirs.
    if (id !== undefined) await dropDraft(id, version).catch(() => undefined);
  }

  #begin(id: string | undefined, version: number): void {
    clearTimeout(this.#timer);
    this.#next = undefined;
    this.#sent = undefined;
    this.why = '';
    this.id = id;
    this.#version = version;
  }

  #later(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#sending ??= this.#send().finally(() => {
        this.#sending = undefined;
        if (this.#next !== undefined && this.state === 'waiting') this.#later(pauseMs);
      });
    }, ms);
  }

  async #send(): Promise<void> {
    const next = this.#sent ?? this.#next;
    if (next === undefined) return;
    const isNew = this.#version === 0;
    const id = this.id ?? freshUuid();
    // From now on it has this id, also if the answer is lost.
    this.id = id;
    this.#sent = next;
    try {
      await keepDraft(id, { ...next, version: this.#version + 1 });
    } catch (error) {
      // Another one was begun meanwhile.
      if (this.id !== id) return;
      const { status, message } = error as Error & { status?: number };
      this.why = message;
      this.state = status === 409 || (status === 404 && !isNew) ? 'changed' : 'failing';
      // The server has read it and says no: another try is of what is written by then.
      if (status !== undefined && status < 500) this.#sent = undefined;
      if (this.state === 'failing') this.#later(againMs);
      return;
    }
    if (this.id !== id) return;
    this.#version += 1;
    this.#sent = undefined;
    this.why = '';
    if (this.#next === next) {
      this.#next = undefined;
      this.state = 'kept';
    } else this.state = 'waiting';
  }
}
