import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { open, truncate, writeFile } from 'node:fs/promises';
import { createServer, get, type IncomingMessage, type RequestListener } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { FileSender } from '../../../platform/native-sendfile.js';
import { BodyWriter } from '../../../server/files/body-writer.js';
import type { SlowReaders } from '../../../server/files/slow-readers.js';
import { ZoneBudget } from '../../../server/limits/zone-budget.js';
import { setPacer } from '../../../server/pace.js';
import { tempFolder } from '../../fixtures/temp-folder.js';

const MIB = 1024 * 1024;
const SIZE = 24 * MIB + 4321;

interface Site {
  readonly port: number;
  readonly file: string;
  readonly content: Buffer;
  /** What became of the responses, in their order. */
  readonly results: string[];
}

describe.each(['sendfile', 'off'])('BodyWriter, MILLPOND_SENDFILE=%s', (road) => {
  beforeEach(() => {
    vi.stubEnv('MILLPOND_SENDFILE', road === 'off' ? 'off' : (process.env['MILLPOND_SENDFILE'] ?? ''));
  });
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it('sends a whole file', async () => {
    const site = await serve();
    expect(await fetchHash(site.port, '/')).toBe(hashOf(site.content));
    expect(site.results).toEqual(['sent']);
  });

  it('sends ranges, with what stands before them', async () => {
    const { port, content } = await serve();
    for (const [start, length] of [
      [0, 1],
      [1, 70_000],
      [4095, MIB + 2],
      [SIZE - 100_000, 100_000],
    ] as const) {
      const body = await fetchBody(port, `/?start=${start}&length=${length}&head=before`);
      expect(body.equals(Buffer.concat([Buffer.from('before'), content.subarray(start, start + length)]))).toBe(true);
    }
  });

  it('keeps pipelined answers apart and the connection open', async () => {
    const { port, content } = await serve();
    const socket = connect(port, '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    const lengths = [3 * MIB, 70_000, 10, 2 * MIB, 100_000];
    socket.write(lengths.map((length) => `GET /?start=7&length=${length} HTTP/1.1\r\nHost: x\r\n\r\n`).join(''));
    const received = reader(socket);
    for (const length of lengths) {
      expect(await received.head()).toContain(`content-length: ${length}`);
      expect((await received.body(length)).equals(content.subarray(7, 7 + length))).toBe(true);
    }
    socket.write('GET /?start=0&length=200000 HTTP/1.1\r\nHost: x\r\n\r\n');
    await received.head();
    expect((await received.body(200_000)).equals(content.subarray(0, 200_000))).toBe(true);
  });

  it('serves many at once, slow ones and such as leave, and gives every descriptor back', async () => {
    const site = await serve();
    const whole = hashOf(site.content);
    const before = descriptors();
    const leaving = Array.from({ length: 12 }, async (_, index) => {
      const socket = connect(site.port, '127.0.0.1');
      socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
      await once(socket, 'data');
      if (index % 2 === 0) socket.resetAndDestroy();
      else socket.destroy();
    });
    const reading = Array.from({ length: 12 }, (_, index) => fetchHash(site.port, '/', index % 3 === 0));
    expect(new Set(await Promise.all(reading))).toEqual(new Set([whole]));
    await Promise.all(leaving);
    await expect.poll(() => site.results.length).toBe(24);
    expect(site.results.filter((result) => result === 'closed')).toHaveLength(12);
    await expect.poll(descriptors).toBe(before);
  });

  it('breaks the connection where the file gets shorter midway', async () => {
    const site = await serve();
    const [response] = (await once(get(urlOf(site.port, '/')), 'response')) as [IncomingMessage];
    await once(response, 'readable');
    await truncate(site.file, MIB);
    let bytes = 0;
    response.on('data', (chunk: Buffer) => (bytes += chunk.length));
    await expect(once(response, 'end')).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(bytes).toBeLessThan(SIZE);
    await expect.poll(() => site.results).toEqual(['short']);
  });

  it('asks the pace before it sends, and gives back what did not leave', async () => {
    let granted = 0;
    let asked = 0;
    const pace = {
      take: async (wanted: number) => {
        asked++;
        await new Promise((resolve) => setTimeout(resolve, 1));
        const bytes = Math.min(wanted, 50_000);
        granted += bytes;
        return bytes;
      },
      takeNow: () => false,
      giveBack: (bytes: number) => {
        granted -= bytes;
      },
    };
    const { port, content } = await serve((response) => setPacer(response.req.socket, () => pace));
    const body = await fetchBody(port, `/?start=5&length=${MIB}`);
    expect(body.equals(content.subarray(5, 5 + MIB))).toBe(true);
    expect(granted).toBe(MIB);
    expect(asked).toBeGreaterThanOrEqual(MIB / 50_000);
  });

  it('cuts a reader that takes nothing, after a grace', async () => {
    const site = await serve(() => undefined, { minimumRate: 1024, windowMs: 300 });
    const socket = connect(site.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.pause();
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await expect.poll(() => site.results, { timeout: 15_000 }).toEqual(['closed']);
    socket.destroy();
  });

  it('ends the wait for the pace when the client leaves', async () => {
    const pace = new ZoneBudget(() => ({ zone: 1, client: null })).newClient();
    const site = await serve((response) => setPacer(response.req.socket, () => pace));
    const socket = connect(site.port, '127.0.0.1');
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await expect.poll(() => site.results).toEqual(['begun']);
    socket.destroy();
    await expect.poll(() => site.results).toEqual(['begun', 'closed']);
  });
});

describe('BodyWriter by sendfile', () => {
  it('is not cut by the time after which a connection is idle', async () => {
    const site = await serve(() => undefined, undefined, 100);
    const [response] = (await once(get(urlOf(site.port, '/')), 'response')) as [IncomingMessage];
    await new Promise((resolve) => setTimeout(resolve, 500)); // nothing is read: nothing moves
    expect(await hashBody(response)).toBe(hashOf(site.content));
  });
});

describe('FileSender', () => {
  it('sends at once what is in memory, and nothing of what has to be waited for', async () => {
    const { file } = await tempContent();
    const { sender, socket } = await connected();
    const handle = await open(file);
    onTestFinished(() => handle.close());
    await handle.read(Buffer.alloc(64 * 1024), 0, 64 * 1024, 0);
    expect(FileSender.sendAtOnce(socket, handle.fd, 0, 4096)).toBe(4096);
    dropFromMemory(file);
    expect(FileSender.sendAtOnce(socket, handle.fd, 8 * MIB, 4096)).toBe(0);
    expect(await sender.send(handle.fd, 8 * MIB, 4096)).toBe('sent');
    expect(FileSender.sendAtOnce(socket, handle.fd, 8 * MIB, 4096)).toBe(4096);
    expect(sender.passed()).toBe(4096);
    sender.close();
  });

  it('sends a file that is in memory only here and there', async () => {
    const { file, content } = await tempContent();
    const { sender, client } = await connected();
    const handle = await open(file);
    onTestFinished(() => handle.close());
    dropFromMemory(file);
    for (const position of [0, 3 * MIB + 5, 9 * MIB, 20 * MIB - 1])
      await handle.read(Buffer.alloc(MIB), 0, MIB, position);
    const received = collect(client, SIZE - 7);
    expect(await sender.send(handle.fd, 7, SIZE - 7)).toBe('sent');
    expect(sender.passed()).toBe(SIZE - 7);
    expect((await received).equals(content.subarray(7))).toBe(true);
    sender.close();
  });

  it('tells the end of a file and a file that cannot be sent', async () => {
    const { file } = await tempContent();
    const { sender, client } = await connected();
    const handle = await open(file);
    onTestFinished(() => handle.close());
    client.resume();
    expect(await sender.send(handle.fd, SIZE, 100)).toBe('end-of-file');
    expect(await sender.send(handle.fd, SIZE - MIB, 2 * MIB)).toBe('end-of-file');
    expect(sender.passed()).toBe(MIB);
    const folder = await open(join(file, '..'));
    onTestFinished(() => folder.close());
    expect(await sender.send(folder.fd, 0, 100)).toBe('unable');
    sender.close();
  });

  it('ends a wait for the client when it is closed, and refuses to be used after that', async () => {
    const { file } = await tempContent();
    const { sender, socket } = await connected();
    const handle = await open(file);
    onTestFinished(() => handle.close());
    const waiting = sender.send(handle.fd, 0, SIZE);
    await expect.poll(() => sender.queued()).toBeGreaterThan(0);
    await expect.poll(() => FileSender.sendAtOnce(socket, handle.fd, 0, 4096)).toBe(0); // full
    await expect(sender.send(handle.fd, 0, 1)).rejects.toThrow('the sender is closed or busy');
    sender.close();
    expect(await waiting).toBe('broken');
    sender.close();
    await expect(sender.send(handle.fd, 0, 1)).rejects.toThrow('the sender is closed or busy');
    expect(sender.queued()).toBe(0);
  });

  it('can be closed before its turn, and while the thread pool sends', async () => {
    const { file } = await tempContent();
    const before = descriptors();
    const handle = await open(file);
    const [first, second] = [await connected(), await connected()];
    const waiting = first.sender.send(handle.fd, 0, SIZE);
    first.sender.close();
    expect(await waiting).toBe('broken');
    dropFromMemory(file);
    const cold = second.sender.send(handle.fd, 0, SIZE);
    setImmediate(() => setImmediate(() => second.sender.close()));
    expect(await cold).toBe('broken');
    await handle.close();
    for (const { client, socket } of [first, second]) {
      client.destroy();
      socket.destroy();
    }
    await expect.poll(descriptors).toBe(before + 2); // the servers
  });

  it('gives each of many its turn', async () => {
    const { file, content } = await tempContent();
    const handle = await open(file);
    onTestFinished(() => handle.close());
    const all = await Promise.all(Array.from({ length: 6 }, connected));
    const received = all.map(({ client }) => collect(client, SIZE));
    expect(await Promise.all(all.map(({ sender }) => sender.send(handle.fd, 0, SIZE)))).toEqual(all.map(() => 'sent'));
    for (const body of await Promise.all(received)) expect(body.equals(content)).toBe(true);
    for (const { sender } of all) sender.close();
  });
});

/** `?start=&length=&head=`: that slice, the whole file where nothing is said. */
async function serve(
  prepare: (response: Parameters<RequestListener>[1]) => void = () => undefined,
  slowReaders?: SlowReaders,
  idleMs = 0,
): Promise<Site> {
  const { file, content } = await tempContent();
  const results: string[] = [];
  const paced = prepare.length > 0 && idleMs === 0;
  const answer = async (...[request, response]: Parameters<RequestListener>): Promise<void> => {
    const query = new URL(request.url ?? '', 'http://x').searchParams;
    const start = Number(query.get('start') ?? 0);
    const length = Number(query.get('length') ?? SIZE - start);
    const head = query.get('head') ?? '';
    const handle = await open(file);
    try {
      prepare(response);
      response.writeHead(200, { 'content-length': head.length + length });
      if (paced && query.size === 0) results.push('begun');
      const writer = new BodyWriter(response, slowReaders);
      const result = await writer.slice(handle, start, length, head);
      if (result === 'sent') await writer.end();
      if (result === 'short') response.destroy();
      if (result === 'sent') expect(writer.bytes).toBe(head.length + length);
      results.push(result);
    } finally {
      await handle.close();
    }
  };
  const server = createServer((request, response) => void answer(request, response));
  server.timeout = idleMs;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, file, content, results };
}

async function tempContent(): Promise<{ file: string; content: Buffer }> {
  const file = join(await tempFolder(), 'file');
  const content = Buffer.alloc(SIZE);
  for (let at = 0; at + 4 <= SIZE; at += 4) content.writeUInt32LE(Math.imul(at, 2654435761) >>> 0, at);
  await writeFile(file, content);
  return { file, content };
}

async function connected(): Promise<{ sender: FileSender; client: Socket; socket: Socket }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.pause();
  const [socket] = (await accepted) as [Socket];
  onTestFinished(() => {
    client.destroy();
    socket.destroy();
    server.close();
  });
  const sender = FileSender.on(socket);
  if (!sender) throw new Error('the addon was not built: node scripts/native.mjs');
  return { sender, client, socket };
}

async function collect(client: Socket, length: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of client) {
    parts.push(part as Buffer);
    bytes += (part as Buffer).length;
    if (bytes >= length) break;
  }
  return Buffer.concat(parts);
}

/** posix_fadvise(DONTNEED) after a flush. */
function dropFromMemory(file: string): void {
  execFileSync('dd', [`of=${file}`, 'oflag=nocache', 'conv=notrunc,fdatasync', 'count=0'], { stdio: 'ignore' });
}

function descriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

function urlOf(port: number, path: string): string {
  return `http://127.0.0.1:${port}${path}`;
}

async function fetchBody(port: number, path: string): Promise<Buffer> {
  return Buffer.from(await (await fetch(urlOf(port, path))).arrayBuffer());
}

async function fetchHash(port: number, path: string, slow = false): Promise<string> {
  const [response] = (await once(get(urlOf(port, path), { agent: false }), 'response')) as [IncomingMessage];
  return hashBody(response, slow);
}

async function hashBody(response: IncomingMessage, slow = false): Promise<string> {
  const hash = createHash('sha256');
  let count = 0;
  for await (const chunk of response) {
    hash.update(chunk as Buffer);
    if (slow && count++ % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
  }
  return hash.digest('hex');
}

function hashOf(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

/** Heads and bodies of answers, as they stand one behind the other. */
function reader(socket: Socket): { head(): Promise<string>; body(length: number): Promise<Buffer> } {
  const chunks = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let rest: Buffer = Buffer.alloc(0);
  const until = async (size: () => number): Promise<Buffer> => {
    for (;;) {
      const at = size();
      if (at >= 0 && rest.length >= at) {
        const taken = rest.subarray(0, at);
        rest = rest.subarray(at);
        return taken;
      }
      const next = await chunks.next();
      if (next.done === true) throw new Error('the connection ended');
      rest = Buffer.concat([rest, next.value]);
    }
  };
  return {
    head: async () => {
      const head = await until(() => {
        const at = rest.indexOf('\r\n\r\n');
        return at < 0 ? -1 : at + 4;
      });
      return head.toString().toLowerCase();
    },
    body: (length) => until(() => length),
  };
}
