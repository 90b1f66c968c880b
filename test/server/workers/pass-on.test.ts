import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test, vi } from 'vitest';
import { peerAddress } from '../../../server/peer-address.js';
import { passOnTo } from '../../../server/workers/pass-on.js';
import { takePeerField } from '../../../server/workers/peer-field.js';
import { tempFolder } from '../../fixtures/temp-folder.js';

const LARGE = 20_000_000;

/** A main process that answers by `handler`, and a worker before it that passes everything on. */
async function startBoth(handler: RequestListener): Promise<{ port: number; main: Server; warned: () => number }> {
  const path = join(await tempFolder(), 'workers.sock');
  const main = createServer((req, res) => {
    const { denial } = takePeerField(req);
    if (denial) res.writeHead(429).end();
    else handler(req, res);
  });
  main.listen(path);
  await once(main, 'listening');
  const warn = vi.fn();
  const passOn = passOnTo(path, { warn });
  const worker = createServer((req, res) =>
    passOn(req, res.setHeader('X-Of-The-Listener', 'kept'), { connections: 3 }),
  );
  worker.listen(0, '127.0.0.1');
  await once(worker, 'listening');
  onTestFinished(() => {
    for (const server of [worker, main]) {
      server.closeAllConnections();
      server.close();
    }
  });
  return { port: (worker.address() as AddressInfo).port, main, warned: () => warn.mock.calls.length };
}

async function ask(port: number, options: object = {}, body = ''): Promise<IncomingMessage> {
  const asked = request({ port, host: '127.0.0.1', agent: false, ...options });
  onTestFinished(() => void asked.destroy());
  asked.on('error', () => undefined);
  asked.end(body);
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  answer.on('error', () => undefined);
  return answer;
}

test('a request and its answer get to their other end as they are', async () => {
  const { port } = await startBoth((req, res) => {
    res.writeHead(207, 'Fine', [
      'Set-Cookie',
      'a=1',
      'Set-Cookie',
      'b=2',
      'X-Length',
      req.headers['content-length'] ?? '',
    ]);
    void text(req).then((body) => res.end(`${req.method} ${req.url} ${String(req.headers['x-own'])} ${body}`));
  });
  const headers = { 'X-Own': 'mine', 'Content-Length': 5 };
  const answer = await ask(port, { method: 'PATCH', path: '/v2/a%2fb?c=d%20e', headers }, 'hello');
  expect({ status: answer.statusCode, message: answer.statusMessage }).toEqual({ status: 207, message: 'Fine' });
  expect(answer.headers).toMatchObject({ 'set-cookie': ['a=1', 'b=2'], 'x-length': '5', 'x-of-the-listener': 'kept' });
  expect(await text(answer)).toBe('PATCH /v2/a%2fb?c=d%20e mine hello');
});

test('bodies flow in pieces, as long as they are, with a length or without', async () => {
  const { port } = await startBoth((req, res) => void req.pipe(res));
  const piece = 'x'.repeat(LARGE);
  for (const headers of [{ 'Content-Length': LARGE }, { 'Transfer-Encoding': 'chunked' }]) {
    const answer = await ask(port, { method: 'PUT', headers }, piece);
    expect((await text(answer)).length).toBe(LARGE);
  }
});

test('the main process takes the connection for that of the client, whatever a client says of itself', async () => {
  const { port } = await startBoth((req, res) => {
    res.end(JSON.stringify([peerAddress(req.socket).address, 'encrypted' in req.socket, req.headers['millpond-peer']]));
  });
  const lie = JSON.stringify({ address: '192.0.2.9', isSecure: true, denial: { rule: 'mine' } });
  const answer = await ask(port, { headers: { 'Millpond-Peer': lie } });
  expect(JSON.parse(await text(answer))).toEqual(['127.0.0.1', false, null]);
});

test.each([
  [true, 'keep-alive'],
  [false, 'close'],
])('the connection of a client is kept as the main process wants: %s', async (shouldKeepAlive, connection) => {
  const { port } = await startBoth((_req, res) => {
    res.shouldKeepAlive = shouldKeepAlive;
    res.end();
  });
  const answer = await ask(port, { headers: { Connection: 'keep-alive' } });
  expect(answer.headers.connection).toBe(connection);
});

test('a client that goes ends what is made for it', async () => {
  let gone: (() => void) | undefined;
  const ended = new Promise<void>((resolve) => (gone = resolve));
  const { port, warned } = await startBoth((_req, res) => {
    res.once('close', () => gone?.());
    res.write('the first of many');
  });
  const answer = await ask(port);
  await once(answer, 'data');
  answer.destroy();
  await ended;
  expect(warned()).toBe(0);
});

test('an answer that breaks off is not taken for a whole one', async () => {
  const { port } = await startBoth((_req, res) => {
    res.writeHead(200, { 'Content-Length': 100 });
    res.write('half');
    setImmediate(() => res.destroy());
  });
  const answer = await ask(port);
  await expect(text(answer)).rejects.toThrow('aborted');
});

test('an answer that comes before the body was read gets through, and the connection goes on', async () => {
  const { port } = await startBoth((_req, res) => {
    res.writeHead(401, { 'Content-Length': 2 }).end('no');
  });
  const body = 'x'.repeat(3_000_000);
  const head = `PUT /one HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n`;
  const socket = connect(port, '127.0.0.1');
  socket.write(`${head}${body}GET /two HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
  expect((await text(socket)).match(/HTTP\/1\.1 401/g)).toHaveLength(2);
});

test('a client is told where the main process does not answer', async () => {
  const { port, main, warned } = await startBoth(() => undefined);
  main.close();
  const answer = await ask(port);
  expect({ status: answer.statusCode, again: answer.headers['retry-after'] }).toEqual({ status: 503, again: '1' });
  expect(await text(answer)).toContain('Please try again');
  expect(warned()).toBe(1);
});
