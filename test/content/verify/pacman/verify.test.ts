import { execFileSync } from 'node:child_process';
import { appendFileSync, copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createSigningKey, exportPublicKey, type SigningKey } from '../../../../cli/quickstart/signing-key.js';
import { verification } from '../../../contract/verify/suite.js';
import { tar } from '../../../fixtures/apk-repository.js';
import { signFile } from '../../../fixtures/openpgp-signature.js';
import { addToDatabase, buildPacmanPackage } from '../../../fixtures/pacman-repository.js';
import { tempFolder } from '../../../fixtures/temp-folder.js';

const ONE = 'core/os/x86_64/one-1-1-any.pkg.tar.zst';
const DB = 'core/os/x86_64/core.db';

let work: string;
let key: SigningKey;
let keyring: string;

beforeAll(async () => {
  work = mkdtempSync(join(tmpdir(), 'mp-pacman-'));
  for (const name of ['one', 'two']) buildPacmanPackage(work, name);
  key = { home: join(work, 'gnupg'), userId: 'Good <good@localhost>' };
  keyring = join(work, 'good.gpg');
  await createSigningKey(key);
  await exportPublicKey(key, keyring, join(work, 'good.asc'));
});

afterAll(() => rmSync(work, { recursive: true, force: true }));

/** A repository `core` of two packages. */
async function scene(form = '.tar.gz') {
  const root = join(await tempFolder(), 'tree');
  const base = join(root, 'core/os/x86_64');
  mkdirSync(base, { recursive: true });
  const packages = ['one', 'two'].map((name) => join(base, `${name}-1-1-any.pkg.tar.zst`));
  for (const file of packages) copyFileSync(join(work, file.slice(base.length + 1)), file);
  addToDatabase(base, 'core', packages, form);
  const { check } = await verification('pacman', { root, keyrings: [keyring] });
  return {
    ...{ root, base, packages },
    /** Puts another database into place. */
    publish: (bytes: Buffer): void => writeFileSync(join(base, `core.db${form}`), bytes),
    /** What is found, as one sentence each. */
    found: async (...args: Parameters<typeof check>): Promise<string[]> =>
      (await check(...args)).map(({ path, problem }) => `${path} ${problem}`),
    fetchedAgain: async (): Promise<unknown> => (await check(null)).map(({ fetchAgain }) => fetchAgain),
  };
}

test('packages that are missing, cut off, or have other bytes of the same size', async () => {
  const { root, found } = await scene();
  const content = readFileSync(join(root, ONE));
  rmSync(join(root, ONE));
  expect(await found(null)).toEqual([`${ONE} is missing, and "${DB}" names it`]);
  writeFileSync(join(root, ONE), content.subarray(1));
  const { length } = content;
  expect(await found(null)).toEqual([`${ONE} has ${length - 1} bytes instead of the ${length} that "${DB}" tells`]);
  writeFileSync(join(root, ONE), Buffer.alloc(length));
  expect(await found(null)).toEqual([`${ONE} does not have the hash that "${DB}" tells`]);
});

describe('packages that are links to a pool', () => {
  async function pool() {
    const { root, base, packages, found } = await scene();
    mkdirSync(join(root, 'pool'));
    for (const file of packages) {
      const name = file.slice(base.length + 1);
      copyFileSync(file, join(root, 'pool', name));
      rmSync(file);
      symlinkSync(`../../../pool/${name}`, file);
    }
    expect(await found(null)).toEqual([]);
    return { root, base, found, pooled: 'pool/one-1-1-any.pkg.tar.zst' };
  }

  test('are missing where the file in the pool is', async () => {
    const { root, found, pooled } = await pool();
    rmSync(join(root, pooled));
    expect(await found(null)).toEqual([`${ONE} is missing, and "${DB}" names it`]);
    expect(await found([pooled])).toEqual([`${pooled} is gone, and "${DB}" still names it`]);
  });

  test('are looked at when the file in the pool has changed, and only then', async () => {
    const { root, found, pooled } = await pool();
    writeFileSync(join(root, pooled), Buffer.alloc(readFileSync(join(root, pooled)).length));
    expect(await found([])).toEqual([]);
    expect(await found(['unnamed'])).toEqual([]);
    expect(await found([pooled])).toEqual([`${pooled} was replaced, and is not what "${DB}" tells`]);
  });

  test('are looked at when they lead elsewhere', async () => {
    const { root, base, found, pooled } = await pool();
    const content = readFileSync(join(root, pooled));
    const link = join(base, 'one-1-1-any.pkg.tar.zst');
    writeFileSync(join(root, 'pool/other'), Buffer.alloc(content.length));
    rmSync(link);
    symlinkSync('../../../pool/other', link);
    expect(await found([ONE])).toEqual([`pool/other does not have the hash that "${DB}" tells`]);
    writeFileSync(join(root, 'pool/other'), content);
    expect(await found([ONE])).toEqual([]);
    rmSync(join(root, 'pool/other'));
    expect(await found(['pool/other'])).toEqual([`pool/other is gone, and "${DB}" still names it`]);
    rmSync(link);
    expect(await found([ONE])).toEqual([`${ONE} is missing, and "${DB}" names it`]);
  });

  test('and then become links to other links, or files, are looked at each time', async () => {
    const { root, base, found, pooled } = await pool();
    const link = join(base, 'one-1-1-any.pkg.tar.zst');
    rmSync(link);
    symlinkSync('two-links', link);
    symlinkSync('../../../pool/one-1-1-any.pkg.tar.zst', join(base, 'two-links'));
    expect(await found([ONE])).toEqual([]);
    rmSync(join(root, pooled));
    expect(await found([])).toEqual([`${ONE} is missing, and "${DB}" names it`]);
  });
});

describe('a database', () => {
  test.each(['.tar', '.tar.gz', '.tar.xz', '.tar.zst', '.tar.bz2'])('is read as %s', async (form) => {
    const { root, found } = await scene(form);
    expect(await found(null)).toEqual([]);
    rmSync(join(root, ONE));
    expect(await found(null)).toEqual([`${ONE} is missing, and "${DB}" names it`]);
  });

  test('that was changed after it was signed, and whose signature goes', async () => {
    const { root, base, found } = await scene();
    signFile(key, join(base, 'core.db'), join(base, 'core.db.sig'));
    expect(await found(null)).toEqual([]);
    const published = `${root}.published`;
    cpSync(root, published, { recursive: true });
    rmSync(join(base, 'core.db.sig'));
    expect(await found([`${DB}.sig`], { published })).toEqual([
      `${DB}.sig is gone, and "${DB}" is not signed without it`,
    ]);
    signFile(key, join(base, 'core.files'), join(base, 'core.db.sig'));
    expect(await found(null)).toEqual([
      expect.stringMatching(/^core\/os\/x86_64\/core\.db\.sig has a bad signature of the key [0-9A-F]{16}: it is not/),
    ]);
    expect(await found(null, { keyrings: [] })).toEqual([]);
  });

  test('that is cut off, is no archive, or unpacks without end', async () => {
    const { base, publish, found, fetchedAgain } = await scene();
    const content = readFileSync(join(base, 'core.db'));
    publish(content.subarray(0, -20));
    expect(await found(null)).toEqual([expect.stringMatching(`^${DB} cannot be decompressed \\(`)]);
    expect(await fetchedAgain()).toEqual([[DB]]);
    publish(Buffer.from('<html>not found</html>'.repeat(100)));
    expect(await found(null)).toEqual([expect.stringMatching(`^${DB} is no whole tar archive \\(".*"\\)$`)]);
    publish(gzipSync(Buffer.alloc(600 * 1024 * 1024)));
    expect(await found(null)).toEqual([`${DB} holds more than 536870912 bytes when it is decompressed`]);
  });

  test('that holds a description without end', async () => {
    const { publish, found } = await scene();
    publish(gzipSync(await tar({ 'a-1-1/desc': Buffer.alloc(5_000_000, 'x') })));
    expect(await found(null)).toEqual([`${DB} holds "a-1-1/desc" with more than 4194304 bytes`]);
  });

  test.each([
    ['%NAME%\na\n', /core\.db tells no file, or no size, of the package "a-1-1"$/],
    ['%FILENAME%\na.pkg\n\n%CSIZE%\nmany\n', /tells no file, or no size, of the package "a-1-1"$/],
    [
      '%FILENAME%\n../../../../etc/passwd\n\n%CSIZE%\n1\n',
      /names "\.\.\/.*" as the file of the package "a-1-1", which/,
    ],
    ['%FILENAME%\n..\n\n%CSIZE%\n1\n', /names "\.\." as the file of the package "a-1-1", which is no name of a file$/],
    ['%FILENAME%\na\n\n%CSIZE%\n1\n\n%SHA256SUM%\n0\n', /tells no hash that is one of the package "a-1-1"$/],
  ])('that holds %j', async (description, sentence) => {
    const { publish, found } = await scene();
    publish(gzipSync(await tar({ 'a-1-1/desc': description })));
    expect(await found(null)).toEqual([expect.stringMatching(sentence)]);
  });

  test('must be there', async () => {
    const { base, found } = await scene();
    rmSync(join(base, 'core.db'));
    expect(await found(null)).toEqual([' the tree holds no database of pacman ("*.db")']);
  });
});

describe('signatures of packages', () => {
  test('must be there when the database tells them', async () => {
    const { base, found } = await scene();
    appendFileSync(join(base, 'three.pkg'), '');
    const description = '%FILENAME%\nthree.pkg\n\n%CSIZE%\n0\n\n%PGPSIG%\niQ==\n';
    writeFileSync(join(base, 'other.db'), gzipSync(await tar({ 'three-1-1/desc': description })));
    expect(await found(null)).toEqual([
      'core/os/x86_64/three.pkg.sig is missing, and "core/os/x86_64/other.db" names it',
    ]);
  });

  test('must stay when they were there, as long as the package is named', async () => {
    const { root, base, packages, found } = await scene();
    for (const file of packages) signFile(key, file, `${file}.sig`);
    expect(await found(null)).toEqual([]);
    const published = `${root}.published`;
    cpSync(root, published, { recursive: true });
    rmSync(join(root, `${ONE}.sig`));
    expect(await found([`${ONE}.sig`], { published })).toEqual([`${ONE}.sig is gone, and "${DB}" still names it`]);
    addToDatabase(base, 'core', [buildPacmanPackage(base, 'three')]);
    const changed = ['core.db.tar.gz', 'three-1-1-any.pkg.tar.zst', 'one-1-1-any.pkg.tar.zst.sig'];
    expect(
      await found(
        changed.map((name) => `core/os/x86_64/${name}`),
        { published },
      ),
    ).toEqual([`${ONE}.sig is gone, and "${DB}" still names it`]);
    execFileSync('repo-remove', ['--quiet', join(base, 'core.db.tar.gz'), 'one'], { stdio: 'pipe' });
    expect(
      await found(
        changed.map((name) => `core/os/x86_64/${name}`),
        { published },
      ),
    ).toEqual([]);
  });
});
