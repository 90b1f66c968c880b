import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import type { ServedEvent } from '../../../server/files/handler.js';
import { FILE_TIME, startSite, type Site } from '../files/site.js';

const SIZES = [0, 10, 4096, 20_000, 65_536, 65_537];
const NOW = FILE_TIME + 60_000;
const HOST = 'Host: mirror.test\r\n';
const CLOSE = `GET /debian/10 HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`;

async function siteWith(how: { quick: boolean }): Promise<Site> {
  const site = await startSite({ clock: () => NOW, ...how });
  for (const size of SIZES) site.write('a', String(size), Buffer.alloc(size, 'abcdefg'));
  site.write('a', 'folder/x', 'x');
  site.publish('a');
  return site;
}

/** What a server said; whether the end of it may be lost, as a connection closed before all was read is reset. */
interface Said {
  readonly text: string;
  readonly isReset: boolean;
}

/** All that a server says to these pieces, which are sent one by one, until it closes the connection; without dates. */
async function saidTo(site: Site, pieces: readonly string[]): Promise<Said> {
  const socket = connect(site.port, '127.0.0.1').setNoDelay(true).setMaxListeners(0);
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  let isReset = false;
  socket.on('error', () => (isReset = true));
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  await once(socket, 'connect');
  for (const [index, piece] of pieces.entries()) {
    if (!socket.writable) break;
    const answered = new Promise((resolve) => socket.once('data', resolve).once('close', resolve));
    socket.write(Buffer.from(piece, 'latin1'));
    await Promise.race(index === 0 ? [answered] : [answered, delay(2)]); // of half a request nothing is said
  }
  await closed;
  const text = Buffer.concat(chunks).toString('latin1');
  const dated = text.replace(/^Date: .*\r$/gm, 'Date\r').replace(/^ETag: W.*\r$/gm, 'ETag of a listing\r');
  return { text: dated.replace(/(?<=boundary=|--)[0-9a-f]{24}/g, 'B'), isReset };
}

/** How two servers' answers are told apart where a test fails: long bodies by their length and ends. */
function shortened(text: string): string {
  return text.replace(/[a-g]{100,}/g, (body) => `${body.length} bytes, ${body.slice(0, 7)} to ${body.slice(-7)}`);
}

/** Both said the same; one whose connection was cut may have said less, down to its last whole line. */
function expectSame(first: Said, second: Said, isRefused: boolean): void {
  const [less, more] = [first, second].sort((a, b) => a.text.length - b.text.length) as [Said, Said];
  const isCut = isRefused || less.isReset;
  const heard = isCut ? less.text.slice(0, less.text.lastIndexOf('\n') + 1) : less.text;
  expect(shortened(isCut ? more.text.slice(0, heard.length) : more.text)).toBe(shortened(heard));
}

const path = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...SIZES.map((size) => `/debian/${size}`)) },
  fc.constantFrom(
    '/debian/gone',
    '/debian/folder',
    '/debian/folder/',
    '/debian/10?x',
    '/debian/%zz',
    '/none',
    '/debian/1%30',
  ),
);
const etag = fc.constantFrom(
  ...SIZES.map((size) => `"${size.toString(16)}-${FILE_TIME.toString(16)}"`),
  '*',
  '"other"',
);
const date = fc.constantFrom(-1000, 0, 1000).map((shift) => new Date(FILE_TIME + shift).toUTCString());
const range = fc.constantFrom('0-4', '5-', '-3', '4000-70000', '0-0,2-3', '99999-', 'a-b');
const field = fc.oneof(
  etag.map((value) => `If-None-Match: ${value}`),
  etag.map((value) => `If-Match: ${value}`),
  date.map((value) => `If-Modified-Since: ${value}`),
  range.map((value) => `Range: bytes=${value}`),
  fc.constantFrom('Accept: text/html', 'User-Agent: apt/2.6', 'connection: Keep-Alive', 'X-A:\t a \t', 'x-a: b'),
);
/** What a parser may take in another way than the next one. */
const odd = fc.constantFrom(
  ...[
    'Content-Length: 5',
    'Content-Length: 0',
    'Transfer-Encoding: chunked',
    'Content-Length: 3\r\nTransfer-Encoding: chunked',
  ],
  ...[
    'Transfer-Encoding : chunked',
    'Host: other.test',
    'X: a\r\n folded',
    ' X: a',
    'X: a\nContent-Length: 5',
    'X: a\rY: b',
  ],
  ...[
    'X\0: a',
    'Expect: 100-continue',
    'Upgrade: h2c\r\nConnection: Upgrade',
    'Connection: close',
    'no colon',
    'X: \x01',
  ],
);
const head = fc.record({
  method: fc.constantFrom('GET', 'GET', 'GET', 'GET', 'HEAD'),
  path,
  fields: fc.array(field, { maxLength: 3 }),
});
const plain = head.map(
  (asked) => `${asked.method} ${asked.path} HTTP/1.1\r\n${HOST}${asked.fields.map((one) => `${one}\r\n`).join('')}\r\n`,
);
const strange = fc.oneof(
  fc.tuple(head, odd).map(([{ method, path }, line]) => `${method} ${path} HTTP/1.1\r\n${HOST}${line}\r\n\r\nabcde`),
  fc.constantFrom(
    'GET /debian/10 HTTP/1.1\r\n\r\n',
    `GET  /debian/10 HTTP/1.1\r\n${HOST}\r\n`,
    `GET /debian/10 HTTP/1.0\r\n${HOST}\r\n`,
  ),
  fc.constantFrom(
    `POST /debian/10 HTTP/1.1\r\n${HOST}Content-Length: 3\r\n\r\nabc`,
    `\r\nGET /debian/10 HTTP/1.1\r\n${HOST}\r\n`,
  ),
  fc.constantFrom(
    `GET http://mirror.test/debian/10 HTTP/1.1\r\n${HOST}\r\n`,
    'GET /debian/10 HTTP/1.1\nHost: a\n\n',
    'abc',
    '\0',
  ),
);

const anything = fc.oneof({ weight: 12, arbitrary: plain }, { weight: 1, arbitrary: strange });

/** What is sent on a connection: requests one by one, or cut into pieces at some places. */
function connectionOf(request: fc.Arbitrary<string>): fc.Arbitrary<string[]> {
  const requests = fc.array(request, { minLength: 1, maxLength: 12 });
  const places = fc.array(fc.nat({ max: 4000 }), { maxLength: 2 });
  return fc.tuple(requests, places, fc.boolean()).map(([asked, cuts, together]) => {
    const first = plainGet('/debian/10');
    const others = [...asked, CLOSE];
    if (!together) return [first, ...others];
    const text = others.join('');
    const ends = [0, ...cuts.filter((cut) => cut < text.length).sort((a, b) => a - b), text.length];
    return [first, ...ends.slice(1).map((end, index) => text.slice(ends[index], end))];
  });
}

function plainGet(target: string): string {
  return `GET ${target} HTTP/1.1\r\n${HOST}\r\n`;
}

describe('createQuickRoad', () => {
  test('says byte for byte what Node says, whatever is sent in whatever pieces', { timeout: 240_000 }, async () => {
    const [quick, slow] = [await siteWith({ quick: true }), await siteWith({ quick: false })];
    let isRefused = false;
    const refuse = (_: Error, socket: Duplex): void => {
      isRefused = true;
      socket.destroy();
    };
    for (const { server } of [quick, slow]) server.on('clientError', refuse);
    await fc.assert(
      fc.asyncProperty(connectionOf(anything), async (pieces) => {
        isRefused = false;
        const [first, second] = await Promise.all([saidTo(quick, pieces), saidTo(slow, pieces)]);
        expectSame(first, second, isRefused); // how much had been sent when a bad request came is a matter of time
      }),
      { numRuns: 800, endOnFailure: true },
    );
    expect(slow.quickAnswers()).toBe(0);
    expect(quick.quickAnswers()).toBeGreaterThan(1_000);
  });

  test("reports what Node's road would", async () => {
    const [quick, slow] = [await siteWith({ quick: true }), await siteWith({ quick: false })];
    await fc.assert(
      fc.asyncProperty(connectionOf(plain), async (pieces) => {
        await Promise.all([saidTo(quick, pieces), saidTo(slow, pieces)]);
        const [reported, expected] = [quick, slow].map(({ events }) => events.splice(0).map(reportOf).sort());
        expect(reported).toEqual(expected);
      }),
      { numRuns: 100, endOnFailure: true },
    );
  });
});

/** A connection on which the first request has been answered; what came on it is collected. */
async function openConnection(
  site: Site,
): Promise<{ socket: Socket; said: () => string; ask: (target: string) => Promise<void> }> {
  const socket = connect(site.port, '127.0.0.1');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  const said = (): string => Buffer.concat(chunks).toString('latin1');
  const ask = async (target: string): Promise<void> => {
    const before = said().length;
    socket.write(plainGet(target));
    await vi.waitFor(() => expect(said().length).toBeGreaterThan(before));
  };
  await ask('/debian/10');
  return { socket, said, ask };
}

describe('a connection that is answered quickly', () => {
  test('does not let answers pile up for a client that does not read, and gives it all of them when it does', async () => {
    const site = await siteWith({ quick: true });
    const { socket, said, ask } = await openConnection(site);
    await ask('/debian/65536');
    await ask('/debian/65536');
    const before = site.quickAnswers();
    expect(before).toBeGreaterThan(0);
    const many = 150;
    socket.pause();
    socket.write(plainGet('/debian/65536').repeat(many));
    await vi.waitFor(() => expect(site.quickAnswers()).toBeGreaterThan(before));
    await delay(50);
    expect(site.quickAnswers()).toBeLessThan(before + many);
    socket.resume();
    await vi.waitFor(() => expect(said().match(/HTTP\/1\.1 200 OK/g)).toHaveLength(many + 3), { timeout: 10_000 });
    await vi.waitFor(() => expect(said().match(/[a-g]{65536}/g)).toHaveLength(many + 2), { timeout: 10_000 });
    socket.destroy();
  });

  test('reports an answer that the client has not waited for as incomplete', async () => {
    const site = await siteWith({ quick: true });
    const { socket, ask } = await openConnection(site);
    await ask('/debian/65536');
    socket.pause();
    socket.write(plainGet('/debian/65536').repeat(150));
    await vi.waitFor(() => expect(site.quickAnswers()).toBeGreaterThan(2));
    socket.destroy();
    await vi.waitFor(() => expect(site.events.some(({ complete }) => !complete)).toBe(true));
  });

  test('is idle for Node between requests: it is closed after the time for that, and with all others', async () => {
    const site = await siteWith({ quick: true });
    site.server.keepAliveTimeout = 1;
    const [left, other] = [await openConnection(site), await openConnection(site)];
    for (const { ask } of [left, other, other]) await ask('/debian/4096');
    expect(site.quickAnswers()).toBe(2);
    await once(left.socket, 'close');
    site.server.keepAliveTimeout = 60_000;
    const last = await openConnection(site);
    await last.ask('/debian/4096');
    site.server.closeIdleConnections();
    await once(last.socket, 'close');
  });

  test("is Node's again when its server takes no more connections", async () => {
    const site = await siteWith({ quick: true });
    const { socket, ask } = await openConnection(site);
    await ask('/debian/4096');
    const before = site.quickAnswers();
    // not close(), which would close this connection too
    Object.defineProperty(site.server, 'listening', { value: false });
    await ask('/debian/4096');
    expect(site.quickAnswers()).toBe(before);
    socket.destroy();
  });
});

function reportOf({ method, segments, status, bytes, complete }: ServedEvent): string {
  return [method, segments.join('/'), status, bytes, complete].join(' ');
}
