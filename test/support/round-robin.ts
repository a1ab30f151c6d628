/** @file What stands before several servers: each connection goes to the next one that answers. */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface RoundRobin {
  url: string;
  /** Ports of the servers; may be changed at any time. */
  targets: number[];
  /** Connections that each port got. */
  served: Map<number, number>;
  close(): Promise<void>;
}

export async function roundRobin(targets: number[]): Promise<RoundRobin> {
  let turn = 0;
  const sockets = new Set<Socket>();
  const proxy: RoundRobin = { url: '', targets, served: new Map(), close: () => Promise.resolve() };
  const server = createServer((client) => {
    sockets.add(client);
    client.on('error', () => undefined);
    client.pause();
    const attempt = (left: number) => {
      const port = proxy.targets[turn++ % proxy.targets.length]!;
      const onward = connect(port, '127.0.0.1');
      let open = false;
      onward.once('connect', () => {
        open = true;
        proxy.served.set(port, (proxy.served.get(port) ?? 0) + 1);
        client.pipe(onward).pipe(client);
      });
      onward.on('error', () => undefined);
      onward.once('close', () => {
        if (!open && left > 1) attempt(left - 1);
        else client.destroy();
      });
      client.once('close', () => onward.destroy());
    };
    attempt(proxy.targets.length);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  proxy.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  proxy.close = async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  };
  return proxy;
}
