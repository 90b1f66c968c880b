import { randomBytes } from 'node:crypto';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ask, FILE_TIME, startSite, type Answer, type Site } from './site.js';

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
const request = fc.record({ path, method: fc.constantFrom('GET', 'GET', 'GET', 'HEAD'), headers });

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
