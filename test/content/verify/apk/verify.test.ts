import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { verification } from '../../../contract/verify/suite.js';
import {
  buildApk,
  createApkKey,
  indexText,
  tar,
  writeApkIndex,
  type ApkKey,
} from '../../../fixtures/apk-repository.js';
import { tempFolder } from '../../../fixtures/temp-folder.js';

const FOLDER = 'v3.20/main/x86_64';
const INDEX = `${FOLDER}/APKINDEX.tar.gz`;
const ONE = `${FOLDER}/one-1.0-r0.apk`;

let keys: string;
let key: ApkKey;
let other: ApkKey;

beforeAll(() => {
  keys = mkdtempSync(join(tmpdir(), 'mp-apk-'));
  key = createApkKey(keys, 'good@localhost-1.rsa');
  other = createApkKey(keys, 'other@localhost-1.rsa');
});

afterAll(() => rmSync(keys, { recursive: true, force: true }));

async function scene(signer: ApkKey | null = key) {
  const root = join(await tempFolder(), 'tree');
  const base = join(root, FOLDER);
  const packages = [
    await buildApk(base, 'one', '1.0-r0', 'the bytes of one'),
    await buildApk(base, 'two', '1.0-r0', 'the bytes of two'),
  ];
  const text = indexText(packages);
  const write = (changed = text, by = signer, hash = 'sha1'): Promise<void> => writeApkIndex(base, changed, by, hash);
  await write();
  const { check } = await verification('apk', { root, keyrings: [key.public] });
  return {
    ...{ root, base, text, write },
    /** What is found, as one sentence each. */
    found: async (...args: Parameters<typeof check>): Promise<string[]> =>
      (await check(...args)).map(({ path, problem }) => `${path} ${problem}`),
    /** Puts these bytes in the place of the index. */
    put: (bytes: Buffer): void => writeFileSync(join(root, INDEX), bytes),
  };
}

describe('the signature of an index', () => {
  test('is SHA-1 or SHA-256 of all that follows it', async () => {
    const { root, write, found, put } = await scene();
    expect(await found(null)).toEqual([]);
    await write(undefined, key, 'sha256');
    expect(await found(null)).toEqual([]);
    const bytes = readFileSync(join(root, INDEX));
    put(Buffer.concat([bytes, gzipSync(await tar({ APKINDEX: 'P:evil\nV:1\nS:1\n' }))]));
    expect(await found(null)).toEqual([
      `${INDEX} has a bad signature of the key "good@localhost-1.rsa.pub": it is not what was signed`,
    ]);
  });

  test('is of a key that the operator has, and looked at only where there are keys', async () => {
    const { write, found } = await scene(other);
    expect(await found(null)).toEqual([
      `${INDEX} is signed with the key "other@localhost-1.rsa.pub", which is in none of the keyrings`,
    ]);
    expect(await found(null, { keyrings: [key.public, other.public] })).toEqual([]);
    expect(await found(null, { keyrings: [] })).toEqual([]);
    await write(undefined, null);
    expect(await found(null)).toEqual([`${INDEX} is not signed`]);
    expect(await found(null, { keyrings: [] })).toEqual([]);
  });

  test('cannot be looked at with a file that holds no key', async () => {
    const { found } = await scene();
    const broken = join(await tempFolder(), 'good@localhost-1.rsa.pub');
    writeFileSync(broken, 'no key');
    expect(await found(null, { keyrings: [broken] })).toEqual([
      `${INDEX} cannot be verified: the keyring "good@localhost-1.rsa.pub" holds no public key`,
    ]);
  });
});

describe('an index', () => {
  test('that is cut off, or is no archive', async () => {
    const { root, found, put } = await scene();
    const bytes = readFileSync(join(root, INDEX));
    put(bytes.subarray(0, 100));
    expect(await found(null)).toEqual([`${INDEX} ends after its signature`]);
    put(bytes.subarray(0, -20));
    expect(await found(null)).toEqual([expect.stringMatching(/has a bad signature of the key/)]);
    expect(await found(null, { keyrings: [] })).toEqual([
      expect.stringMatching(`^${INDEX} cannot be decompressed \\(`),
    ]);
    put(Buffer.from('<html>not found</html>'.repeat(100)));
    expect(await found(null)).toEqual([`${INDEX} is not compressed with gzip, or damaged`]);
    put(gzipSync('no archive'.repeat(100)));
    expect(await found(null, { keyrings: [] })).toEqual([
      expect.stringMatching(`^${INDEX} is no whole tar archive \\(".*"\\)$`),
    ]);
    put(gzipSync(await tar({ other: 'x' })));
    expect(await found(null, { keyrings: [] })).toEqual([`${INDEX} holds no "APKINDEX"`]);
  });

  test('that unpacks without end, in its first member and behind it', async () => {
    const { found, put } = await scene();
    const bomb = gzipSync(Buffer.concat([await tar({ '.SIGN.RSA.x': 'x' }), Buffer.alloc(100_000_000)]));
    put(bomb);
    expect(await found(null)).toEqual([`${INDEX} unpacks to more than 67108864 bytes`]);
    put(gzipSync(Buffer.alloc(100_000_000, 'x')));
    expect(await found(null, { keyrings: [] })).toEqual([
      expect.stringMatching(`^${INDEX} cannot be decompressed \\(`),
    ]);
    put(Buffer.concat(Array<Buffer>(100_000).fill(gzipSync(''))));
    expect(await found(null, { keyrings: [] })).toHaveLength(1);
  });

  test.each([
    ['P:a\nS:1\n', /APKINDEX\.tar\.gz tells no version, or no size, of the package "a"$/],
    ['V:1\nS:1\n', /holds a paragraph that is not of one package$/],
    ['P:a\nP:b\nV:1\nS:1\n', /holds a paragraph that is not of one package$/],
    ['P:../../../../etc/passwd\nV:1\nS:1\n', /names "\.\.\/.*\.apk" as a package, which is no name of a file$/],
    ['C:Q1AAAA\nP:a\nV:1\nS:1\n', /tells no hash that is one of the package "a"$/],
  ])('that holds %j', async (text, sentence) => {
    const { write, found } = await scene();
    await write(text);
    expect(await found(null)).toEqual([expect.stringMatching(sentence)]);
  });

  test('must be there', async () => {
    const { root, found } = await scene();
    rmSync(join(root, INDEX));
    expect(await found(null)).toEqual([' the tree holds no "APKINDEX.tar.gz"']);
  });
});

describe('packages', () => {
  test('that are missing or cut off', async () => {
    const { root, found } = await scene();
    const content = readFileSync(join(root, ONE));
    rmSync(join(root, ONE));
    expect(await found(null)).toEqual([`${ONE} is missing, and "${INDEX}" names it`]);
    writeFileSync(join(root, ONE), content.subarray(1));
    const { length } = content;
    expect(await found(null)).toEqual([
      `${ONE} has ${length - 1} bytes instead of the ${length} that "${INDEX}" tells`,
    ]);
  });

  test('whose description or data are others of the same size', async () => {
    const { root, found } = await scene();
    const content = readFileSync(join(root, ONE));
    const isTold = [`${ONE} does not have the hash that "${INDEX}" tells`];
    for (const at of [9, content.length - 5]) {
      const changed = Buffer.from(content);
      changed[at] = (changed[at] ?? 0) ^ 1;
      writeFileSync(join(root, ONE), changed);
      expect(await found(null)).toEqual(isTold);
    }
    writeFileSync(join(root, ONE), Buffer.alloc(content.length));
    expect(await found(null)).toEqual(isTold);
  });

  test('that are signed themselves have the hash of what is signed', async () => {
    const { root, base, text, write, found } = await scene();
    const signature = gzipSync((await tar({ '.SIGN.RSA.x.rsa.pub': Buffer.alloc(256, 1) })).subarray(0, -1024));
    const bytes = Buffer.concat([signature, readFileSync(join(root, ONE))]);
    writeFileSync(join(base, 'one-1.0-r0.apk'), bytes);
    await write(text.replace(/S:\d+/, `S:${bytes.length}`));
    expect(await found(null, { hashes: 'full' })).toEqual([]);
  });
});
