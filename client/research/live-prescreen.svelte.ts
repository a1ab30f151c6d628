/** @file One prescreen, kept up to date by the socket. */
import { io, type Socket } from 'socket.io-client';
import type { Prescreen, PrescreenClientEvents, PrescreenServerEvents } from '../../contract/prescreen.ts';
import { readPrescreen } from './api.ts';

export class LivePrescreen {
  prescreen = $state<Prescreen>();
  error = $state<Error>();
  readonly #socket: Socket<PrescreenServerEvents, PrescreenClientEvents>;

  constructor(id: string) {
    this.#socket = io('/research', { transports: ['websocket', 'polling'] });
    this.#socket.on('connect', () => this.#socket.emit('prescreen:watch', { id }));
    this.#socket.on('prescreen:progress', (prescreen) => {
      if (prescreen.id === id) this.prescreen = prescreen;
    });
    readPrescreen(id).then(
      (prescreen) => (this.prescreen ??= prescreen),
      (error: unknown) => (this.error = error as Error),
    );
  }

  close(): void {
    this.#socket.disconnect();
  }
}
