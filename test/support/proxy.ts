/** @file A proxy that behaves as networks do: it refuses upgrades, hides paths, drops packets, breaks images. */
import { createServer, request as ask, type IncomingMessage } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';

export interface Trouble {
  /** Answers WebSocket upgrades with 403. */
  refusesUpgrades?: boolean;
  /** Answers 404 for what it says. */
  hides?: (path: string) => boolean;
  /** Answers 500 for what it says. */
  breaks?: (path: string) => boolean;
  /** Nothing that comes goes on, and nothing is closed. */
  swallows?: boolean;
  /** Milliseconds that an answer is held back. */
  delays?: (path: string) => number;
}

export interface Proxy {
  url: string;
  /** May be changed at any time. */
  trouble: Trouble;
  /** Requests that came, path by path. */
  paths: string[];
  close(): Promise<void>;
}

export async function troubledProxy(target: string, trouble: Trouble = {}): Promise<Proxy> {
  const { hostname, port } = new URL(target);
  const proxy: Proxy = { url: '', trouble, paths: [], close: () => Promise.resolve() };
  const sockets = new Set<Socket>();

  const server = createServer(async (incoming, outgoing) => {
    const path = incoming.url ?? '/';
    proxy.paths.push(path);
    if (proxy.trouble.swallows === true) return;
    if (proxy.trouble.hides?.(path) === true || proxy.trouble.breaks?.(path) === true) {
      outgoing.writeHead(proxy.trouble.breaks?.(path) === true ? 500 : 404).end();
      return;
    }
    const wait = proxy.trouble.delays?.(path) ?? 0;
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    const onward = ask(
      { hostname, port, path, method: incoming.method, headers: incoming.headers },
      (answer: IncomingMessage) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      },
    );
    onward.on('error', () => outgoing.destroy());
    incoming.pipe(onward);
  });
  server.on('upgrade', (incoming: IncomingMessage, client: Duplex, head: Buffer) => {
    proxy.paths.push(`upgrade ${incoming.url ?? ''}`);
    if (proxy.trouble.swallows === true) return;
    if (proxy.trouble.refusesUpgrades === true || proxy.trouble.hides?.(incoming.url ?? '') === true) {
      client.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
      return;
    }
    const onward = connect(Number(port), hostname, () => {
      const headers = incoming.rawHeaders.reduce((text, each, i) => text + each + (i % 2 === 0 ? ': ' : '\r\n'), '');
      onward.write(`${incoming.method} ${incoming.url} HTTP/1.1\r\n${headers}\r\n`);
      onward.write(head);
    });
    onward.on('data', (chunk) => {
      if (proxy.trouble.swallows !== true) client.write(chunk);
    });
    client.on('data', (chunk) => {
      if (proxy.trouble.swallows !== true) onward.write(chunk);
    });
    for (const [one, other] of [
      [client, onward],
      [onward, client],
    ] as const) {
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  proxy.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  proxy.close = async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  };
  return proxy;
}
