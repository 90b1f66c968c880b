import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { Transform } from 'node:stream';

/** Passes TCP connections on to a port of this machine, and counts what comes back. */
export interface CountingProxy {
  readonly port: number;
  /** Bytes that came from the other side since the last call. */
  take(): number;
  close(): void;
}

/** Each way takes `delay` milliseconds longer than it would. */
export async function startCountingProxy(target: number, delay = 0): Promise<CountingProxy> {
  let bytes = 0;
  const server = createServer({ noDelay: true }, (client) => {
    const upstream = connect({ port: target, host: '127.0.0.1', noDelay: true });
    upstream.on('data', (chunk: Buffer) => (bytes += chunk.length));
    client.pipe(later(delay)).pipe(upstream);
    upstream.pipe(later(delay)).pipe(client);
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

/** Holds each piece back for so long, and takes others meanwhile: a longer way, not a narrower one. */
function later(delay: number): Transform {
  let underWay = 0;
  let onEmpty: (() => void) | undefined;
  return new Transform({
    highWaterMark: 4 * 1024 * 1024,
    transform(chunk: Buffer, _encoding, done) {
      if (delay === 0) return done(null, chunk);
      underWay++;
      setTimeout(() => {
        this.push(chunk);
        if (--underWay === 0) onEmpty?.();
      }, delay);
      done();
    },
    flush(done) {
      if (underWay === 0) done();
      else onEmpty = done;
    },
  });
}
