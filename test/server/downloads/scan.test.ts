import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findPreset } from '../../../config/presets.js';
import type { Download } from '../../../config/preset-help-schema.js';
import { scanInstallers } from '../../../server/downloads/scan.js';
import { tempFolder } from '../../fixtures/temp-folder.js';
import { writeTree } from '../../fixtures/tree.js';

const RULE: Download = { product: 'Pond', files: '*/iso/pond-*.iso', match: '^(?<version>[^/]+)/', kinds: {} };
const NEVER = new AbortController().signal;

async function tree(files: readonly string[]): Promise<string> {
  const root = await tempFolder();
  writeTree(root, Object.fromEntries(files.map((path) => [path, path])));
  return root;
}

async function found(root: string, rule: Partial<Download>, limits = { entries: 1000, files: 100 }) {
  const scanned = await scanInstallers({ mirror: 'pond', root, rules: [{ ...RULE, ...rule }] }, NEVER, limits);
  return { paths: scanned.installers.map(({ segments }) => segments.join('/')), isCut: scanned.isCut };
}

describe('scanInstallers', () => {
  test('finds what glob and expression name, and nothing else', async () => {
    const files = [
      '1.0/iso/pond-1.iso',
      '1.0/iso/other.iso',
      '1.0/pond-2.iso',
      '1.0/iso/deep/pond-3.iso',
      'iso/pond-4.iso',
    ];
    const root = await tree([...files, '1.0/iso/.pond-1.iso.Xa9bQ2']);
    expect((await found(root, {})).paths).toEqual(['1.0/iso/pond-1.iso']);
    expect((await found(root, { match: '^2' })).paths).toEqual([]);
    expect((await found(root, { files: '**/pond-*.iso' })).paths.toSorted()).toEqual(
      files.filter((path) => path.includes('pond')).toSorted(),
    );
    expect((await found(root, { files: '{1.0,2.0}/iso/{pond,other}*' })).paths).toHaveLength(2);
  });

  test('follows a link to a file, which has the size of that, but none to a folder', async () => {
    const root = await tree(['1.0/iso/pond-1.iso']);
    mkdirSync(join(root, '2.0/iso'), { recursive: true });
    symlinkSync('../../1.0/iso/pond-1.iso', join(root, '2.0/iso/pond-2.iso'));
    symlinkSync('1.0', join(root, 'latest'));
    symlinkSync('nowhere', join(root, '2.0/iso/pond-3.iso'));
    expect((await found(root, {})).paths).toEqual(['2.0/iso/pond-2.iso', '1.0/iso/pond-1.iso']);
  });

  test('stops at its bounds, and says so', async () => {
    const root = await tree(Array.from({ length: 40 }, (_, n) => `${n}/iso/pond-${n}.iso`));
    expect(await found(root, {}, { entries: 1000, files: 5 })).toMatchObject({ isCut: true });
    // what is cut off is old
    const newest = [39, 38, 37, 36, 35].map((n) => `${n}/iso/pond-${n}.iso`);
    expect((await found(root, {}, { entries: 1000, files: 5 })).paths).toEqual(newest);
    expect(await found(root, {}, { entries: 20, files: 100 })).toMatchObject({ isCut: true });
    expect((await found(root, {})).isCut).toBe(false);
  });

  test('ends when it is told to', async () => {
    const root = await tree(['1.0/iso/pond-1.iso']);
    const rules = [RULE];
    await expect(scanInstallers({ mirror: 'pond', root, rules }, AbortSignal.abort())).rejects.toThrow('aborted');
  });

  test('finds what people install of R before its bounds, however many packages lie beside', async () => {
    const packages = ['windows/contrib/4.5', 'macosx/big-sur-arm64/contrib/4.5'].flatMap((folder) =>
      Array.from({ length: 40 }, (_, n) => `bin/${folder}/p${n}.zip`),
    );
    const installers = ['bin/macosx/big-sur-arm64/base/R-4.5.2-arm64.pkg', 'bin/windows/base/R-4.5.2-win.exe'];
    const root = await tree([...packages, ...installers]);
    const rules = findPreset('cran').downloads;
    const scanned = await scanInstallers({ mirror: 'r', root, rules }, NEVER, { entries: 30, files: 10 });
    expect(scanned.installers.map(({ segments }) => segments.join('/')).toSorted()).toEqual(installers);
    expect(scanned.isCut).toBe(false);
  });

  test('knows the sums of the project where they lie beside a file', async () => {
    const root = await tree(['1.0/iso/pond-1.iso', '1.0/iso/SUMS', '2.0/iso/pond-2.iso']);
    mkdirSync(join(root, '2.0/iso/SUMS'));
    const rules = [{ ...RULE, checksums: 'SUMS' }];
    const { installers } = await scanInstallers({ mirror: 'pond', root, rules }, NEVER);
    expect(installers.map(({ sums }) => sums)).toEqual([null, 'SUMS']);
  });

  test('has no word of its own for a kind that a name makes up', async () => {
    const root = await tree(['1.0/iso/pond-constructor.iso']);
    const rules = [{ ...RULE, match: '-(?<kind>[a-z]+)\\.iso$', kinds: { net: 'Network install' } }];
    const { installers } = await scanInstallers({ mirror: 'pond', root, rules }, NEVER);
    expect(installers[0]).toMatchObject({ kind: 'constructor', rank: 1 });
  });

  test('takes words from names only as they can be shown', async () => {
    const root = await tree(['1.0\u202e/iso/pond-1.iso']);
    const { installers } = await scanInstallers({ mirror: 'pond', root, rules: [RULE] }, NEVER);
    expect(installers[0]?.version).not.toContain('\u202e');
  });
});
