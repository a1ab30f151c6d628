/** @file What the annotation page is doing. The components show it; nothing else talks to the server. */
import type { AssignmentView, VoteInput } from '../../contract/annotate.ts';
import { criterionTexts, type Criterion } from '../../contract/criteria.ts';
import { ask, connect, isPassing, Refusal, type AnnotateSocket } from './connection.ts';
import { decodeImage } from './images.ts';
import { forgetVote, pendingVote, rememberVote } from './pending-vote.ts';

export type Choice = VoteInput['choice'];
export type Stage = 'connecting' | 'loading' | 'judging' | 'finished' | 'refused';

export class Annotation {
  stage = $state<Stage>('connecting');
  assignment = $state<AssignmentView>();
  /** Still to be answered for this pair; the first is being asked. */
  remaining = $state<Criterion[]>([]);
  prompt = $state<string | null>(null);
  online = $state(true);
  /** A vote is on its way; the page waits for its acknowledgement. */
  saving = $state(false);
  chosen = $state<Choice>();
  refusal = $state<{ code: string; message: string }>();
  notice = $state('');

  readonly criterion = $derived(this.remaining[0]);
  readonly text = $derived(this.criterion === undefined ? undefined : criterionTexts[this.criterion]);
  readonly ready = $derived(this.stage === 'judging' && !this.saving);

  readonly #token: string;
  readonly #socket: AnnotateSocket;
  #shownAt = 0;
  #started = false;
  #takingOver = false;

  constructor(token: string, participant: string | undefined) {
    this.#token = token;
    this.#socket = connect(token, participant, () => this.#takingOver);
    this.#socket.on('connect', () => {
      this.online = true;
      this.#takingOver = false;
      if (!this.#started) {
        this.#started = true;
        void this.#begin();
      }
    });
    this.#socket.on('disconnect', () => (this.online = false));
    this.#socket.on('connect_error', (error) => {
      const data = (error as Error & { data?: { code: string; message: string } }).data;
      // The server's word ends it; a network that is away, or a database, does not.
      if (data !== undefined && !isPassing(data.code)) {
        this.#refuse(data);
        return;
      }
      this.online = false;
      // After a refusal the socket does not try again by itself.
      if (data !== undefined) setTimeout(() => this.#socket.connect(), 1000);
    });
  }

  /** It was the same person in another browser. */
  takeOver(): void {
    this.#takingOver = true;
    this.refusal = undefined;
    this.stage = 'connecting';
    this.#socket.connect();
  }

  async vote(choice: Choice): Promise<void> {
    if (!this.ready || this.assignment === undefined || this.criterion === undefined) return;
    if (choice === 'tie' && !this.assignment.ties) return;
    const vote: VoteInput = {
      voteId: crypto.randomUUID?.() ?? randomUuid(),
      assignmentId: this.assignment.id,
      criterion: this.criterion,
      choice,
      responseTimeMs: Math.round(performance.now() - this.#shownAt),
    };
    this.chosen = choice;
    this.saving = true;
    this.notice = '';
    rememberVote(this.#token, vote);
    await this.#guard(async () => {
      const result = await ask(this.#socket, 'vote:cast', vote);
      forgetVote(this.#token);
      this.remaining = result.remaining;
      this.prompt = result.prompt;
      if (result.remaining.length === 0) await this.#next();
      else this.#shownAt = performance.now();
    });
    this.chosen = undefined;
    this.saving = false;
  }

  async undo(): Promise<void> {
    if (this.saving || (this.stage !== 'judging' && this.stage !== 'finished')) return;
    this.saving = true;
    await this.#guard(async () => {
      await this.#show(await ask(this.#socket, 'vote:undo', {}));
      this.notice = 'Your last answers were taken back. Please answer again.';
    });
    this.saving = false;
  }

  async #begin(): Promise<void> {
    await this.#guard(async () => {
      const unsent = pendingVote(this.#token);
      if (unsent !== undefined) {
        // Refused or counted, it is settled now.
        await ask(this.#socket, 'vote:cast', unsent).catch((error: unknown) => {
          if (!(error instanceof Refusal)) throw error;
        });
        forgetVote(this.#token);
      }
      await this.#next();
    });
  }

  async #next(): Promise<void> {
    const assignment = await ask(this.#socket, 'assignment:next', {});
    if (assignment === null) {
      this.assignment = undefined;
      this.stage = 'finished';
      this.#askAgainLater();
      return;
    }
    await this.#show(assignment);
    void this.#preload();
  }

  /** Somebody may leave a pair unjudged yet; then there is more to do. */
  #askAgainLater(): void {
    setTimeout(() => {
      if (this.stage === 'finished' && !this.saving) void this.#guard(() => this.#next());
    }, 20_000);
  }

  async #show(assignment: AssignmentView): Promise<void> {
    // The old pair stays on screen until both new images can be painted: nothing flickers.
    if (this.assignment === undefined) this.stage = 'loading';
    await Promise.all([decodeImage(assignment.left.url), decodeImage(assignment.right.url)]);
    this.assignment = assignment;
    this.remaining = assignment.criteria;
    this.prompt = assignment.prompt;
    this.stage = 'judging';
    this.#shownAt = performance.now();
  }

  /** The next pair's images are fetched while this one is judged. */
  async #preload(): Promise<void> {
    try {
      const { urls } = await ask(this.#socket, 'assignment:preload', {});
      await Promise.all(urls.map(decodeImage));
    } catch {
      // It only makes the next pair come sooner.
    }
  }

  async #guard(action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      forgetVote(this.#token);
      if (error.code === 'nothing-to-undo') this.notice = error.message;
      else if (error.code === 'already-voted') await this.#guard(() => this.#next());
      else this.#refuse(error);
    }
  }

  #refuse({ code, message }: { code: string; message: string }): void {
    this.refusal = { code, message };
    this.stage = 'refused';
  }
}

/** Version 4; for pages served without TLS from another host, where crypto.randomUUID does not exist. */
function randomUuid(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 15) | 64;
  bytes[8] = (bytes[8]! & 63) | 128;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
