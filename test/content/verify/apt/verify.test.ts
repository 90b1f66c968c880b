import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createSigningKey, exportPublicKey, type SigningKey } from '../../../../cli/quickstart/signing-key.js';
import { verification } from '../../../contract/verify/suite.js';
import {
  hexOf,
  indexForms,
  packagesText,
  writePackages,
  writeSuite,
  type FakePackage,
  type SuiteOptions,
} from '../../../fixtures/signed-suite.js';
import { tempFolder } from '../../../fixtures/temp-folder.js';

const SUITE = 'dists/stable';
const INDEX = 'main/binary-amd64/Packages';
const PACKAGES: readonly FakePackage[] = ['one', 'two', 'three'].map((name) => ({
  name,
  path: `pool/main/${name}_1_amd64.deb`,
  content: `the bytes of ${name}`,
}));

let keys: string;
let key: SigningKey;
let keyring: string;

beforeAll(async () => {
  keys = mkdtempSync(join(tmpdir(), 'mp-keys-'));
  key = { home: join(keys, 'good'), userId: 'Good <good@localhost>' };
  keyring = join(keys, 'good.gpg');
  await createSigningKey(key);
  await exportPublicKey(key, keyring, join(keys, 'good.asc'));
});

afterAll(() => rmSync(keys, { recursive: true, force: true }));

async function scene(options: Partial<SuiteOptions> = {}, suite = SUITE) {
  const root = join(await tempFolder(), 'archive');
  mkdirSync(root);
  writePackages(root, PACKAGES);
  const write = (more: Partial<SuiteOptions> = {}, signer = key): Promise<void> =>
    writeSuite(join(root, suite), signer, { indexes: indexForms(INDEX, packagesText(PACKAGES)), ...options, ...more });
  await write();
  const { check } = await verification('apt', { root, keyrings: [keyring] });
  const at = (path: string): string => join(root, suite, path);
  /** What is found, as one sentence each. */
  const found = async (...args: Parameters<typeof check>): Promise<string[]> =>
    (await check(...args)).map(({ path, problem }) => `${path} ${problem}`);
  return { root, write, check, at, found };
}

function gpg(home: string, ...args: string[]): void {
  const batch = ['--batch', '--quiet', '--pinentry-mode', 'loopback', '--passphrase', '', '--yes'];
  try {
    execFileSync('gpg', [...batch, ...args], { env: { ...process.env, GNUPGHOME: home }, stdio: 'pipe' });
  } finally {
    execFileSync('gpgconf', ['--kill', 'all'], { env: { ...process.env, GNUPGHOME: home } });
  }
}

describe('signatures', () => {
  test('of what was changed after it was signed', async () => {
    const { at, found } = await scene();
    const signed = readFileSync(at('InRelease'), 'utf8');
    writeFileSync(at('InRelease'), signed.replace('Suite: stable', 'Suite: evil'));
    expect(await found(null)).toEqual([
      expect.stringMatching(
        /^dists\/stable\/InRelease has a bad signature of the key [0-9A-F]{16}: it is not what was/,
      ),
    ]);
  });

  test('of a detached file that belongs to another Release', async () => {
    const { at, found } = await scene();
    rmSync(at('InRelease'));
    expect(await found(null)).toEqual([]);
    appendFileSync(at('Release'), ' \n');
    expect(await found(null)).toEqual([
      expect.stringMatching(/^dists\/stable\/Release\.gpg has a bad signature of the key /),
    ]);
  });

  test('of a key that is in no keyring', async () => {
    const other = { home: join(keys, 'other'), userId: 'Other <other@localhost>' };
    await createSigningKey(other);
    const { write, found } = await scene();
    await write({}, other);
    expect((await found(null))[0]).toMatch(/^dists\/stable\/InRelease is signed with the key \S+, which is in none of/);
  });

  test('of a key that has expired, and that have expired themselves; not against a suite that is published', async () => {
    const expired = { home: join(keys, 'expired'), userId: 'Expired <expired@localhost>' };
    mkdirSync(expired.home, { mode: 0o700 });
    const then = ['--faked-system-time', '20200101T000000!'];
    gpg(expired.home, ...then, '--quick-generate-key', expired.userId, 'ed25519', 'sign', '1w');
    const public_ = join(keys, 'expired.gpg');
    gpg(expired.home, '--output', public_, '--export', expired.userId);
    const { root, at, found } = await scene({ unsigned: true });
    gpg(expired.home, ...then, '--clearsign', '--output', at('InRelease'), at('Release'));
    const isTold = [expect.stringMatching(/^dists\/stable\/InRelease is signed with the key \S+, which has expired$/)];
    expect(await found(null, { keyrings: [public_] })).toEqual(isTold);
    const published = `${root}.published`;
    cpSync(root, published, { recursive: true });
    expect(await found(null, { keyrings: [public_], published })).toEqual([]);

    gpg(expired.home, ...then, '--quick-generate-key', 'Old <old@localhost>', 'ed25519', 'sign', 'never');
    gpg(expired.home, '--output', `${public_}.old`, '--export', 'old@localhost');
    const shortly = ['--local-user', 'old@localhost', '--default-sig-expire', '1d'];
    gpg(expired.home, ...then, ...shortly, '--clearsign', '--output', at('InRelease'), at('Release'));
    expect((await found(null, { keyrings: [`${public_}.old`] }))[0]).toMatch(
      /^dists\/stable\/InRelease has a signature of the key \S+ that has expired$/,
    );
  });

  test('are all of the file: what stands before or behind is not signed, and apt refuses it', async () => {
    const { at, found } = await scene();
    const signed = readFileSync(at('InRelease'), 'utf8');
    const isTold = ['dists/stable/InRelease is not one clearsigned text and nothing else, which apt refuses'];
    for (const text of [`Suite: evil\n${signed}`, `${signed}Suite: evil\n`, `${signed}${signed}`]) {
      writeFileSync(at('InRelease'), text);
      expect(await found(null)).toEqual(isTold);
    }
    gpg(key.home, '--sign', '--output', at('InRelease'), at('Release'));
    expect(await found(null)).toEqual(['dists/stable/InRelease holds no signed text']);
    writeFileSync(at('InRelease'), `${signed}\n`);
    expect(await found(null)).toEqual([]);
    rmSync(at('Release.gpg')); // an expression would take hours for these blanks
    writeFileSync(at('Release'), `Suite:${' '.repeat(8_000_000)}stable\n`);
    expect(await found(null)).toEqual(['dists/stable/InRelease and "Release" beside it differ']);
  });

  test('of a suite whose files are links, which are looked at each time', async () => {
    const { root, at, check, found } = await scene();
    for (const name of ['InRelease', `${INDEX}.gz`]) {
      const path = at(name);
      renameSync(path, `${path}.real`);
      symlinkSync(basename(`${path}.real`), path);
    }
    for (const name of ['Release', 'Release.gpg']) rmSync(at(name));
    expect(await check(null)).toEqual([]);
    writeFileSync(at(`${INDEX}.gz.real`), gzipSync('Package: evil\n'));
    expect(await found([`${SUITE}/${INDEX}.gz.real`])).toEqual([
      expect.stringMatching(/^dists\/stable\/main\/binary-amd64\/Packages\.gz has \d+ bytes instead of the \d+ that/),
    ]);
    await writeSuite(join(root, 'dists/other'), key, { indexes: {} });
    writeFileSync(at('InRelease.real'), 'Suite: evil\n');
    expect((await found(null))[0]).toBe('dists/stable/InRelease holds no signed text');
  });

  test('that are not there', async () => {
    const { at, found } = await scene({ unsigned: true });
    expect(await found(null)).toEqual([
      'dists/stable/Release is not signed: there is neither InRelease nor Release.gpg',
    ]);
    renameSync(at('Release'), at('InRelease'));
    expect(await found(null)).toEqual(['dists/stable/InRelease holds no signed text']);
  });

  test('are verified with armoured keyrings as well', async () => {
    const { found } = await scene();
    expect(await found(null, { keyrings: [join(keys, 'good.asc')] })).toEqual([]);
  });

  test('of InRelease and Release that differ', async () => {
    const { at, found, write } = await scene();
    const before = readFileSync(at('InRelease'));
    await write({ fields: ['Version: 2'] });
    writeFileSync(at('InRelease'), before);
    expect(await found(null)).toEqual(['dists/stable/InRelease and "Release" beside it differ']);
  });

  test('that are good, of a suite that is over its time; not against one that is published', async () => {
    const { root, found } = await scene({ fields: ['Valid-Until: Wed, 25 Nov 2026 10:00:00 UTC'] });
    const clock = (): number => Date.UTC(2026, 10, 25, 10, 0, 1);
    expect(await found(null, { clock })).toEqual([
      'dists/stable/InRelease was valid until 2026-11-25T10:00Z: upstream is too old',
    ]);
    expect(await found(null, { clock: () => clock() - 2000 })).toEqual([]);
    const published = `${root}.published`;
    cpSync(root, published, { recursive: true });
    expect(await found(null, { clock, published })).toEqual([]);
  });
});

describe('indexes', () => {
  test('that are newer than the Release file, or were cut off', async () => {
    const { at, check, write } = await scene();
    const more = [...PACKAGES, { name: 'new', path: 'pool/new', content: 'new' }];
    writeFileSync(at(INDEX), packagesText(more));
    const findings = await check(null);
    expect(findings).toEqual([
      {
        path: `${SUITE}/${INDEX}`,
        problem: expect.stringMatching(
          /^has \d+ bytes instead of the \d+ that "dists\/stable\/InRelease" tells$/,
        ) as string,
        fetchAgain: [INDEX, 'InRelease', 'Release', 'Release.gpg'].map((name) => `${SUITE}/${name}`),
      },
    ]);
    await write();
    writeFileSync(at(`${INDEX}.gz`), readFileSync(at(`${INDEX}.gz`)).subarray(0, -9));
    expect((await check(null))[0]).toMatchObject({ path: `${SUITE}/${INDEX}.gz` });
  });

  test('of the right size with other bytes', async () => {
    const { at, found } = await scene();
    writeFileSync(at(INDEX), readFileSync(at(INDEX), 'utf8').replace('a test', 'A test'));
    expect(await found(null)).toEqual([`${SUITE}/${INDEX} does not have the hash that "dists/stable/InRelease" tells`]);
  });

  test('that are named and not mirrored do not matter, unless they were published by the same selection', async () => {
    const arm = 'main/binary-arm64/Packages';
    const { root, at, found } = await scene({
      indexes: { ...indexForms(INDEX, packagesText(PACKAGES)), ...indexForms(arm, packagesText(PACKAGES)) },
    });
    expect(await found(null)).toEqual([]);
    const published = `${root}.published`;
    cpSync(root, published, { recursive: true });
    rmSync(at(`${arm}.gz`));
    const changed = [`${SUITE}/${arm}.gz`];
    expect(await found(changed, { published })).toEqual([]);
    rmSync(at(arm));
    const both = [...changed, `${SUITE}/${arm}`];
    expect(await found(both, { published })).toEqual([
      `${SUITE}/${arm} is missing in every form, and "dists/stable/InRelease" names it`,
    ]);
    expect(await found(both, { published, selection: 'without arm64' })).toEqual([]);
  });

  test('that are there under the names of their hashes only', async () => {
    const { at, found, root } = await scene({ byHash: true, fields: ['Acquire-By-Hash: yes'] });
    rmSync(at(INDEX));
    rmSync(at(`${INDEX}.gz`));
    expect(await found(null)).toEqual([]);
    rmSync(join(root, PACKAGES[1]?.path ?? ''));
    expect(await found(null)).toEqual([`${PACKAGES[1]?.path} is missing, and "${SUITE}/${INDEX}" names it`]);
  });

  test('whose name is another hash than theirs', async () => {
    const { at, found } = await scene();
    const path = `main/binary-amd64/by-hash/SHA256/${'a'.repeat(64)}`;
    mkdirSync(at('main/binary-amd64/by-hash/SHA256'), { recursive: true });
    writeFileSync(at(path), 'older');
    expect(await found(null)).toEqual([`${SUITE}/${path} does not have the hash that is its name`]);
  });

  test.each(['.xz', '.bz2', '.zst', '.lzma'])('that are only there as %s', async (suffix) => {
    const program = { '.xz': 'xz', '.bz2': 'bzip2', '.zst': 'zstd', '.lzma': 'lzma' }[suffix] ?? '';
    const text = packagesText([...PACKAGES, { name: 'gone', path: 'pool/gone', content: '' }]);
    const compressed = execFileSync(program, ['-c'], { input: text });
    const { found } = await scene({ indexes: { [INDEX + suffix]: compressed } });
    expect(await found(null)).toEqual([`pool/gone is missing, and "${SUITE}/${INDEX}" names it`]);
    const broken = await scene({ indexes: { [INDEX + suffix]: compressed.subarray(0, -9) } });
    expect((await broken.found(null))[0]).toMatch(/Packages cannot be decompressed \(/);
  });

  test('that grow beyond what the Release file tells, or are not what it tells, when they are decompressed', async () => {
    const text = packagesText(PACKAGES);
    const bomb = gzipSync(Buffer.concat([Buffer.from(text), Buffer.alloc(50_000_000, '\n')]));
    const { found } = await scene({ indexes: { [INDEX]: text, [`${INDEX}.gz`]: bomb } });
    expect(await found(null)).toEqual([]);
    const { at, ...other } = await scene({ indexes: { [INDEX]: text, [`${INDEX}.gz`]: bomb } });
    rmSync(at(INDEX));
    expect(await other.found(null)).toEqual([
      `${SUITE}/${INDEX} holds more than ${text.length} bytes when it is decompressed`,
    ]);
    const same = gzipSync(text.replace('a test', 'A test'));
    const third = await scene({ indexes: { [INDEX]: text, [`${INDEX}.gz`]: same } });
    rmSync(third.at(INDEX));
    expect(await third.found(null)).toEqual([
      `${SUITE}/${INDEX} is not, when it is decompressed, what the Release file tells`,
    ]);
  });

  test('with SHA512 only, and with no hash that is strong enough', async () => {
    const { found, at } = await scene({ hash: 'SHA512' });
    expect(await found(null)).toEqual([]);
    writeFileSync(at(INDEX), readFileSync(at(INDEX), 'utf8').replace('a test', 'A test'));
    expect(await found(null)).toHaveLength(1);
    const weak = await scene({ hash: 'MD5Sum' });
    expect(await weak.found(null)).toEqual([
      'dists/stable/InRelease names its indexes neither with SHA256 nor with SHA512',
    ]);
  });

  test.each([
    ['../../../etc/passwd', /names "\.\.\/\.\.\/\.\.\/etc\/passwd" as a file of the package "x", which leads out/],
    ['/etc/passwd', /names "\/etc\/passwd" as a file of the package "x", which leads out of the tree$/],
    ['pool/../../x', /which leads out of the tree$/],
    ['', /tells no file, or no size, of the package "x"$/],
  ])('that name %j', async (path, problem) => {
    const { found } = await scene({ indexes: { [INDEX]: packagesText([{ name: 'x', path, content: '' }]) } });
    expect(await found(null)).toEqual([expect.stringMatching(problem)]);
  });

  test('of a Release file that names what is not in the tree', async () => {
    const { found } = await scene({ indexes: { '../../../x': 'x' } });
    expect(await found(null)).toEqual(['dists/stable/InRelease names "../../../x", which leads out of the tree']);
  });

  test('that cannot be told apart into packages, or go on without end', async () => {
    const text = packagesText(PACKAGES);
    const joined = await scene({ indexes: { [INDEX]: text.replaceAll('\n\n', '\n') } });
    expect(await joined.found(null)).toEqual([`${SUITE}/${INDEX} holds a paragraph of 3 packages`]);
    const endless = await scene({ indexes: { [INDEX]: `Package: x\nDescription: ${'x'.repeat(5_000_000)}` } });
    expect((await endless.found(null))[0]).toMatch(/ holds a paragraph of over 4194304 bytes$/);
    const windows = await scene({ indexes: { [INDEX]: text.replaceAll('\n', '\r\n') } });
    expect(await windows.found(null)).toEqual([]);
  });

  test('of sources', async () => {
    const content = 'a tarball';
    const line = `${hexOf('sha256', content)} ${content.length} one_1.tar.xz`;
    const text = `Package: one\nDirectory: pool/src\nFiles:\n ${hexOf('md5', content)} 9 one_1.tar.xz\nChecksums-Sha256:\n ${line}\n`;
    const { root, found } = await scene({ indexes: { 'main/source/Sources': text } });
    expect(await found(null)).toEqual([
      'pool/src/one_1.tar.xz is missing, and "dists/stable/main/source/Sources" names it',
    ]);
    writePackages(root, [{ name: 'one', path: 'pool/src/one_1.tar.xz', content }]);
    expect(await found(null, { hashes: 'full' })).toEqual([]);
    writePackages(root, [{ name: 'one', path: 'pool/src/one_1.tar.xz', content: 'A tarball' }]);
    expect(await found(null, { hashes: 'full' })).toHaveLength(1);
  });
});

describe('where suites may be', () => {
  test.each(['raspbian/dists/stable', 'dists/stable/updates'])(
    '%s counts paths from the folder of dists',
    async (suite) => {
      const { root, found } = await scene({}, suite);
      if (suite.startsWith('raspbian')) {
        expect(await found(null)).toHaveLength(3);
        renameSync(join(root, 'pool'), join(root, 'raspbian/pool'));
      }
      expect(await found(null)).toEqual([]);
    },
  );

  test.each(['', 'stable', 'deep/folder'])(
    'a flat one in %j counts them from the first folder above that has them',
    async (suite) => {
      const { root, found } = await scene({ indexes: indexForms('Packages', packagesText(PACKAGES)) }, suite);
      expect(await found(null)).toEqual([]);
      const [first] = PACKAGES;
      rmSync(join(root, first?.path ?? ''));
      expect(await found([first?.path ?? ''])).toEqual([
        expect.stringMatching(/one_1_amd64\.deb is (?:missing|gone), and ".*Packages" (?:still )?names it$/),
      ]);
    },
  );

  test('a Release file of a component is none; a tree without a suite is no archive', async () => {
    const { root, at, found } = await scene();
    writeFileSync(at('main/binary-amd64/Release'), 'Archive: stable\nComponent: main\n');
    expect(await found(null)).toEqual([]);
    rmSync(join(root, 'dists'), { recursive: true });
    expect(await found(null)).toEqual([' the tree holds no suite of an apt archive']);
  });

  test('a suite that goes takes its indexes with it', async () => {
    const { root, at, found } = await scene();
    await writeSuite(join(root, 'dists/other'), key, { indexes: { [INDEX]: packagesText(PACKAGES) } });
    expect(await found(null)).toEqual([]);
    const gone = ['InRelease', 'Release', 'Release.gpg'].map((name) => `${SUITE}/${name}`);
    for (const path of gone) rmSync(join(root, path));
    expect(await found(null)).toHaveLength(2); // after a crash as well, when all is looked at
    expect(await found(gone)).toEqual([
      `${SUITE}/${INDEX} is there, but no Release file of its suite "dists/stable"`,
      `${SUITE}/${INDEX}.gz is there, but no Release file of its suite "dists/stable"`,
    ]);
    rmSync(at('main'), { recursive: true });
    expect(await found([...gone, `${SUITE}/${INDEX}`, `${SUITE}/${INDEX}.gz`])).toEqual([]);
    rmSync(join(root, PACKAGES[0]?.path ?? ''));
    expect(await found([PACKAGES[0]?.path ?? ''])).toHaveLength(1); // the other suite still names it
  });

  test('files behind links are found, and all is looked at each time', async () => {
    const { root, found } = await scene();
    renameSync(join(root, 'pool'), join(root, 'real'));
    execFileSync('ln', ['-s', 'real', join(root, 'pool')]);
    expect(await found(null)).toEqual([]);
    rmSync(join(root, 'real/main/one_1_amd64.deb'));
    expect(await found([])).toHaveLength(1);
  });
});
