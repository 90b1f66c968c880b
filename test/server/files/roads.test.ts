import { randomBytes } from 'node:crypto';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { ask, askRaw, FILE_TIME, startSite, type Answer, type Site } from './site.js';

const REQUESTS = 10_000;
const SIZES = [0, 1, 10, 4096, 65_536, 65_537, 200_000];
const NOW = FILE_TIME + 60_000;

const size = fc.constantFrom(...SIZES);
const offset = fc.oneof(fc.nat({ max: 12 }), fc.nat({ max: 70_000 }), fc.nat({ max: 300_000 }));
const range = fc.oneof(
  fc.tuple(offset, offset).map(([first, last]) => `${first}-${last}`),
  offset.map((first) => `${first}-`),
  offset.map((last) => `-${last}`),
  fc.constantFrom('', 'a-b', '-', '5'),
);
const etag = fc.oneof(
  size.map((bytes) => `"${(FILE_TIME / 1000).toString(16)}-${bytes.toString(16)}"`),
  fc.constantFrom('*', '"other"', '"other", "a-19"', 'W/"a-1"'),
);
const date = fc.constantFrom(-1000, 0, 1000).map((shift) => new Date(FILE_TIME + shift).toUTCString());
const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined, freq: 3 });
const headers = fc.record({
  Range: maybe(fc.array(range, { minLength: 1, maxLength: 4 }).map((ranges) => `bytes=${ranges.join(',')}`)),
  'If-Range': maybe(fc.oneof(etag, date)),
  'If-Match': maybe(etag),
  'If-None-Match': maybe(etag),
  'If-Modified-Since': maybe(date),
  'If-Unmodified-Since': maybe(date),
  Accept: maybe(fc.constantFrom('application/json', 'text/plain', 'text/html')),
});
const path = fc.oneof(
  { weight: 6, arbitrary: size.map((bytes) => `/debian/pool/${bytes}.deb`) },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      ...[
        '/debian/',
        '/debian/pool/',
        '/debian/pool',
        '/debian/pool/?C=S&O=D',
        '/debian/?q=oo',
        '/debian//pool/10.deb',
      ],
      ...['/debian/gone', '/debian/pool/10.deb/', '/debian/pool/10.deb?x', '/debian/%70ool/10.deb', '/debian/link'],
      ...['/debian/out', '/debian/%zz', '/debian/older', '/empty/x', '/nothing', '/debian/.~tmp~/x', '/debian/a%2fb'],
    ),
  },
);
const method = fc.constantFrom('GET', 'GET', 'GET', 'HEAD');
const request = fc.record({ path, method, headers });

/** The same answer, where each road says the same: the boundary of parts is drawn by lot. */
function comparable(answer: Answer): unknown {
  const fields = { ...answer.headers, date: '' };
  const boundary = /boundary=(\w+)/.exec(fields['content-type'] ?? '')?.[1];
  const text = answer.body.toString('latin1');
  if (boundary === undefined) return { status: answer.status, fields, text };
  const type = fields['content-type']?.replace(boundary, 'B');
  return { status: answer.status, fields: { ...fields, 'content-type': type }, text: text.replaceAll(boundary, 'B') };
}

function fill(site: Site, bodies: ReadonlyMap<number, Buffer>): void {
  for (const [bytes, body] of bodies) site.write('a', `pool/${bytes}.deb`, body);
  site.write('b', 'older', 'only in the generation before');
  site.write('a', '.~tmp~/x', 'not whole');
  mkdirSync(join(site.slot('a'), 'empty'));
  symlinkSync('pool/10.deb', join(site.slot('a'), 'link'));
  symlinkSync('/etc/passwd', join(site.slot('a'), 'out'));
  site.publish('a', 'b');
}

test(
  `${REQUESTS} requests are answered alike from memory, from the disk, and with room for next to nothing`,
  { timeout: 240_000 },
  async () => {
    const bodies = new Map(SIZES.map((bytes) => [bytes, randomBytes(bytes)]));
    const clock = () => NOW;
    const tight = { memory: 200_000, absences: 2_000, openFiles: 1 };
    const [kept, read, small] = [
      await startSite({ clock }),
      await startSite({ clock, inPlace: true }),
      await startSite({ clock, cacheLimits: tight }),
    ];
    for (const site of [kept, read, small]) fill(site, bodies);
    await fc.assert(
      fc.asyncProperty(request, async (asked) => {
        const given = Object.fromEntries(
          Object.entries(asked.headers).filter((entry): entry is [string, string] => entry[1] !== undefined),
        );
        const options = { method: asked.method, headers: given };
        const answers = await Promise.all([kept, read, small].map((site) => ask(site, asked.path, options)));
        const [first, second, third] = answers.map(comparable);
        // the tag of a listing tells the folders apart, whose times differ
        const isListing = answers[0]?.headers.etag?.startsWith('W/') === true;
        if (!isListing) {
          expect(second).toEqual(first);
          expect(third).toEqual(first);
        } else expect(answers.slice(1).map(({ body }) => body)).toEqual([answers[0]?.body, answers[0]?.body]);
      }),
      { numRuns: REQUESTS, endOnFailure: true },
    );
  },
);

test('requests that follow each other on a connection are answered alike with the addon and without', async () => {
  const sizes = [10, 65_537, 300_000, 1_000_000];
  const site = await startSite({ clock: () => NOW, quick: true });
  for (const bytes of sizes) site.write('a', `pool/${bytes}.deb`, randomBytes(bytes));
  site.publish('a');
  const large = fc.constantFrom(...sizes.map((bytes) => `/debian/pool/${bytes}.deb`));
  const requests = fc.array(fc.record({ path: fc.oneof(large, large, path), method, headers }), {
    minLength: 1,
    maxLength: 6,
  });
  const before = process.env['MILLPOND_SENDFILE'];
  onTestFinished(() => useAddon(before));
  await fc.assert(
    fc.asyncProperty(requests, async (asked) => {
      const bytes = asked.map(rawRequest).join('') + 'HEAD /debian/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
      useAddon(before);
      const sent = await askRaw(site, bytes);
      useAddon('off');
      const written = await askRaw(site, bytes);
      expect(withoutChance(written) === withoutChance(sent), bytes).toBe(true);
    }),
    { numRuns: 500, endOnFailure: true },
  );
});

function useAddon(setting: string | undefined): void {
  if (setting === undefined) delete process.env['MILLPOND_SENDFILE'];
  else process.env['MILLPOND_SENDFILE'] = setting;
}

function rawRequest(asked: { path: string; method: string; headers: Record<string, string | undefined> }): string {
  const fields = Object.entries(asked.headers).filter(([, value]) => value !== undefined);
  const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return `${asked.method} ${asked.path} HTTP/1.1\r\nHost: a\r\n${lines}\r\n`;
}

/** Without dates and with one boundary: these are drawn by lot. */
function withoutChance(said: string): string {
  return said.replace(/^Date: .*\r$/gm, 'Date\r').replace(/(?<=boundary=|--)[0-9a-f]{24}/g, 'B');
}
