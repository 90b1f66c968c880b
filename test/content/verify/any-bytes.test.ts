import fc from 'fast-check';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, test } from 'vitest';
import { divideIndex, packagesIn as apkPackages } from '../../../content/verify/apk/index-file.js';
import { sumsIn, withoutSignature } from '../../../content/verify/checksums/sums-file.js';
import { IndexFault } from '../../../content/verify/index-fault.js';
import { packagesIn as pacmanPackages } from '../../../content/verify/pacman/database.js';
import type { Reference } from '../../../content/verify/reference-record.js';
import { packagesIn as rpmPackages } from '../../../content/verify/rpm/primary.js';
import { parseRepomd } from '../../../content/verify/rpm/repomd.js';
import { tar } from '../../fixtures/apk-repository.js';

const ZEROS = '0'.repeat(64);
const PRIMARY = `<metadata><package type="rpm"><name>a</name><checksum type="sha256">${ZEROS}</checksum>
  <size package="1"/><location xml:base="b" href="a.rpm"/></package></metadata>`;
const REPOMD = `<repomd><data type="primary"><checksum type="sha256">${ZEROS}</checksum>
  <location href="repodata/primary.xml.gz"/><size>1</size></data></repomd>`;

const good: Record<'database' | 'index', Buffer> = { database: Buffer.alloc(0), index: Buffer.alloc(0) };

beforeAll(async () => {
  good.database = await tar({ 'a-1-1/desc': `%FILENAME%\na.pkg\n\n%CSIZE%\n1\n\n%SHA256SUM%\n${ZEROS}\n` });
  const content = gzipSync(await tar({ APKINDEX: `C:Q1${'A'.repeat(27)}=\nP:a\nV:1\nS:1\n\n` }));
  const signature = gzipSync((await tar({ '.SIGN.RSA.x.pub': 'signature' })).subarray(0, -1024));
  good.index = Buffer.concat([signature, content]);
});

/** Bytes of which parts are cut out, doubled or replaced. */
function damaged(bytes: Buffer): fc.Arbitrary<Buffer> {
  const edit = fc.record({
    at: fc.nat(bytes.length),
    cut: fc.oneof(fc.nat(4), fc.nat(bytes.length)),
    put: fc.oneof(fc.uint8Array({ maxLength: 4 }), fc.constant(bytes.subarray(0, 600))),
  });
  return fc.array(edit, { minLength: 1, maxLength: 3 }).map((edits) =>
    edits.reduce((result, { at, cut, put }) => {
      return Buffer.concat([result.subarray(0, at), put, result.subarray(at + cut)]);
    }, bytes),
  );
}

/** Whatever the bytes are, what is read of them stays in the tree, or is told as a fault. */
async function holds(bytes: Buffer, read: (bytes: Buffer) => Promise<readonly Reference[]>): Promise<void> {
  await fc.assert(
    fc.asyncProperty(damaged(bytes), async (input) => {
      try {
        for (const { path, size } of await read(input)) {
          expect(path.split('/').filter((segment) => ['', '.', '..'].includes(segment))).toEqual([]);
          expect(size === null || Number.isSafeInteger(size)).toBe(true);
        }
      } catch (error) {
        expect(error).toBeInstanceOf(IndexFault);
      }
    }),
    { numRuns: 300 },
  );
}

async function all(batches: AsyncIterable<readonly Reference[]>): Promise<Reference[]> {
  const found: Reference[] = [];
  for await (const batch of batches) found.push(...batch);
  return found;
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield await Promise.resolve(bytes);
}

describe('any bytes are read, or are a fault', () => {
  test('in primary.xml', () => holds(Buffer.from(PRIMARY), (bytes) => all(rpmPackages(once(bytes), 'x'))));
  test('in repomd.xml', () => holds(Buffer.from(REPOMD), (bytes) => parseRepomd(bytes, 'x')));
  test('in a database of pacman', () => holds(good.database, (bytes) => all(pacmanPackages(once(bytes), 'x'))));
  test('in an index of apk', () =>
    holds(good.index, async (bytes) => all(apkPackages((await divideIndex(bytes)).content, 'x'))));
  test('in an index of apk, some packages at a time', async () => {
    const content = gzipSync(await tar({ APKINDEX: 'P:a\nV:1\nS:1\n\n\n'.repeat(2_500) }));
    const sizes: number[] = [];
    for await (const batch of apkPackages(content, 'x')) sizes.push(batch.length);
    expect([Math.max(...sizes), sizes.reduce((sum, size) => sum + size, 0)]).toEqual([1_000, 2_500]);
  });
  test('in a tar archive, unless what stands in front would be copied for each file', async () => {
    const global = await tar({ pax: '6 a=b\n' });
    global[156] = 'g'.charCodeAt(0);
    const sum = parseInt(global.toString('latin1', 148, 154), 8) + 'g'.charCodeAt(0) - '0'.charCodeAt(0);
    global.write(sum.toString(8).padStart(6, '0'), 148);
    const bytes = Buffer.concat([global.subarray(0, 1024), good.database]);
    const inPieces = Readable.from([bytes.subarray(0, 200), bytes.subarray(200, 700), bytes.subarray(700)]);
    await expect(all(pacmanPackages(inPieces, 'x'))).rejects.toThrow('holds a global header of tar');
    const whole = Readable.from([good.database.subarray(0, 700), good.database.subarray(700)]);
    expect(await all(pacmanPackages(whole, 'x'))).toHaveLength(1);
  });
  test('in sums', () =>
    holds(Buffer.from(`${ZEROS}  ./a\nSHA256 (b/c) = ${ZEROS}\n`), (bytes) =>
      Promise.resolve(sumsIn(withoutSignature(bytes.toString('latin1')), 'x', 'SHA256SUMS')),
    ));
});
