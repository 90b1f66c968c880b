import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, truncateSync } from 'node:fs';
import { get as httpGet } from 'node:http';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FileSender } from '../../../platform/native-sendfile.js';
import { watchReader } from '../../../server/files/slow-readers.js';
import { startSite, type Site } from './site.js';

const SIZE = 24 * 1024 * 1024 + 12_345;
const PATIENT = { timeout: 20_000, interval: 30 };

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Descriptors that this process has open. */
function descriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

/** Sends what is given on one connection and gives all that comes until the server closes it. */
async function talk(port: number, said: string): Promise<Buffer> {
  const socket = connect(port, '127.0.0.1');
  socket.write(said, 'latin1');
  const parts: Buffer[] = [];
  for await (const part of socket) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

describe.each(['addon', 'off'])('large bodies, MILLPOND_SENDFILE=%s', (road) => {
  const before = process.env['MILLPOND_SENDFILE'];
  let site: Site;
  let content: Buffer;
  beforeEach(async () => {
    if (road === 'off') process.env['MILLPOND_SENDFILE'] = 'off';
    site = await startSite();
    content = randomBytes(SIZE);
    site.write('a', 'big.iso', content);
    site.publish('a');
  });
  afterEach(() => {
    if (before === undefined) delete process.env['MILLPOND_SENDFILE'];
    else process.env['MILLPOND_SENDFILE'] = before;
  });

  it('are whole for many clients at once, and no descriptor is left', async () => {
    const url = `${site.url}/debian/big.iso`;
    expect((await (await fetch(url, { headers: { Connection: 'close' } })).arrayBuffer()).byteLength).toBe(SIZE);
    const open = descriptors();
    const hashes = await Promise.all(
      Array.from({ length: 6 }, async () => {
        const answer = await fetch(url, { headers: { Connection: 'close' } });
        return sha256(Buffer.from(await answer.arrayBuffer()));
      }),
    );
    expect(new Set(hashes)).toEqual(new Set([sha256(content)]));
    await expect.poll(descriptors, PATIENT).toBeLessThanOrEqual(open + 1);
  });

  it('keep their places on a connection with several requests', async () => {
    const ask = (range: string, last = ''): string =>
      `GET /debian/big.iso HTTP/1.1\r\nHost: a\r\nRange: bytes=${range}\r\n${last}\r\n`;
    const all = await talk(site.port, ask('0-999999') + ask('5-7') + ask('2000000-9999999', 'Connection: close\r\n'));
    let at = 0;
    for (const [first, end] of [
      [0, 1_000_000],
      [5, 8],
      [2_000_000, 10_000_000],
    ] as const) {
      const head = all.indexOf('\r\n\r\n', at) + 4;
      expect(all.subarray(at, head).toString('latin1')).toMatch(/^HTTP\/1\.1 206 /);
      at = head + end - first;
      expect(all.subarray(head, at).equals(content.subarray(first, end))).toBe(true);
    }
    expect(at).toBe(all.length);
  });

  it('wait for a client that reads slowly, and it gets all of it', async () => {
    const hash = createHash('sha256');
    let bytes = 0;
    await new Promise<void>((resolve, reject) => {
      httpGet(`${site.url}/debian/big.iso`, { agent: false }, (answer) => {
        answer.on('data', (part: Buffer) => {
          hash.update(part);
          bytes += part.length;
          if (bytes % 5 !== 0) return;
          answer.pause();
          setTimeout(() => answer.resume(), 2);
        });
        answer.on('end', resolve).on('error', reject);
      }).on('error', reject);
    });
    expect([bytes, hash.digest('hex')]).toEqual([SIZE, sha256(content)]);
  });

  it('end with a client that leaves: what was sent is told, and nothing stays open', async () => {
    const open = descriptors();
    for (let i = 0; i < 5; i++) {
      const socket = connect(site.port, '127.0.0.1');
      socket.write('GET /debian/big.iso HTTP/1.1\r\nHost: a\r\n\r\n');
      await new Promise((resolve) => socket.once('data', resolve));
      socket.destroy();
    }
    await expect.poll(() => site.events.length, PATIENT).toBe(5);
    for (const event of site.events) {
      expect(event.complete).toBe(false);
      expect(event.bytes).toBeLessThan(SIZE);
    }
    // the file itself may stay open for the next who asks
    await expect.poll(descriptors, PATIENT).toBeLessThanOrEqual(open + 1);
  });

  it('end as well for an answer that waits behind the one during which the client leaves', async () => {
    const open = descriptors();
    const ask = 'GET /debian/big.iso HTTP/1.1\r\nHost: a\r\n\r\n';
    const small = 'GET /debian/gone HTTP/1.1\r\nHost: a\r\n\r\n';
    for (let i = 0; i < 5; i++) {
      const socket = connect(site.port, '127.0.0.1');
      socket.write(ask + ask + small);
      await new Promise((resolve) => socket.once('data', resolve));
      socket.destroy();
    }
    await expect.poll(() => site.results.length, PATIENT).toBe(15);
    await expect.poll(descriptors, PATIENT).toBeLessThanOrEqual(open + 1);
  });

  it('are broken off, never called whole, where the file has become shorter', async () => {
    const path = site.write('a', 'short.iso', content);
    site.publish('a');
    const socket = connect(site.port, '127.0.0.1');
    socket.write('GET /debian/short.iso HTTP/1.1\r\nHost: a\r\n\r\n');
    let bytes = 0;
    await new Promise<void>((resolve) => {
      socket.once('data', (part: Buffer) => {
        bytes += part.length;
        socket.pause();
        truncateSync(path, 20_000_000);
        socket.on('data', (more: Buffer) => (bytes += more.length));
        socket.resume();
      });
      socket.on('close', () => resolve());
    });
    expect(bytes).toBeLessThan(SIZE);
    expect(bytes).toBeGreaterThan(0);
    await expect.poll(() => site.events.at(-1)?.complete, PATIENT).toBe(false);
  });
});

describe('the addon', () => {
  it('is built where the tests run, so that both roads are tried', async () => {
    const site = await startSite();
    const socket = connect(site.port, '127.0.0.1');
    await new Promise((resolve) => socket.once('connect', resolve));
    const sender = FileSender.on(socket);
    expect(sender).toBeDefined();
    sender?.close();
    sender?.close(); // once is enough, and twice does no harm
    socket.destroy();
  });
});

describe('a reader that is too slow', () => {
  const rules = { minimumRate: 1000, windowMs: 20 };

  it('is cut when it takes less than the minimum though bytes wait for it', async () => {
    const cut = new Promise<void>((resolve) =>
      watchReader({ passed: () => 500_000, queued: () => 400_000 }, resolve, rules),
    );
    await cut;
  });

  it('is left alone when it takes enough, or nothing waits for it', async () => {
    let passed = 0;
    let cuts = 0;
    const fast = {
      passed: () => (passed += 100_000),
      queued: () => 50_000,
    };
    const ends = [fast, { passed: () => 10, queued: () => 0 }].map((progress) =>
      watchReader(progress, () => cuts++, rules),
    );
    await new Promise((resolve) => setTimeout(resolve, 150));
    for (const end of ends) end();
    expect(cuts).toBe(0);
  });
});
