import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { HttpClient, HttpFailure, type HttpClientOptions } from '../../platform/http-client.js';

const NEVER = new AbortController().signal;

async function startServer(answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const sockets = new Set<Socket>();
  const server = createServer(answer).on('connection', (socket: Socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`), sockets };
}

function clientOf(options: Partial<HttpClientOptions> = {}): HttpClient {
  const client = new HttpClient({ privateAddresses: true, ...options });
  onTestFinished(() => client.close());
  return client;
}

const get = { method: 'GET', headers: {}, signal: NEVER } as const;

describe('HttpClient', () => {
  it('keeps connections, also after an answer that was only drained', async () => {
    const { url, sockets } = await startServer((_, response) => response.end('x'.repeat(1000)));
    const client = clientOf();
    for (let i = 0; i < 20; i++) await (await client.request(url, get)).drain();
    expect(sockets.size).toBeLessThan(5);
  });

  it('keeps connections after HEAD', async () => {
    const { url, sockets } = await startServer((_, response) => response.setHeader('content-length', 1000).end());
    const client = clientOf();
    for (let i = 0; i < 20; i++) await (await client.request(url, { ...get, method: 'HEAD' })).drain();
    expect(sockets.size).toBeLessThan(5);
  });

  it('takes no body that a server sends to HEAD for the next answer', async () => {
    const wrong = 'HTTP/1.1 500 Wrong\r\nContent-Length: 0\r\n\r\n';
    const { url } = await startServer((request, response) => {
      const { socket } = request;
      if (request.method === 'HEAD') socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${wrong.length}\r\n\r\n${wrong}`);
      else response.end('right');
    });
    const client = clientOf();
    for (let i = 0; i < 20; i++) {
      await (await client.request(url, { ...get, method: 'HEAD' })).drain();
      const answer = await client.request(url, get);
      expect(answer.status).toBe(200);
      await answer.drain();
    }
  });

  it('does not read without end only to keep a connection', async () => {
    const { url, sockets } = await startServer((_, response) => {
      const write = (): void => void (response.destroyed || response.write(Buffer.alloc(16 * 1024), write));
      write();
    });
    await (await clientOf().request(url, get)).drain();
    await expect.poll(() => [...sockets].every((socket) => socket.destroyed)).toBe(true);
  });

  it('makes no more connections to an origin than it may', async () => {
    const waiting: ServerResponse[] = [];
    const { url, sockets } = await startServer((_, response) => waiting.push(response));
    const client = clientOf({ connections: 2 });
    const work = Array.from({ length: 5 }, async () => (await client.request(url, get)).drain());
    for (let answered = 0; answered < 5; answered++) {
      await expect.poll(() => waiting.length).toBeGreaterThan(0);
      waiting.shift()?.end();
    }
    await Promise.all(work);
    expect(sockets.size).toBe(2);
  });

  it('gives header fields, one or all, and the body as it came', async () => {
    const { url } = await startServer((_, response) => {
      response.writeHead(
        302,
        [
          ['Link', 'a'],
          ['Link', 'b'],
          ['Content-Encoding', 'gzip'],
          ['Location', '/x'],
        ].flat(),
      );
      response.end('not gzip at all');
    });
    const answer = await clientOf().request(url, get);
    expect([answer.status, answer.field('link'), answer.field('missing')]).toEqual([302, 'a', undefined]);
    expect([answer.fields('link'), answer.fields('missing')]).toEqual([['a', 'b'], []]);
    const chunks: Buffer[] = [];
    for await (const chunk of answer.body()) chunks.push(chunk);
    expect(Buffer.concat(chunks).toString()).toBe('not gzip at all');
  });

  it('ends requests that are under way when it is closed', async () => {
    const { url, sockets } = await startServer(() => undefined);
    const client = clientOf();
    const work = client.request(url, get).catch((error: unknown) => error);
    await expect.poll(() => sockets.size).toBe(1);
    await client.close();
    expect(await work).toBeInstanceOf(HttpFailure);
  });

  it('sends nothing for a signal that has ended already', async () => {
    const { url, sockets } = await startServer((_, response) => response.end());
    const signal = AbortSignal.abort(new Error('too late'));
    await expect(clientOf().request(url, { ...get, signal })).rejects.toThrow('too late');
    expect(sockets.size).toBe(0);
  });

  it('never tells the path or the query in a failure', async () => {
    const { url } = await startServer((_, response) => response.destroy());
    const failure = await clientOf()
      .request(new URL('/path?token=secret', url), get)
      .catch((error: unknown) => error);
    expect(failure).toMatchObject({ fault: 'connect', message: `${url.host} broke the connection off` });
  });
});
