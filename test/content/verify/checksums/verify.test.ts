import { appendFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sumsKind, withoutSignature } from '../../../../content/verify/checksums/sums-file.js';
import { createSigningKey, exportPublicKey, type SigningKey } from '../../../../cli/quickstart/signing-key.js';
import { verification } from '../../../contract/verify/suite.js';
import { signFile } from '../../../fixtures/openpgp-signature.js';
import { hexOf } from '../../../fixtures/signed-suite.js';
import { tempFolder } from '../../../fixtures/temp-folder.js';

const IMAGE = 'the bytes of an image';
const SHA256 = hexOf('sha256', IMAGE);
const SHA512 = hexOf('sha512', IMAGE);

let keys: string;
let key: SigningKey;
let keyring: string;

beforeAll(async () => {
  keys = mkdtempSync(join(tmpdir(), 'mp-keys-'));
  key = { home: join(keys, 'gnupg'), userId: 'Good <good@localhost>' };
  keyring = join(keys, 'good.gpg');
  await createSigningKey(key);
  await exportPublicKey(key, keyring, join(keys, 'good.asc'));
});

afterAll(() => rmSync(keys, { recursive: true, force: true }));

/** A folder with one image, and files of sums by name. */
async function scene(files: Readonly<Record<string, string>>, image = 'a.iso') {
  const root = join(await tempFolder(), 'tree');
  const base = join(root, 'iso');
  mkdirSync(join(base, 'deep'), { recursive: true });
  writeFileSync(join(base, image), IMAGE);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(base, name), text);
  const { check } = await verification('checksums', { root, keyrings: [keyring] });
  /** What is found, as one sentence each. */
  const found = async (...args: Parameters<typeof check>): Promise<string[]> =>
    (await check(...args)).map(({ path, problem }) => `${path} ${problem}`);
  return { root, base, check, found };
}

test.each([
  ['SHA256SUMS', 'list'],
  ['SHA512SUMS', 'list'],
  ['sha256sum.txt', 'list'],
  ['sha256sums', 'list'],
  ['CHECKSUM', 'list'],
  ['Fedora-Server-41-1.4-x86_64-CHECKSUM', 'list'],
  ['CentOS-Stream.iso.CHECKSUM', 'list'],
  ['CHECKSUM.SHA256-FreeBSD-14.1-RELEASE-amd64', 'list'],
  ['a.iso.sha256', 'beside'],
  ['a.iso.sha512', 'beside'],
  ['a.iso.sha256sum', 'beside'],
  ['SHA256SUMS.asc', null],
  ['SHA256SUMS.gpg', null],
  ['MD5SUMS', null],
  ['SHA1SUMS', null],
  ['a.iso.sha256.asc', null],
  ['sha256', null],
])('%s is the name of a file of sums: %s', (name, kind) => {
  expect(sumsKind(name)).toBe(kind);
});

describe('sums are read', () => {
  test.each([
    ['SHA256SUMS', `${SHA256}  a.iso\n`],
    ['SHA256SUMS', `${SHA256} *./a.iso\n`],
    ['SHA256SUMS', `${SHA256}  a.iso\r\n`],
    ['SHA256SUMS', `${SHA256.toUpperCase()}  a.iso`],
    ['SHA512SUMS', `${SHA512}  a.iso\n`],
    ['x-CHECKSUM', `# a.iso: ${IMAGE.length} bytes\nSHA256 (a.iso) = ${SHA256}\n`],
    ['CHECKSUM.SHA512-x', `SHA512 (a.iso) = ${SHA512}\n`],
    ['a.iso.sha256', `SHA2-256(a.iso)= ${SHA256}\n`],
    ['a.iso.sha256', `${SHA256}\n`],
    ['a.iso.sha512', `${SHA512}  a.iso\n`],
  ])('of %s: %j', async (name, text) => {
    const { base, found } = await scene({ [name]: text });
    expect(await found(null)).toEqual([]);
    writeFileSync(join(base, 'a.iso'), IMAGE.toUpperCase());
    const by = name.startsWith('a.iso') ? '*.sha256' : name;
    expect(await found(null)).toEqual([`iso/a.iso does not have the hash that "iso/${by}" tells`]);
  });

  test('with names that have escapes', async () => {
    const { found } = await scene({ SHA256SUMS: `\\${'0'.repeat(64)}  a\\\\b\\nc.iso\n` }, 'a\\b\nc.iso');
    expect(await found(null)).toEqual([expect.stringMatching(/ does not have the hash that "iso\/SHA256SUMS" tells$/)]);
  });

  test('of links, whose files are looked at when these have changed, and only then', async () => {
    const { root, base, found } = await scene({ SHA256SUMS: `${SHA256}  latest.iso\n` });
    mkdirSync(join(root, 'pool'));
    writeFileSync(join(root, 'pool/real.iso'), IMAGE);
    symlinkSync('../pool/real.iso', join(base, 'latest.iso'));
    expect(await found(null)).toEqual([]);
    writeFileSync(join(root, 'pool/real.iso'), 'x');
    expect(await found([])).toEqual([]);
    expect(await found(['pool/real.iso'])).toEqual([
      'pool/real.iso was replaced, and is not what "iso/SHA256SUMS" tells',
    ]);
  });

  test('of folders below', async () => {
    const { base, found } = await scene({ SHA256SUMS: `${SHA256}  ./deep/b.iso\n` });
    writeFileSync(join(base, 'deep/b.iso'), IMAGE);
    expect(await found(null)).toEqual([]);
    writeFileSync(join(base, 'deep/b.iso'), 'x');
    expect(await found(['iso/deep/b.iso'])).toHaveLength(1);
  });

  test('and not of what they are not, or of what leads out of the tree', async () => {
    const zeros = '0'.repeat(64);
    const lines = ['../../secret', '/etc/passwd', '..', '.'].map((name) => `${zeros}  ${name}\n`);
    const { root, found } = await scene({ SHA256SUMS: lines.join(''), 'b.sha256': 'no sum\0at all' });
    writeFileSync(join(root, '..', 'secret'), IMAGE);
    expect(await found(null)).toEqual([]);
  });

  test('unless there are none, or too many', async () => {
    const { base, found } = await scene({ SHA256SUMS: '' });
    expect(await found(null)).toEqual(['iso/SHA256SUMS tells no SHA-256 or SHA-512 of any file']);
    writeFileSync(join(base, 'SHA256SUMS'), Buffer.alloc(17 * 1024 * 1024, 'x'));
    expect(await found(null)).toEqual(['iso/SHA256SUMS has more than 16777216 bytes']);
  });
});

describe('what is named', () => {
  test('may be missing, unless it was published and is still taken', async () => {
    const { root, base, found } = await scene({ SHA256SUMS: `${SHA256}  a.iso\n${SHA256}  b.iso\n` });
    expect(await found(null)).toEqual([]);
    const published = `${root}.published`;
    cpSync(root, published, { recursive: true });
    rmSync(join(base, 'a.iso'));
    expect(await found(['iso/a.iso'], { published })).toEqual([
      'iso/a.iso is gone, and "iso/SHA256SUMS" still names it',
    ]);
    expect(await found(['iso/a.iso'], { published, selection: 'another' })).toEqual([]);
  });

  test('is looked at when it comes later than the file that names it', async () => {
    const { base, found } = await scene({ SHA256SUMS: `${SHA256}  a.iso\n${SHA256}  b.iso\n` });
    expect(await found(null)).toEqual([]);
    writeFileSync(join(base, 'b.iso'), 'x');
    expect(await found(['iso/b.iso'])).toEqual(['iso/b.iso does not have the hash that "iso/SHA256SUMS" tells']);
  });

  test('may be nothing at all: a tree without sums is no fault', async () => {
    const { found } = await scene({});
    expect(await found(null)).toEqual([]);
  });
});

describe('signatures', () => {
  test.each(['.asc', '.gpg', '.sign'])('beside sums as %s, of what was changed, and that go', async (suffix) => {
    const { root, base, found } = await scene({ SHA256SUMS: `${SHA256}  a.iso\n` });
    const sums = join(base, 'SHA256SUMS');
    signFile(key, sums, sums + suffix);
    expect(await found(null)).toEqual([]);
    const published = `${root}.published`;
    cpSync(root, published, { recursive: true });
    appendFileSync(sums, '\n');
    expect(await found(null)).toEqual([
      expect.stringMatching(`^iso/SHA256SUMS${suffix} has a bad signature of the key [0-9A-F]{16}: it is not what`),
    ]);
    expect(await found(null, { keyrings: [] })).toEqual([]);
    rmSync(sums + suffix);
    expect(await found([`iso/SHA256SUMS${suffix}`], { published })).toEqual([
      `iso/SHA256SUMS${suffix} is gone, and "iso/SHA256SUMS" is not signed without it`,
    ]);
  });

  test('beside sums as a signed copy, which must say the same', async () => {
    const { base, found } = await scene({ SHA256SUMS: `${SHA256}  a.iso\n` });
    const sums = join(base, 'SHA256SUMS');
    signFile(key, sums, `${sums}.asc`, true);
    expect(await found(null)).toEqual([]);
    appendFileSync(sums, `${SHA256}  b.iso\n`);
    expect(await found(null)).toEqual(['iso/SHA256SUMS.asc is signed, and is not what is in "iso/SHA256SUMS"']);
  });

  test('in sums: only what is signed is read', async () => {
    const { base, found } = await scene({ 'x-CHECKSUM': `SHA256 (a.iso) = ${SHA256}\n` });
    const sums = join(base, 'x-CHECKSUM');
    signFile(key, sums, `${sums}.signed`, true);
    renameSync(`${sums}.signed`, sums);
    expect(await found(null)).toEqual([]);
    const signed = readFileSync(sums, 'utf8');
    writeFileSync(sums, `SHA256 (a.iso) = ${'0'.repeat(64)}\n${signed}`);
    expect(await found(null)).toEqual([]);
    writeFileSync(sums, signed.replace('a.iso', 'b.iso'));
    expect(await found(null)).toEqual([
      expect.stringMatching(/^iso\/x-CHECKSUM has a bad signature of the key [0-9A-F]{16}: it is not what was signed$/),
    ]);
    writeFileSync(sums, signed);
    writeFileSync(join(base, 'a.iso'), 'x');
    expect(await found(null, { keyrings: [] })).toEqual([
      'iso/a.iso does not have the hash that "iso/x-CHECKSUM" tells',
    ]);
  });

  test('in sums that were published with one must not be left out, unless there is one beside them now', async () => {
    const { root, base, found } = await scene({ 'x-CHECKSUM': `SHA256 (a.iso) = ${SHA256}\n` });
    const sums = join(base, 'x-CHECKSUM');
    const plain = readFileSync(sums);
    signFile(key, sums, `${sums}.signed`, true);
    renameSync(`${sums}.signed`, sums);
    expect(await found(null)).toEqual([]);
    const published = `${root}.published`;
    cpSync(root, published, { recursive: true });
    writeFileSync(sums, plain);
    expect(await found(['iso/x-CHECKSUM'], { published })).toEqual([
      'iso/x-CHECKSUM is no longer signed, and what was published is',
    ]);
    signFile(key, sums, `${sums}.asc`);
    expect(await found(['iso/x-CHECKSUM'], { published })).toEqual([]);
  });

  test('are looked for by no name that is too long to be one', async () => {
    const name = 'x'.repeat(244);
    const { found } = await scene({ [`${name}.sha256`]: `${SHA256}\n` }, name);
    expect(await found(null)).toEqual([]);
  });

  test('are taken off a file of unknown origin in no more time than it takes to read it', () => {
    const begin = '-----BEGIN PGP SIGNED MESSAGE-----\n';
    expect(withoutSignature(`${begin}Hash: SHA256\n\na\n- -b\n-----BEGIN PGP SIGNATURE-----\n\nx`)).toBe('a\n-b');
    // an expression would take hours for these
    expect(withoutSignature(begin.repeat(400_000))).toBe('');
  });
});
