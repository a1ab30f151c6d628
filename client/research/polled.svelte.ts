/** @file What is read again and again while a page shows it. Make it while a component is set up. */
import { onDestroy } from 'svelte';

export class Polled<T> {
  /** What was read last. */
  value = $state<T>();
  /** Why the last reading failed. */
  error = $state<Error>();
  readonly #read: () => Promise<T>;

  constructor(read: () => Promise<T>, everyMs: number) {
    this.#read = read;
    void this.again();
    const timer = setInterval(() => void this.again(), everyMs);
    onDestroy(() => clearInterval(timer));
  }

  /** Reads it now. */
  async again(): Promise<void> {
    try {
      this.value = await this.#read();
      this.error = undefined;
    } catch (problem) {
      this.error = problem as Error;
    }
  }
}
