import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect } from 'vitest';

/** Header fields of a request: a name may be there several times. */
export type RawFields = readonly (readonly [name: string, value: string])[] | Readonly<Record<string, string>>;

/** An answer as its bytes say it (RFC 9112). */
export interface RawAnswer {
  readonly status: number;
  /** By their names in lower case, several lines joined by a comma (RFC 9110 section 5.3). */
  readonly fields: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

const BODILESS = new Set([204, 304]);
/** Of the connection, and of the moment. */
const INCIDENTAL = ['date', 'connection', 'keep-alive', 'transfer-encoding'];
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** Sends requests as bytes on a connection that is kept, and takes nothing for an answer that is not one by its grammar. */
export class RawClient {
  #socket: Socket | undefined;
  #chunks: AsyncIterator<Buffer> | undefined;
  #read = Buffer.alloc(0);
  #asked = 0;

  /** `sentinel`: a path of the site; what it is answered with shows that the answer before it has ended where it said. */
  constructor(
    private readonly port: number,
    private readonly sentinel: string,
  ) {}

  /** Requests so far. */
  get asked(): number {
    return this.#asked;
  }

  /** Asks twice: the second time what is to be known is known, and the answer has to be the same. */
  async ask(path: string, fields: RawFields = {}, method = 'GET'): Promise<RawAnswer> {
    const first = await this.askOnce(path, fields, method);
    if (first.fields['connection'] === 'close') return first;
    const sentinel = requestFor('HEAD', this.sentinel, []);
    await this.#send(requestFor(method, path, fields) + sentinel, 2);
    const second = await this.#receive(method);
    expect(comparable(second), 'the second time').toEqual(comparable(first));
    const next = await this.#receive('HEAD');
    expect([next.status, next.fields['etag']], 'the answer to the next request').toEqual([200, expect.any(String)]);
    return second;
  }

  async askOnce(path: string, fields: RawFields = {}, method = 'GET'): Promise<RawAnswer> {
    await this.#send(requestFor(method, path, fields), 1);
    return this.#receive(method);
  }

  /** What comes after these bytes. */
  async say(text: string): Promise<RawAnswer> {
    await this.#send(text, 1);
    return this.#receive('GET');
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
    this.#read = Buffer.alloc(0);
  }

  async #send(text: string, requests: number): Promise<void> {
    expect(this.#read.toString('latin1'), 'what follows the answer before').toBe('');
    this.#asked += requests;
    const socket = await this.#connected();
    socket.write(text, 'latin1');
  }

  async #connected(): Promise<Socket> {
    if (this.#socket && !this.#socket.destroyed) return this.#socket;
    const socket = connect(this.port, '127.0.0.1').setNoDelay(true);
    this.#socket = socket;
    this.#chunks = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    await once(socket, 'connect');
    return socket;
  }

  async #receive(method: string): Promise<RawAnswer> {
    const { status, fields } = readHead((await this.#upTo('\r\n\r\n')).toString('latin1'));
    const answer = { status, fields, body: await this.#body(method, status, fields) };
    if (fields['connection'] === 'close') this.close();
    return answer;
  }

  async #body(method: string, status: number, fields: Readonly<Record<string, string>>): Promise<Buffer> {
    if (method === 'HEAD' || BODILESS.has(status)) return Buffer.alloc(0);
    if (fields['transfer-encoding'] === 'chunked') return this.#chunked();
    const length = fields['content-length'] ?? 'none';
    expect(length, 'Content-Length').toMatch(/^\d+$/);
    return this.#take(Number(length));
  }

  async #chunked(): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (;;) {
      const size = (await this.#upTo('\r\n')).toString('latin1');
      expect(size, 'the size of a chunk').toMatch(/^[0-9a-f]+\r\n$/i);
      const chunk = await this.#take(parseInt(size, 16));
      expect((await this.#take(2)).toString('latin1')).toBe('\r\n');
      if (chunk.length === 0) return Buffer.concat(parts);
      parts.push(chunk);
    }
  }

  async #upTo(mark: string): Promise<Buffer> {
    for (;;) {
      const index = this.#read.indexOf(mark);
      if (index >= 0) return this.#take(index + mark.length);
      await this.#more();
    }
  }

  async #take(length: number): Promise<Buffer> {
    while (this.#read.length < length) await this.#more();
    const taken = this.#read.subarray(0, length);
    this.#read = this.#read.subarray(length);
    return taken;
  }

  async #more(): Promise<void> {
    const next = await this.#chunks?.next();
    if (!next || next.done === true) expect.fail(`the connection ended after: ${this.#read.toString('latin1')}`);
    this.#read = Buffer.concat([this.#read, next.value]);
  }
}

function requestFor(method: string, path: string, fields: RawFields): string {
  const list = (Array.isArray(fields) ? fields : Object.entries(fields)) as readonly (readonly [string, string])[];
  const lines = list.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return `${method} ${path} HTTP/1.1\r\nHost: mirror.test\r\n${lines}\r\n`;
}

function readHead(text: string): Pick<RawAnswer, 'status' | 'fields'> {
  const [first = '', ...lines] = text.slice(0, -4).split('\r\n');
  expect(first, 'the status line').toMatch(/^HTTP\/1\.1 \d{3} [\t\x20-\x7e]*$/);
  const fields: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon);
    expect(name, 'the name of a field').toMatch(TOKEN);
    const value = line.slice(colon + 1).trim();
    const known = fields[name.toLowerCase()];
    fields[name.toLowerCase()] = known === undefined ? value : `${known}, ${value}`;
  }
  return { status: Number(first.slice(9, 12)), fields };
}

function comparable({ status, fields, body }: RawAnswer): unknown {
  const boundary = /boundary=(\w+)/.exec(fields['content-type'] ?? '')?.[1] ?? 'none';
  const kept = Object.entries(fields).filter(([name]) => !INCIDENTAL.includes(name));
  const named = kept.map(([name, value]) => `${name}: ${value.replace(boundary, 'B')}`);
  return { status, fields: named, body: body.toString('latin1').replaceAll(boundary, 'B') };
}
