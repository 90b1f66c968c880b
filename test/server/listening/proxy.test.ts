import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { peerAddress } from '../../../server/peer-address.js';
import { makeCertificate } from '../../fixtures/certificates.js';
import { tempFolder } from '../../fixtures/temp-folder.js';
import { binaryHeader } from './proxy-scene.js';
import { curl, listen, listenersWith, secure, tcp, unix } from './scene.js';

const SPOKEN = { proxyProtocol: true };
const HEADER = binaryHeader(0x21, 0x11, Buffer.from([203, 0, 113, 7, 192, 0, 2, 1, 0x12, 0x67, 0, 80]));
const REQUEST = 'GET / HTTP/1.1\r\nHost: pond\r\nConnection: close\r\n\r\n';

/** Answers with whose the connection is. */
const answerPeer: RequestListener = (request, response) => {
  const { address, port } = peerAddress(request.socket);
  response.end(`${address} ${port}`);
};

async function connected(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  return socket;
}

async function everything(socket: NodeJS.ReadableStream): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.on('error', () => undefined);
  await new Promise((resolve) => socket.once('close', resolve));
  return Buffer.concat(chunks).toString();
}

describe('a listener with the PROXY protocol', () => {
  test('knows the clients of curl, which speaks version 1', async () => {
    const port = await listen(listenersWith(answerPeer).listeners, SPOKEN);
    const url = `http://127.0.0.1:${port}/`;
    expect((await curl('--haproxy-protocol', url)).stdout).toMatch(/^127\.0\.0\.1 \d+$/);
    // two requests on one connection
    const answers = await curl('--haproxy-protocol', '--write-out', ' %{num_connects}\n', url, url);
    expect(answers.stdout.trim().split('\n')).toHaveLength(2);
    expect(answers.stdout).toMatch(/ 0\n$/);
  });

  test.each([
    ['in one piece with the request', [Buffer.concat([HEADER, Buffer.from(REQUEST)])]],
    ['byte by byte', [...Buffer.concat([HEADER, Buffer.from(REQUEST)])].map((byte) => Buffer.from([byte]))],
    ['before the request', [HEADER, Buffer.from(REQUEST)]],
  ])('takes the address of version 2 that comes %s', async (_how, pieces) => {
    const socket = await connected(await listen(listenersWith(answerPeer).listeners, SPOKEN));
    socket.setNoDelay(true);
    const answer = everything(socket);
    for (const piece of pieces) await new Promise((resolve) => socket.write(piece, resolve));
    expect(await answer).toMatch(/\r\n\r\n203\.0\.113\.7 4711$/);
  });

  test('keeps the whole body of a request that came with the header', async () => {
    const { listeners } = listenersWith((request, response) => {
      let bytes = 0;
      request.on('data', (chunk: Buffer) => (bytes += chunk.length)).on('end', () => response.end(String(bytes)));
    });
    const socket = await connected(await listen(listeners, SPOKEN));
    const answer = everything(socket);
    const head = 'PUT / HTTP/1.1\r\nHost: pond\r\nConnection: close\r\nContent-Length: 1000000\r\n\r\n';
    socket.write(Buffer.concat([HEADER, Buffer.from(head), Buffer.alloc(1_000_000, 1)]));
    expect(await answer).toMatch(/\r\n\r\n1000000$/);
  });

  test('stands before TLS, also where both come at once', async () => {
    const files = await makeCertificate(await tempFolder(), 'pond');
    const { listeners } = listenersWith(answerPeer);
    const [url = ''] = await listeners.apply({ http: [], https: [secure(tcp('127.0.0.1', 0, SPOKEN), [files])] });
    expect((await curl('--insecure', '--haproxy-protocol', url)).stdout).toMatch(/^127\.0\.0\.1 \d+$/);
    const socket = await connected(Number(new URL(url).port));
    socket.cork();
    socket.write(HEADER);
    const tls = connectTls({ socket, rejectUnauthorized: false });
    process.nextTick(() => socket.uncork());
    await once(tls, 'secureConnect');
    const answer = everything(tls);
    tls.write(REQUEST);
    expect(await answer).toMatch(/\r\n\r\n203\.0\.113\.7 4711$/);
  });

  test('is spoken on a Unix socket, too', async () => {
    const path = join(await tempFolder(), 'http.sock');
    await listenersWith(answerPeer).listeners.apply({ http: [unix(path, SPOKEN)], https: [] });
    const socket = connect(path);
    const answer = everything(socket);
    socket.write(Buffer.concat([HEADER, Buffer.from(REQUEST)]));
    expect(await answer).toMatch(/\r\n\r\n203\.0\.113\.7 4711$/);
  });

  test('closes what has no header, and says so once', async () => {
    const scene = listenersWith(answerPeer);
    const port = await listen(scene.listeners, SPOKEN);
    for (let attempt = 0; attempt < 3; attempt++) expect((await curl(`http://127.0.0.1:${port}/`)).code).not.toBe(0);
    expect(scene.logged).toEqual([
      `a connection to 127.0.0.1 port ${port} was closed: it does not begin with a header of the PROXY protocol`,
    ]);
  });

  test('believes nobody who is not trusted', async () => {
    const scene = listenersWith(answerPeer, { isTrustedProxy: ({ remoteAddress }) => remoteAddress !== '127.0.0.1' });
    const port = await listen(scene.listeners, SPOKEN);
    expect((await curl('--haproxy-protocol', `http://127.0.0.1:${port}/`)).code).not.toBe(0);
    expect(scene.logged.join()).toContain('it comes from no proxy that is trusted');
  });

  test('can be ended while a header is still to come', async () => {
    const { listeners } = listenersWith(answerPeer);
    const socket = await connected(await listen(listeners, SPOKEN));
    socket.write(HEADER.subarray(0, 8));
    const closed = everything(socket);
    await listeners.close(0);
    expect(await closed).toBe('');
  });

  test('begins and ends to be spoken at a reload, on the open address', async () => {
    const { listeners } = listenersWith(answerPeer);
    const port = await listen(listeners);
    await listen(listeners, SPOKEN);
    expect((await curl(`http://127.0.0.1:${port}/`)).code).not.toBe(0);
    await listen(listeners);
    expect((await curl(`http://127.0.0.1:${port}/`)).code).toBe(0);
  });
});

test('a listener without the PROXY protocol answers its header with 400', async () => {
  const port = await listen(listenersWith(answerPeer).listeners);
  expect((await curl('--haproxy-protocol', '--include', `http://127.0.0.1:${port}/`)).stdout).toMatch(
    /^HTTP\/1.1 400 /,
  );
});
