/** @file A study's comments as a page shows them: of several readings on their way the one asked last counts. */
import type { StudyComment } from '../../contract/research.ts';
import { readComments } from './api.ts';

export class StudyComments {
  readonly #name: () => string;
  #asked = 0;
  list = $state.raw<readonly StudyComment[]>([]);

  constructor(name: () => string) {
    this.#name = name;
  }

  /** A page without its comments is still a page. */
  async loadIfPossible(): Promise<void> {
    await this.load().catch(() => undefined);
  }

  async load(): Promise<void> {
    const turn = ++this.#asked;
    const { comments } = await readComments(this.#name());
    if (turn === this.#asked) this.list = comments;
  }
}
