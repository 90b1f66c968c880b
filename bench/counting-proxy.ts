import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';

/** Passes TCP connections on to a port of this machine, and counts what comes back. */
export interface CountingProxy {
  readonly port: number;
  /** Bytes that came from the other side since the last call. */
  take(): number;
  close(): void;
}

export async function startCountingProxy(target: number): Promise<CountingProxy> {
  let bytes = 0;
  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1');
    upstream.on('data', (chunk: Buffer) => (bytes += chunk.length));
    client.pipe(upstream).pipe(client);
    client.on('error', () => upstream.destroy());
    upstream.on('error', () => client.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    take() {
      const taken = bytes;
      bytes = 0;
      return taken;
    },
    close: () => server.close(),
  };
}
