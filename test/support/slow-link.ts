/** @file A link of so many bits a second and so much delay, between any client and one server: bytes through one queue each way. */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface SlowLink {
  url: string;
  /** Bytes that came down since it was made. */
  received(): number;
  close(): Promise<void>;
}

/**
 * @param bitsPerSecond each way, shared by all connections
 * @param roundTripMs of the smallest message and its answer
 */
export async function slowLink(target: string, bitsPerSecond: number, roundTripMs: number): Promise<SlowLink> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  let down = 0;

  /** Passes on what comes, when the link has had the time to carry it. */
  function carry(from: Socket, to: Socket, lane: { freeAt: number }, count?: (bytes: number) => void): void {
    from.on('data', (chunk: Buffer) => {
      count?.(chunk.length);
      const now = performance.now();
      lane.freeAt = Math.max(now, lane.freeAt) + (chunk.length * 8000) / bitsPerSecond;
      setTimeout(
        () => {
          if (!to.destroyed) to.write(chunk);
        },
        lane.freeAt - now + roundTripMs / 2,
      );
      // What is not carried yet is not read from the other side either.
      if (lane.freeAt - now > 100) {
        from.pause();
        setTimeout(() => from.resume(), lane.freeAt - now - 50);
      }
    });
    from.on('close', () => setTimeout(() => to.destroy(), Math.max(0, lane.freeAt - performance.now()) + roundTripMs));
    from.on('error', () => to.destroy());
  }

  const lanes = { up: { freeAt: 0 }, down: { freeAt: 0 } };
  const server = createServer((client) => {
    const onward = connect(Number(port), hostname);
    for (const socket of [client, onward]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('close', () => sockets.delete(socket));
    }
    carry(client, onward, lanes.up);
    carry(onward, client, lanes.down, (bytes) => (down += bytes));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received: () => down,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
