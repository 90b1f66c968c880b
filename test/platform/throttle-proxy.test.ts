import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ThrottleProxy } from '../../platform/throttle-proxy.js';

interface Target {
  readonly port: number;
  /** Connections that are open now. */
  readonly open: Set<Socket>;
  stop(): Promise<void>;
}

async function target(serve: (socket: Socket) => void): Promise<Target> {
  const open = new Set<Socket>();
  const server: Server = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => undefined).on('close', () => open.delete(socket));
    serve(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stop = async (): Promise<void> => {
    for (const socket of open) socket.destroy();
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  };
  onTestFinished(stop);
  return { port: (server.address() as AddressInfo).port, open, stop };
}

function proxy(): ThrottleProxy {
  const made = new ThrottleProxy();
  onTestFinished(() => made.close());
  return made;
}

/** Connects as rsync does with RSYNC_PROXY; `after` is sent at once behind the request. */
function ask(address: string, options: { token?: string; after?: string | Buffer } = {}): Socket {
  const { username, password, port } = new URL(`http://${address}`);
  const basic = Buffer.from(options.token ?? `${username}:${password}`).toString('base64');
  const socket = connect(Number(port), '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  socket.on('error', () => undefined);
  socket.write(`CONNECT upstream.example.org:873 HTTP/1.0\r\nProxy-Authorization: Basic ${basic}\r\n\r\n`);
  if (options.after !== undefined) socket.write(options.after);
  return socket;
}

async function all(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(socket, 'close');
  return Buffer.concat(chunks);
}

const ESTABLISHED = 'HTTP/1.0 200 Connection established\r\n\r\n';
const fast = (): number => 1e12;

describe('ThrottleProxy', () => {
  test('carries bytes both ways as they are', async () => {
    const sent = randomBytes(3_000_000);
    const { port } = await target((socket) => socket.pipe(socket));
    const { address } = await proxy().open({ host: '127.0.0.1', port, rate: fast });
    const socket = ask(address, { after: sent });
    let received = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.length === ESTABLISHED.length + sent.length) socket.end();
    });
    await once(socket, 'close');
    expect(received.subarray(0, ESTABLISHED.length).toString()).toBe(ESTABLISHED);
    expect(received.subarray(ESTABLISHED.length).equals(sent)).toBe(true);
  });

  test('brings no more than the rate and what may come at once, and brings it on', async () => {
    const rate = 400_000;
    const { port } = await target((socket) => {
      const more = (): void => {
        while (socket.writable && socket.write(Buffer.alloc(16_384)));
      };
      socket.on('drain', more);
      more();
    });
    const { address } = await proxy().open({ host: '127.0.0.1', port, rate: () => rate });
    const began = Date.now();
    const socket = ask(address);
    let received = 0;
    socket.on('data', (chunk: Buffer) => (received += chunk.length));
    await expect.poll(() => received, { timeout: 20_000 }).toBeGreaterThan(rate);
    const seconds = (Date.now() - began) / 1000;
    // a quarter of a second at once, one chunk that was let through whole, and what poll slept over
    expect(received).toBeLessThan(rate * (seconds + 0.25) + 2 * 65_536);
  });

  test('asks for the rate again and again', async () => {
    const { port } = await target((socket) => {
      const more = (): void => {
        while (socket.writable && socket.write(Buffer.alloc(16_384)));
      };
      socket.on('drain', more);
      more();
    });
    let rate = 200_000;
    const { address } = await proxy().open({ host: '127.0.0.1', port, rate: () => rate });
    let received = 0;
    ask(address).on('data', (chunk: Buffer) => (received += chunk.length));
    await expect.poll(() => received, { timeout: 20_000 }).toBeGreaterThan(10_000);
    rate = 1e12;
    await expect.poll(() => received, { timeout: 20_000 }).toBeGreaterThan(50_000_000);
  });

  test.each(['pull:wrong', 'pull:', '', 'x'])('refuses the token %j', async (token) => {
    const { port, open } = await target((socket) => socket.write('never seen'));
    const { address } = await proxy().open({ host: '127.0.0.1', port, rate: fast });
    expect((await all(ask(address, { token }))).toString()).toMatch(/^HTTP\/1\.0 407 Proxy Authentication Required/);
    expect(open.size).toBe(0);
  });

  test('refuses a token once it is closed, and requests that have no end', async () => {
    const { port } = await target((socket) => socket.end('seen'));
    const opened = await proxy().open({ host: '127.0.0.1', port, rate: fast });
    expect((await all(ask(opened.address))).toString()).toBe(`${ESTABLISHED}seen`);
    opened.close();
    expect((await all(ask(opened.address))).toString()).toMatch(/^HTTP\/1\.0 407/);
    const endless = connect(Number(new URL(`http://${opened.address}`).port), '127.0.0.1');
    endless.on('error', () => undefined).write('x'.repeat(10_000));
    expect((await all(endless)).toString()).toMatch(/^HTTP\/1\.0 407/);
  });

  test('leads each token to its own target, whatever the request names', async () => {
    const [one, two] = await Promise.all([target((s) => s.end('one')), target((s) => s.end('two'))]);
    const shared = proxy();
    const [first, second] = await Promise.all(
      [one, two].map(({ port }) => shared.open({ host: '127.0.0.1', port, rate: fast })),
    );
    expect((await all(ask(String(first?.address)))).toString()).toBe(`${ESTABLISHED}one`);
    expect((await all(ask(String(second?.address)))).toString()).toBe(`${ESTABLISHED}two`);
  });

  test('says why a target cannot be reached in the words that are looked for', async () => {
    const { port, stop } = await target(() => undefined);
    await stop();
    const shared = proxy();
    const refused = await shared.open({ host: '127.0.0.1', port, rate: fast });
    expect((await all(ask(refused.address))).toString()).toBe('HTTP/1.0 502 Connection refused\r\n\r\n');
    const unknown = await shared.open({ host: 'no-such-host.invalid', port: 873, rate: fast });
    expect((await all(ask(unknown.address))).toString()).toMatch(
      /^HTTP\/1\.0 502 (Name or service not known|Temporary failure in name resolution)\r\n/,
    );
  });

  test('lets go of the target when the client goes, and of the client when the target goes', async () => {
    const upstream = await target((socket) => socket.write('hello'));
    const { address } = await proxy().open({ host: '127.0.0.1', port: upstream.port, rate: () => 10 });
    const client = ask(address);
    await once(client, 'data');
    expect(upstream.open.size).toBe(1);
    client.destroy();
    await expect.poll(() => upstream.open.size).toBe(0);
    const other = ask(address);
    await once(other, 'data');
    for (const socket of upstream.open) socket.destroy();
    await once(other, 'close');
  });

  test('keeps no connection for a client that has gone before it was made', async () => {
    const upstream = await target((socket) => socket.write('hello'));
    const { address } = await proxy().open({ host: 'localhost', port: upstream.port, rate: fast });
    for (let n = 0; n < 20; n++) {
      const client = ask(address);
      await once(client, 'connect');
      setImmediate(() => client.resetAndDestroy());
      await once(client, 'close');
    }
    const last = ask(address);
    await once(last, 'data');
    last.destroy();
    await expect.poll(() => upstream.open.size).toBe(0);
  });

  test('ends everything when it is closed, and can be closed twice', async () => {
    const upstream = await target((socket) => socket.write('hello'));
    const made = proxy();
    const { address } = await made.open({ host: '127.0.0.1', port: upstream.port, rate: fast });
    const client = ask(address);
    await once(client, 'data');
    made.close();
    made.close();
    await once(client, 'close');
    await expect.poll(() => upstream.open.size).toBe(0);
    const late = ask(address);
    await new Promise((resolve) => late.on('close', resolve));
    expect(late.bytesRead).toBe(0);
  });
});
