import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { descriptorLimit } from '../../../platform/descriptor-limit.js';
import { Connections } from '../../../server/listening/connections.js';
import { ResponseHead } from '../../../server/files/response-head.js';
import { createQuickRoad } from '../../../server/quick/quick-road.js';
import { answerPond, curl, listen, listenersWith } from './scene.js';

/** Sends bytes and returns all that comes until the other side closes. */
async function send(port: number, bytes: string): Promise<string> {
  const socket = await connected(port);
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  const closed = once(socket, 'close');
  socket.write(bytes);
  await closed;
  return Buffer.concat(chunks).toString();
}

async function connected(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  return socket;
}

/** A connection on which one request was answered. */
async function used(port: number): Promise<Socket> {
  const socket = await connected(port);
  socket.write('GET / HTTP/1.1\r\nHost: pond\r\n\r\n');
  await once(socket, 'data');
  return socket;
}

const isOpen = ({ readable, destroyed }: Socket): boolean => readable && !destroyed;

describe('what is asked for', () => {
  test.each([
    [
      'an address of more than 8 KiB',
      `GET /${'a'.repeat(8200)} HTTP/1.1\r\nHost: h\r\n\r\n`,
      414,
      'The address is longer than 8 KiB.',
    ],
    [
      'a query of more than 4 KiB',
      `GET /a?${'b'.repeat(4200)} HTTP/1.1\r\nHost: h\r\n\r\n`,
      414,
      'The query of the address is longer than 4 KiB.',
    ],
    [
      'a field of more than 16 KiB',
      `GET / HTTP/1.1\r\nHost: h\r\nA: ${'b'.repeat(17_000)}\r\n\r\n`,
      431,
      'Address and header fields are longer than 16 KiB in all.',
    ],
    [
      'more than 100 fields',
      `GET / HTTP/1.1\r\nHost: h\r\n${'A: b\r\n'.repeat(101)}\r\n`,
      431,
      'There are more than 100 header fields.',
    ],
    ['anything else than HTTP', 'EHLO mail.example.org\r\n\r\n', 400, 'This is no HTTP request that can be read.'],
  ])('is refused in one sentence: %s', async (_what, bytes, status, sentence) => {
    const answer = await send(await listen(listenersWith().listeners), bytes);
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(answer).toMatch(/\r\nConnection: close\r\n/i);
    expect(answer.endsWith(`\r\n\r\n${sentence}\n`)).toBe(true);
  });

  test('may have an address of 8,000 bytes, and a long path without a query', async () => {
    const port = await listen(listenersWith().listeners);
    expect((await curl(`http://127.0.0.1:${port}/${'a'.repeat(7999)}`)).stdout).toBe('pond');
    expect((await curl(`http://127.0.0.1:${port}/${'a'.repeat(4000)}?${'b'.repeat(4000)}`)).stdout).toBe('pond');
  });

  test('that breaks off behind a request whose answer is on its way gets nothing into that answer', async () => {
    let answering: ServerResponse | undefined;
    const { listeners } = listenersWith((_request, response) => {
      answering = response;
      response.writeHead(200, { 'Content-Length': '8' });
      response.write('half');
    });
    const socket = await connected(await listen(listeners));
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.write('GET / HTTP/1.1\r\nHost: pond\r\n\r\n');
    await expect.poll(() => answering && Buffer.concat(chunks).toString()).toMatch(/half$/);
    const closed = once(socket, 'close');
    socket.write('no request\r\n\r\n');
    await closed;
    expect(Buffer.concat(chunks).toString()).toMatch(/\r\n\r\nhalf$/);
  });
});

test('a header that comes too slowly is answered with 408', async () => {
  const { listeners } = listenersWith(answerPond, { headersTimeoutMs: 100 });
  const answer = await send(await listen(listeners), 'GET / HTTP/1.1\r\nHost: ');
  expect(answer).toMatch(/^HTTP\/1\.1 408 /);
  expect(answer).toMatch(/\r\n\r\nThe request did not come whole in time\.\n$/);
});

describe('connections', () => {
  function limitedTo(most: number, handler = answerPond) {
    const connections = new Connections(() => most);
    return { ...listenersWith(handler, { connections }), connections };
  }

  test('are closed when new ones come and there are too many: the one that was used longest ago', async () => {
    const { listeners, connections } = limitedTo(3);
    const port = await listen(listeners);
    const [first, second, third] = [await used(port), await used(port), await used(port)];
    first.write('GET / HTTP/1.1\r\nHost: pond\r\n\r\n');
    await once(first, 'data');
    const closed = once(second, 'close');
    second.resume();
    const fourth = await used(port);
    await closed;
    expect([first, second, third, fourth].map(isOpen)).toEqual([true, false, true, true]);
    expect(connections.size).toBe(3);
  });

  test('are never closed while an answer is on its way: then new ones are refused', async () => {
    const answers: ServerResponse[] = [];
    const scene = limitedTo(2, (_request, response) => void answers.push(response));
    const port = await listen(scene.listeners);
    const running = [curl(`http://127.0.0.1:${port}/`), curl(`http://127.0.0.1:${port}/`)];
    await expect.poll(() => answers.length).toBe(2);
    expect((await curl(`http://127.0.0.1:${port}/`)).code).not.toBe(0);
    expect(scene.logged.join()).toContain('was closed: there are as many as may be');
    for (const answer of answers) answer.end('at last');
    expect((await Promise.all(running)).map(({ stdout }) => stdout)).toEqual(['at last', 'at last']);
  });

  test('that are idle, up to 10,000 or as many as this machine allows, harm nobody', async () => {
    // both ends of each are in this process
    const many = Math.min(10_000, Math.floor(descriptorLimit() / 2) - 500);
    const { listeners, connections } = limitedTo(many);
    const port = await listen(listeners);
    const idle: Socket[] = [];
    onTestFinished(() => idle.forEach((socket) => socket.destroy()));
    while (idle.length < many) {
      const some = Array.from({ length: Math.min(200, many - idle.length) }, () => connect(port, '127.0.0.1'));
      await Promise.all(
        some.map((socket) =>
          once(
            socket.on('error', () => undefined),
            'connect',
          ),
        ),
      );
      idle.push(...some);
      // a queue of the kernel that is full costs a second
      while (connections.size < idle.length) await nextTurn();
    }
    expect(connections.size).toBe(many);
    for (let count = 0; count < 5; count++) expect((await curl(`http://127.0.0.1:${port}/`)).stdout).toBe('pond');
    expect(connections.size).toBeLessThanOrEqual(many);
  }, 60_000);
});

describe('an address that is given up', () => {
  test('tells clients that their connection ends with the answer', async () => {
    const { listeners } = listenersWith((request, response) => {
      if (request.url === '/slow') answering = response;
      else response.end('pond');
    });
    let answering: ServerResponse | undefined;
    const socket = await connected(await listen(listeners));
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.write('GET /slow HTTP/1.1\r\nHost: pond\r\n\r\n');
    await expect.poll(() => answering).toBeDefined();
    await listeners.apply({ http: [], https: [] });
    const closed = once(socket, 'close');
    socket.write('GET / HTTP/1.1\r\nHost: pond\r\n\r\n');
    await expect.poll(() => answering?.req.socket.bytesRead).toBeGreaterThan(60);
    answering?.end('at last');
    await closed;
    const said = Buffer.concat(chunks).toString();
    expect(said).toContain('at last');
    expect(said).toMatch(/Connection: close\r\n[^]*pond$/i);
  });
});

test('requests that wait behind others are read no further than a few, and all of them are answered in the end', async () => {
  const answers: ServerResponse[] = [];
  const { listeners } = listenersWith((_request, response) => void answers.push(response));
  const socket = await connected(await listen(listeners));
  const all = 2_000;
  const ask = `GET / HTTP/1.1\r\nHost: pond\r\nA: ${'a'.repeat(1000)}\r\n\r\n`;
  socket.write(ask.repeat(all));
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
  let read = 0;
  while (answers.length === 0 || answers.length > read) {
    read = answers.length;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  expect(read).toBeGreaterThan(60);
  expect(read).toBeLessThan(300);
  for (let next = 0; next < all; next++) {
    while (!answers[next]) await nextTurn();
    answers[next]?.end(`<${next}>`);
  }
  while (!text.includes(`<${all - 1}>`)) await nextTurn();
  expect([...text.matchAll(/<(\d+)>/g)].map(([, number]) => Number(number))).toEqual([...Array(all).keys()]);
});

test('an answer that was given before the parser is not cut when its place is given up', async () => {
  const body = Buffer.alloc(256 * 1024, 'x');
  const head = new ResponseHead(200, ['Content-Length', String(body.length)]);
  const sockets: Socket[] = [];
  let answered = 0;
  const quick = createQuickRoad(({ socket }) => {
    sockets.push(socket);
    return { head, body, told: () => void answered++ };
  });
  const { listeners } = listenersWith(answerPond, { quick });
  const socket = await used(await listen(listeners));
  socket.pause();
  while (!sockets[0] || sockets[0].writableLength === 0) {
    const before = sockets.length;
    socket.write('GET / HTTP/1.1\r\nHost: pond\r\n\r\n');
    while (sockets.length === before) await nextTurn();
  }
  const whole = sockets.length;
  let bytes = 0;
  const closed = listeners.close(60_000);
  socket.on('data', (chunk: Buffer) => (bytes += chunk.length)).resume();
  await closed;
  await once(socket, 'close');
  expect(answered).toBe(whole);
  expect(bytes).toBeGreaterThan(whole * body.length);
});

test('requests that wait with large answers are read on when Node reads on as well', async () => {
  const answers: ServerResponse[] = [];
  const body = 'x'.repeat(10_000);
  const answer = (_request: unknown, response: ServerResponse): void => {
    answers.push(response);
    if (answers.length > 1) response.end(body);
  };
  const { listeners } = listenersWith(answer, { quick: createQuickRoad(() => undefined) });
  const socket = await connected(await listen(listeners));
  const all = 4_000;
  const closed = once(socket, 'close');
  socket.on('end', () => socket.end());
  let bytes = 0;
  socket.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > all * body.length) socket.destroy();
  });
  socket.write('GET / HTTP/1.1\r\nHost: pond\r\n\r\n'.repeat(all));
  while (answers.length < 64) await nextTurn();
  answers[0]?.end(body);
  await closed;
  expect(answers.length).toBe(all);
});
