/** @file One study, kept up to date by the socket: progress is pushed, the report is read again when votes came in. */
import { io, type Socket } from 'socket.io-client';
import type { ManyModelsReport, Report } from '../../contract/report.ts';
import type { ResearchClientEvents, ResearchServerEvents, StudySummary } from '../../contract/research.ts';
import { readInvite, readReport, readStudy, setState } from './api.ts';

export class LiveStudy {
  study = $state.raw<StudySummary>();
  report = $state.raw<Report | ManyModelsReport>();
  /** Running results are shown on demand. */
  isRevealed = $state(false);
  error = $state<Error>();
  readonly #name: string;
  readonly #socket: Socket<ResearchServerEvents, ResearchClientEvents>;
  #reading = false;
  #again = false;

  constructor(name: string) {
    this.#name = name;
    this.#socket = io('/research', { transports: ['websocket', 'polling'] });
    this.#socket.on('connect', () => this.#socket.emit('study:watch', { name }));
    this.#socket.on('study:progress', (study) => this.#take(study));
    // The socket tells it too, some round trips later.
    readStudy(name).then(
      (study) => {
        if (this.study === undefined) this.#take(study);
      },
      (error: unknown) => {
        if (this.study === undefined) this.error = error as Error;
      },
    );
  }

  #take(study: StudySummary): void {
    const changed = study.votes !== this.study?.votes || study.running !== this.study?.running;
    // That it could not be read a moment ago is over.
    if (this.study === undefined) this.error = undefined;
    this.study = study;
    if (changed) void this.#readReport();
  }

  /** Shows running results, which the server's log tells of. */
  reveal(): void {
    this.isRevealed = true;
    void this.#readReport();
  }

  async setState(state: StudySummary['state']): Promise<void> {
    try {
      this.study = await setState(this.#name, state);
      void this.#readReport();
    } catch (error) {
      this.error = error as Error;
    }
  }

  async inviteUrl(): Promise<string> {
    const { path, url } = await readInvite(this.#name);
    return url ?? location.origin + path;
  }

  close(): void {
    this.#socket.disconnect();
  }

  async #readReport(): Promise<void> {
    if (this.study?.running && !this.isRevealed) {
      this.report = undefined;
      return;
    }
    // Votes that come in while the report is on its way ask for one more.
    this.#again = this.#reading;
    if (this.#reading) return;
    this.#reading = true;
    try {
      this.report = await readReport(this.#name, this.isRevealed);
      this.error = undefined;
    } catch (error) {
      this.error = error as Error;
    } finally {
      this.#reading = false;
      if (this.#again) void this.#readReport();
    }
  }
}
