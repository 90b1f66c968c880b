import { execFileSync } from 'node:child_process';
import { appendFileSync, copyFileSync, cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createSigningKey, exportPublicKey, type SigningKey } from '../../../../cli/quickstart/signing-key.js';
import { verification } from '../../../contract/verify/suite.js';
import { signFile } from '../../../fixtures/openpgp-signature.js';
import { buildRpm, writeRepodata } from '../../../fixtures/rpm-repository.js';
import { hexOf } from '../../../fixtures/signed-suite.js';
import { tempFolder } from '../../../fixtures/temp-folder.js';

const REPOMD = 'repodata/repomd.xml';

let work: string;
let key: SigningKey;
let keyring: string;

beforeAll(async () => {
  work = mkdtempSync(join(tmpdir(), 'mp-rpms-'));
  for (const name of ['one', 'two']) buildRpm(work, name);
  key = { home: join(work, 'gnupg'), userId: 'Good <good@localhost>' };
  keyring = join(work, 'good.gpg');
  await createSigningKey(key);
  await exportPublicKey(key, keyring, join(work, 'good.asc'));
});

afterAll(() => rmSync(work, { recursive: true, force: true }));

/** A repository of two packages in `folder` of a tree, signed. */
async function scene(folder = 'el9', ...options: string[]) {
  const root = join(await tempFolder(), 'tree');
  const base = join(root, folder);
  mkdirSync(base, { recursive: true });
  for (const name of ['one', 'two'])
    copyFileSync(join(work, `${name}-1-1.noarch.rpm`), join(base, `${name}-1-1.noarch.rpm`));
  writeRepodata(base, ...options);
  const sign = (): void => signFile(key, join(base, REPOMD), join(base, `${REPOMD}.asc`));
  sign();
  const { check } = await verification('rpm', { root, keyrings: [keyring] });
  const metadata = (type: string): string =>
    join('repodata', readdirSync(join(base, 'repodata')).find((name) => name.includes(`-${type}.xml`)) ?? '');
  return {
    ...{ root, base, sign, check, metadata },
    /** Puts another primary.xml into place, as if upstream had made it. */
    publishPrimary(bytes: Buffer, openSize = bytes.length): void {
      const path = metadata('primary');
      const repomd = readFileSync(join(base, REPOMD), 'utf8');
      const data = /<data type="primary">.*?<\/data>/s.exec(repomd)?.[0] ?? '';
      const changed = data
        .replace(/<checksum type="sha256">[0-9a-f]+/, `<checksum type="sha256">${hexOf('sha256', bytes)}`)
        .replace(/<size>\d+/, `<size>${bytes.length}`)
        .replace(/<open-size>\d+/, `<open-size>${openSize}`);
      writeFileSync(join(base, REPOMD), repomd.replace(data, changed));
      writeFileSync(join(base, path), bytes);
      sign();
    },
    primary: (): string => gunzipSync(readFileSync(join(base, metadata('primary')))).toString('utf8'),
    /** What is found, as one sentence each. */
    found: async (...args: Parameters<typeof check>): Promise<string[]> =>
      (await check(...args)).map(({ path, problem }) => `${path} ${problem}`),
  };
}

describe('signatures', () => {
  test('of what was changed after it was signed, and of a key that is in no keyring', async () => {
    const { base, found } = await scene();
    expect(await found(null)).toEqual([]);
    appendFileSync(join(base, REPOMD), '\n');
    expect(await found(null)).toEqual([
      expect.stringMatching(/^el9\/repodata\/repomd\.xml\.asc has a bad signature of the key [0-9A-F]{16}: it is not/),
    ]);
    const other = { home: join(work, 'other'), userId: 'Other <other@localhost>' };
    await createSigningKey(other);
    signFile(other, join(base, REPOMD), join(base, `${REPOMD}.asc`));
    expect(await found(null)).toEqual([
      expect.stringMatching(/repomd\.xml\.asc is signed with the key \S+, which is in none of the keyrings$/),
    ]);
    writeFileSync(join(base, `${REPOMD}.asc`), 'nothing');
    expect(await found(null)).toEqual(['el9/repodata/repomd.xml.asc holds no signature']);
    expect(await found(null, { keyrings: [] })).toEqual([]);
  });

  test('that are not there, and never were; not when they were published', async () => {
    const { root, base, found } = await scene();
    expect(await found(null)).toEqual([]);
    const published = `${root}.published`;
    cpSync(root, published, { recursive: true });
    rmSync(join(base, `${REPOMD}.asc`));
    const changed = [`el9/${REPOMD}.asc`];
    expect(await found(changed, { published })).toEqual([
      'el9/repodata/repomd.xml.asc is gone, and "el9/repodata/repomd.xml" is not signed without it',
    ]);
    expect(await found(changed, { published, selection: 'another' })).toEqual([]);
  });
});

describe('metadata', () => {
  test('that is missing, cut off or newer than repomd.xml', async () => {
    const { base, check, metadata } = await scene();
    const [path, content] = [metadata('filelists'), readFileSync(join(base, metadata('filelists')))];
    const fetchAgain = [path, REPOMD, `${REPOMD}.asc`].map((name) => `el9/${name}`);
    const by = '"el9/repodata/repomd.xml"';
    rmSync(join(base, path));
    expect(await check(null)).toEqual([{ path: `el9/${path}`, problem: `is missing, and ${by} names it`, fetchAgain }]);
    writeFileSync(join(base, path), content.subarray(1));
    const { length } = content;
    expect(await check(null)).toMatchObject([
      { problem: `has ${length - 1} bytes instead of the ${length} that ${by} tells` },
    ]);
    writeFileSync(join(base, path), Buffer.alloc(length));
    expect(await check(null)).toMatchObject([{ problem: `does not have the hash that ${by} tells` }]);
  });

  test('that changed is looked at, and that did not is not', async () => {
    const { root, base, found, metadata } = await scene();
    expect(await found(null)).toEqual([]);
    const published = `${root}.published`;
    cpSync(root, published, { recursive: true });
    const path = metadata('other');
    writeFileSync(join(base, path), 'x');
    expect(await found([`el9/${REPOMD}`], { published })).toEqual([]);
    expect(await found([`el9/${path}`], { published })).toHaveLength(1);
  });

  test.each(['.xz', '.zst'])('compressed as %s', async (suffix) => {
    const { root, base, found, metadata, primary, publishPrimary } = await scene();
    const program = { '.xz': 'xz', '.zst': 'zstd' }[suffix] ?? '';
    const text = primary();
    const gzipped = metadata('primary');
    const target = gzipped.replace('.gz', suffix);
    const repomd = readFileSync(join(base, REPOMD), 'utf8').replaceAll(gzipped, target);
    renameSync(join(base, gzipped), join(base, target));
    writeFileSync(join(base, REPOMD), repomd);
    publishPrimary(execFileSync(program, ['-c'], { input: text }), text.length);
    expect(await found(null)).toEqual([]);
    rmSync(join(root, 'el9/one-1-1.noarch.rpm'));
    expect(await found(null)).toEqual([
      `el9/one-1-1.noarch.rpm is missing, and "el9/repodata/primary.xml${suffix}" names it`,
    ]);
  });

  test.each([
    [
      '<metadata><package>',
      /^el9\/repodata\/primary\.xml\.gz is not well-formed XML \("\d+:\d+: unclosed tag: package/,
    ],
    ['<html></html>', /primary\.xml\.gz is no primary\.xml: its first element is another$/],
    ['<metadata><package><name>a</name></package></metadata>', /tells no file, or no size, of the package "a"$/],
    [packageXml('../../../etc/passwd'), /primary\.xml\.gz names "\.\.\/\.\.\/\.\.\/etc\/passwd", which leads out of/],
    [packageXml('/etc/passwd'), /names "\/etc\/passwd", which leads out of the tree$/],
    [packageXml('a', ' type="sha256">00'), /tells no sha256 that is one of "a"$/],
    [`<metadata>${'<a>'.repeat(100)}`, /holds elements that are nested more than 64 deep$/],
    [`<metadata>${'x'.repeat(5_000_000)}`, /holds an element of over 4194304 characters$/],
    [`<metadata a="${'x'.repeat(5_000_000)}`, /holds an element of over 4194304 characters$/],
    ['<!DOCTYPE m [<!ENTITY a "b">]><metadata>&a;</metadata>', /is not well-formed XML \("\d+:\d+: undefined entity/],
  ])('that holds %.60s', async (text, sentence) => {
    const { found, publishPrimary } = await scene();
    publishPrimary(gzipSync(text), text.length);
    expect(await found(null)).toEqual([expect.stringMatching(sentence)]);
  });

  test('that grows beyond what repomd.xml tells when it is decompressed, and that cannot be', async () => {
    const { found, primary, publishPrimary } = await scene();
    const text = primary();
    publishPrimary(gzipSync(`${text}${' '.repeat(50_000_000)}`), text.length);
    expect(await found(null)).toEqual([
      `el9/repodata/primary.xml.gz holds more than ${text.length} bytes when it is decompressed`,
    ]);
    publishPrimary(gzipSync(text).subarray(0, -9), text.length);
    expect(await found(null)).toEqual([
      expect.stringMatching(/^el9\/repodata\/primary\.xml\.gz cannot be decompressed \(/),
    ]);
  });

  test.each([
    ['', /^el9\/repodata\/repomd\.xml is not well-formed XML/],
    ['<repomd></repomd>', /^el9\/repodata\/repomd\.xml names no primary\.xml, in which the packages are$/],
    [dataXml('../../x'), /repomd\.xml names "\.\.\/\.\.\/x", which leads out of the tree$/],
    [dataXml(''), /repomd\.xml tells no place of its "primary"$/],
    [dataXml('x', 'crc32'), /repomd\.xml tells no checksum of "x"$/],
    [`<repomd>${'<data type="a"></data>'.repeat(2)}</repomd>`, /repomd\.xml tells no place of its "a"$/],
  ])('that is told by %.60j', async (text, sentence) => {
    const { base, found, sign } = await scene();
    writeFileSync(join(base, REPOMD), text);
    sign();
    expect(await found(null)).toEqual([expect.stringMatching(sentence)]);
  });
});

describe('packages', () => {
  test('that are missing, cut off, or have other bytes of the same size', async () => {
    const { root, found } = await scene();
    const path = 'el9/one-1-1.noarch.rpm';
    const content = readFileSync(join(root, path));
    rmSync(join(root, path));
    const by = '"el9/repodata/primary.xml.gz"';
    expect(await found(null)).toEqual([`${path} is missing, and ${by} names it`]);
    writeFileSync(join(root, path), content.subarray(1));
    expect(await found(null)).toEqual([
      `${path} has ${content.length - 1} bytes instead of the ${content.length} that ${by} tells`,
    ]);
    writeFileSync(join(root, path), Buffer.alloc(content.length));
    expect(await found(null)).toEqual([`${path} does not have the hash that ${by} tells`]);
  });

  test('of a changed index are looked at as far as they are new', async () => {
    const { root, base, found, sign } = await scene();
    expect(await found(null)).toEqual([]);
    writeFileSync(join(base, 'one-1-1.noarch.rpm'), 'not in the list of changes');
    const before = readdirSync(join(base, 'repodata'));
    copyFileSync(join(work, 'one-1-1.noarch.rpm'), join(base, 'one-1-1.noarch.rpm'));
    buildRpm(base, 'three');
    const after = writeRepodata(base);
    sign();
    const changed = [...before, ...after].map((name) => `el9/repodata/${name}`);
    writeFileSync(join(base, 'one-1-1.noarch.rpm'), 'not in the list of changes');
    rmSync(join(base, 'three-1-1.noarch.rpm'));
    expect(await found(changed)).toEqual([
      'el9/three-1-1.noarch.rpm is missing, and "el9/repodata/primary.xml.gz" names it',
    ]);
    expect(readdirSync(root)).toEqual(['el9']);
  });

  test('may be shared by repositories within the tree, and may be elsewhere', async () => {
    const { root, base, check, found, primary, publishPrimary } = await scene('repositories/el9');
    mkdirSync(join(root, 'pool'));
    renameSync(join(base, 'one-1-1.noarch.rpm'), join(root, 'pool/one-1-1.noarch.rpm'));
    rmSync(join(base, 'two-1-1.noarch.rpm'));
    const text = primary()
      .replace('href="one', 'href="../../pool/one')
      .replace('<location href="two', '<location xml:base="https://other.example.org/" href="two');
    publishPrimary(gzipSync(text), text.length);
    expect(await check(null)).toEqual([]);
    rmSync(join(root, 'pool/one-1-1.noarch.rpm'));
    expect(await found(['pool/one-1-1.noarch.rpm'])).toEqual([
      'pool/one-1-1.noarch.rpm is gone, and "repositories/el9/repodata/primary.xml.gz" still names it',
    ]);
  });
});

describe('repositories', () => {
  test('a tree without one is told; one that goes is not looked at; one at the root is found', async () => {
    const { root, base, found } = await scene('');
    expect(await found(null)).toEqual([]);
    cpSync(base, `${root}.copy`, { recursive: true });
    renameSync(`${root}.copy`, join(root, 'nested'));
    expect(await found(null)).toEqual([]);
    rmSync(join(root, 'nested'), { recursive: true });
    rmSync(join(root, 'repodata'), { recursive: true });
    expect(await found(null)).toEqual([' the tree holds no "repodata/repomd.xml"']);
  });
});

function packageXml(href: string, checksum = ` type="sha256">${'0'.repeat(64)}`): string {
  const fields = `<name>a</name><checksum${checksum}</checksum><size package="1"/><location href="${href}"/>`;
  return `<metadata><package type="rpm">${fields}</package></metadata>`;
}

function dataXml(href: string, checksumType = 'sha256'): string {
  const fields = `<checksum type="${checksumType}">${'0'.repeat(64)}</checksum><location href="${href}"/><size>1</size>`;
  return `<repomd><data type="primary">${fields}</data></repomd>`;
}
