import { randomBytes } from 'node:crypto';
import { linkSync, readdirSync, readlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { ask, FILE_TIME, startSite, type Answer, type Site } from './site.js';

const DIGITS = '0123456789';

async function siteWithDigits(): Promise<Site> {
  const site = await startSite();
  site.write('a', 'digits', DIGITS);
  site.publish('a');
  return site;
}

/** Status and fields, without those of the connection. */
function comparable(answer: Answer): Record<string, unknown> {
  const ofConnection = new Set(['date', 'connection', 'keep-alive', 'transfer-encoding']);
  const fields = Object.entries(answer.headers).filter(([name]) => !ofConnection.has(name));
  return { status: answer.status, ...Object.fromEntries(fields) };
}

/** The parts of a multipart/byteranges body, read by its grammar. */
function partsOf(answer: Answer): { type: string; range: string; text: string }[] {
  const boundary = /boundary=(\w+)/.exec(answer.headers['content-type'] ?? '')?.[1] ?? '';
  const text = answer.body.toString('latin1');
  expect(text.startsWith(`--${boundary}\r\n`)).toBe(true);
  expect(text.endsWith(`\r\n--${boundary}--\r\n`)).toBe(true);
  const inner = text.slice(boundary.length + 4, -(boundary.length + 8));
  return inner.split(`\r\n--${boundary}\r\n`).map((part) => {
    const [, type = '', range = '', content = ''] =
      /^Content-Type: (.*)\r\nContent-Range: (.*)\r\n\r\n([^]*)$/.exec(part) ?? [];
    return { type, range, text: content };
  });
}

/** Files below `folder` that this process has open. */
function openFilesBelow(folder: string): number {
  return readdirSync('/proc/self/fd').filter((fd) => linkOf(fd).startsWith(folder)).length;
}

function linkOf(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return '';
  }
}

describe('sendFile', () => {
  test('sends the whole file with everything that describes it', async () => {
    const site = await siteWithDigits();
    const answer = await ask(site, '/debian/digits');
    expect(answer.text).toBe(DIGITS);
    expect(comparable(answer)).toEqual({
      status: 200,
      'content-type': 'application/octet-stream',
      'content-length': '10',
      etag: `"${(FILE_TIME / 1000).toString(16)}-a"`,
      'last-modified': 'Mon, 23 Nov 2026 06:00:00 GMT',
      'accept-ranges': 'bytes',
      'cache-control': 'public, max-age=3600',
      'x-content-type-options': 'nosniff',
      'content-security-policy': 'sandbox allow-downloads',
    });
    const event = {
      request: expect.anything() as unknown,
      mirror: 'debian',
      method: 'GET',
      segments: ['digits'],
      status: 200,
      bytes: 10,
      complete: true,
    };
    await vi.waitFor(() => expect(site.events).toEqual([event]));
  });

  test('answers HEAD with the fields of GET and no body', async () => {
    const site = await siteWithDigits();
    site.write('a', 'large.iso', randomBytes(300_000));
    for (const path of ['/debian/digits', '/debian/large.iso', '/debian', '/debian/', '/debian//digits']) {
      const [got, head] = [await ask(site, path), await ask(site, path, { method: 'HEAD' })];
      expect(comparable(head)).toEqual(comparable(got));
      expect(head.body).toHaveLength(0);
    }
  });

  test('ignores Range for HEAD', async () => {
    const answer = await ask(await siteWithDigits(), '/debian/digits', {
      method: 'HEAD',
      headers: { Range: 'bytes=0-1' },
    });
    expect([answer.status, answer.headers['content-length']]).toEqual([200, '10']);
  });

  test('sends an empty file', async () => {
    const site = await startSite();
    site.write('a', 'empty', '');
    site.publish('a');
    const answer = await ask(site, '/debian/empty');
    expect([answer.status, answer.headers['content-length'], answer.text]).toEqual([200, '0', '']);
    expect((await ask(site, '/debian/empty', { headers: { Range: 'bytes=0-' } })).status).toBe(416);
  });

  test('sends large files byte for byte, whole and in parts', async () => {
    const site = await startSite();
    const content = randomBytes(5 * 1024 * 1024 + 17);
    site.write('a', 'large', content);
    site.publish('a');
    expect((await ask(site, '/debian/large')).body.equals(content)).toBe(true);
    const length = fc.integer({ min: 1, max: content.length });
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: content.length - 1 }), length, async (first, count) => {
        const answer = await ask(site, '/debian/large', { headers: { Range: `bytes=${first}-${first + count - 1}` } });
        expect(answer.status).toBe(206);
        expect(answer.body.equals(content.subarray(first, first + count))).toBe(true);
      }),
      { numRuns: 20 },
    );
  });

  test('never announces an archive as encoded content', async () => {
    const site = await startSite();
    site.write('a', 'a.tar.gz', 'not really');
    site.publish('a');
    const answer = await ask(site, '/debian/a.tar.gz', { headers: { 'Accept-Encoding': 'gzip' } });
    expect(answer.headers['content-type']).toBe('application/gzip');
    expect(answer.headers['content-encoding']).toBeUndefined();
  });

  test('lets HTML of a tree run without our rights, and PDF be shown', async () => {
    const site = await startSite();
    site.write('a', 'index.html', '<script>alert(1)</script>');
    site.write('a', 'manual.pdf', '%PDF');
    site.publish('a');
    const html = await ask(site, '/debian/index.html');
    expect(html.headers['content-type']).toBe('text/html');
    expect(html.headers['content-security-policy']).toMatch(/^sandbox(?!.*allow-(?:scripts|same-origin))/);
    const pdf = await ask(site, '/debian/manual.pdf');
    expect(pdf.headers['content-security-policy']).toBeUndefined();
    expect(pdf.headers['x-content-type-options']).toBe('nosniff');
  });

  test('keeps the entity tag of a file over generations, and changes it with the file', async () => {
    const site = await siteWithDigits();
    const first = (await ask(site, '/debian/digits')).headers.etag;
    site.write('b', 'digits', DIGITS);
    site.publish('b', 'a');
    expect((await ask(site, '/debian/digits')).headers.etag).toBe(first);
    linkSync(join(site.slot('a'), 'digits'), join(site.slot('b'), 'linked'));
    expect((await ask(site, '/debian/linked')).headers.etag).toBe(first);
    const changed = site.write('b', 'digits', DIGITS);
    utimesSync(changed, FILE_TIME / 1000 + 1, FILE_TIME / 1000 + 1);
    site.publish('b');
    expect((await ask(site, '/debian/digits')).headers.etag).not.toBe(first);
  });

  test('never says that a file was modified in the future', async () => {
    const site = await startSite({ clock: () => FILE_TIME - 5000 });
    site.write('a', 'digits', DIGITS);
    site.publish('a');
    const answer = await ask(site, '/debian/digits');
    expect(answer.headers['last-modified']).toBe('Mon, 23 Nov 2026 05:59:55 GMT');
  });
});

describe('sendFile with conditions', () => {
  test('answers 304 without a body, with what a cache needs', async () => {
    const site = await siteWithDigits();
    const { etag = '' } = (await ask(site, '/debian/digits')).headers;
    for (const method of ['GET', 'HEAD']) {
      const answer = await ask(site, '/debian/digits', { method, headers: { 'If-None-Match': etag } });
      expect(comparable(answer)).toEqual({
        status: 304,
        etag,
        'last-modified': 'Mon, 23 Nov 2026 06:00:00 GMT',
        'cache-control': 'public, max-age=3600',
      });
    }
  });

  test.each([
    [{ 'If-Modified-Since': 'Mon, 23 Nov 2026 06:00:00 GMT' }, 304],
    [{ 'If-Modified-Since': 'Mon, 23 Nov 2026 05:59:59 GMT' }, 200],
    [{ 'If-None-Match': '"other"', 'If-Modified-Since': 'Mon, 23 Nov 2026 06:00:00 GMT' }, 200],
    [{ 'If-Match': '"other"' }, 412],
    [{ 'If-Match': '*' }, 200],
    [{ 'If-Unmodified-Since': 'Mon, 23 Nov 2026 05:59:59 GMT' }, 412],
    [{ 'If-Unmodified-Since': 'Mon, 23 Nov 2026 06:00:00 GMT' }, 200],
    [{ 'If-None-Match': '*', Range: 'bytes=0-1' }, 304],
    [{ 'If-Match': '"other"', Range: 'bytes=0-1' }, 412],
  ])('answers %j with %i', async (headers, status) => {
    const answer = await ask(await siteWithDigits(), '/debian/digits', { headers });
    expect(answer.status).toBe(status);
  });

  test.each([
    ['Mon, 23 Nov 2026 06:00:00 GMT', 206],
    ['Mon, 23 Nov 2026 06:00:01 GMT', 200],
    [`"${(FILE_TIME / 1000).toString(16)}-a"`, 206],
    [`W/"a-${FILE_TIME.toString(16)}"`, 200],
    ['"other"', 200],
  ])('answers a range with If-Range %s with %i', async (ifRange, status) => {
    const site = await startSite({ clock: () => FILE_TIME + 60_000 });
    site.write('a', 'digits', DIGITS);
    site.publish('a');
    const headers = { Range: 'bytes=2-3', 'If-Range': ifRange };
    const answer = await ask(site, '/debian/digits', { headers });
    expect([answer.status, answer.text]).toEqual([status, status === 206 ? '23' : DIGITS]);
  });
});

describe('sendFile with ranges', () => {
  test.each([
    ['bytes=0-3', '0123', 'bytes 0-3/10'],
    ['bytes=8-', '89', 'bytes 8-9/10'],
    ['bytes=-3', '789', 'bytes 7-9/10'],
    ['bytes=-30', DIGITS, 'bytes 0-9/10'],
    ['bytes=5-500', '56789', 'bytes 5-9/10'],
    ['bytes=1-2,90-', '12', 'bytes 1-2/10'],
  ])('answers %s with that part', async (range, text, contentRange) => {
    const answer = await ask(await siteWithDigits(), '/debian/digits', { headers: { Range: range } });
    expect(answer.status).toBe(206);
    expect(answer.text).toBe(text);
    expect(answer.headers['content-range']).toBe(contentRange);
    expect(answer.headers['content-length']).toBe(String(text.length));
    expect(answer.headers['content-type']).toBe('application/octet-stream');
    expect(answer.headers.etag).toBe(`"${(FILE_TIME / 1000).toString(16)}-a"`);
  });

  test.each(['bytes=10-', 'bytes=-0', 'bytes=20-30,40-'])('answers %s with 416 and the size', async (range) => {
    const answer = await ask(await siteWithDigits(), '/debian/digits', { headers: { Range: range } });
    expect([answer.status, answer.headers['content-range']]).toEqual([416, 'bytes */10']);
    expect(answer.headers).toMatchObject({ 'cache-control': 'no-store', 'accept-ranges': 'bytes' });
    for (const field of ['etag', 'last-modified', 'content-security-policy'])
      expect(answer.headers[field], field).toBeUndefined();
  });

  test.each(['bytes=a-b', 'bytes=3-1', 'lines=1-2', 'bytes=0-,0-', 'bytes=0-9,0-9,0-9,0-9'])(
    'ignores %s',
    async (range) => {
      const answer = await ask(await siteWithDigits(), '/debian/digits', { headers: { Range: range } });
      expect([answer.status, answer.text]).toEqual([200, DIGITS]);
    },
  );

  test('sends several ranges as parts, in the order asked for, with the exact length', async () => {
    const site = await siteWithDigits();
    const answer = await ask(site, '/debian/digits', { headers: { Range: 'bytes=8-9, 0-0, -3' } });
    expect(answer.status).toBe(206);
    expect(answer.headers['content-range']).toBeUndefined();
    expect(Number(answer.headers['content-length'])).toBe(answer.body.length);
    const type = 'application/octet-stream';
    expect(partsOf(answer)).toEqual([
      { type, range: 'bytes 8-9/10', text: '89' },
      { type, range: 'bytes 0-0/10', text: '0' },
      { type, range: 'bytes 7-9/10', text: '789' },
    ]);
  });

  test('sends several large ranges byte for byte', async () => {
    const site = await startSite();
    const content = randomBytes(2_000_000);
    site.write('a', 'large', content);
    site.publish('a');
    const answer = await ask(site, '/debian/large', { headers: { Range: 'bytes=1000000-1899999,0-699999,5-9' } });
    expect(Number(answer.headers['content-length'])).toBe(answer.body.length);
    const wanted = [content.subarray(1_000_000, 1_900_000), content.subarray(0, 700_000), content.subarray(5, 10)];
    const parts = partsOf(answer).map((part) => Buffer.from(part.text, 'latin1'));
    expect(parts.map((part, index) => part.equals(wanted[index] ?? Buffer.alloc(0)))).toEqual([true, true, true]);
  });
});

describe('sendFile to clients and of files that break off', () => {
  test('closes the file when the client goes away in the middle', async () => {
    const site = await startSite();
    site.write('a', 'large', Buffer.alloc(64 * 1024 * 1024));
    site.publish('a');
    for (let round = 0; round < 5; round++) {
      await new Promise<void>((resolve, reject) => {
        const request = get(`${site.url}/debian/large`, { agent: false }, (response) => {
          response.once('data', () => request.destroy());
          response.on('error', () => undefined);
          response.on('close', () => resolve());
        });
        request.on('error', reject);
      });
    }
    await vi.waitFor(() => expect(site.events).toHaveLength(5));
    expect(site.events.map((event) => event.complete)).toEqual([false, false, false, false, false]);
    site.publish('a'); // what is kept open for others is closed
    await vi.waitFor(() => expect(openFilesBelow(site.folder)).toBe(0));
  });

  test('reads no further than a client that does not read', async () => {
    const site = await startSite();
    site.write('a', 'large', Buffer.alloc(64 * 1024 * 1024));
    site.publish('a');
    const asked = 'GET /debian/large HTTP/1.1\r\nHost: a\r\n\r\n';
    const socket = connect(site.port, '127.0.0.1', () => socket.write(asked));
    socket.once('data', () => socket.pause());
    // another client has all of it while the first one waits
    expect((await ask(site, '/debian/large')).body).toHaveLength(64 * 1024 * 1024);
    await vi.waitFor(() => expect(openFilesBelow(site.folder)).toBe(1));
    socket.destroy();
    await vi.waitFor(() => expect(site.events).toHaveLength(2));
    expect(site.events.map((event) => event.complete)).toEqual([true, false]);
    expect(site.events[1]?.bytes).toBeLessThan(64 * 1024 * 1024);
    site.publish('a');
    await vi.waitFor(() => expect(openFilesBelow(site.folder)).toBe(0));
  });

  test('breaks the connection when the file shrinks while it is sent', async () => {
    const site = await startSite();
    const file = site.write('a', 'large', Buffer.alloc(64 * 1024 * 1024));
    site.publish('a');
    const broken = new Promise<string>((resolve, reject) => {
      get(`${site.url}/debian/large`, { agent: false }, (response) => {
        response.once('data', () => truncateSync(file, 1024 * 1024));
        response.on('error', (error) => resolve(error.message));
        response.on('end', () => reject(new Error('a short body looked whole')));
      });
    });
    expect(await broken).toMatch(/aborted/);
    await vi.waitFor(() => expect(site.events[0]?.complete).toBe(false));
    site.publish('a');
    await vi.waitFor(() => expect(openFilesBelow(site.folder)).toBe(0));
  });

  test('serves on the same connection after each kind of answer', async () => {
    const site = await siteWithDigits();
    writeFileSync(join(site.slot('a'), 'large'), Buffer.alloc(200_000));
    const paths = ['/debian/digits', '/debian/large', '/debian', '/debian/', '/debian/nothing', '/debian/%zz'];
    const requests = paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
    const socket = connect(site.port, '127.0.0.1', () =>
      socket.write(`${requests.join('')}GET /debian/digits HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`),
    );
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    await new Promise((resolve) => socket.on('close', resolve));
    const statuses = Buffer.concat(chunks)
      .toString('latin1')
      .match(/HTTP\/1\.1 \d+/g);
    expect(statuses?.map((line) => line.slice(-3))).toEqual(['200', '200', '301', '200', '404', '400', '200']);
  });
});
