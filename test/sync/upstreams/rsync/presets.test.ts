import { describe, expect, test } from 'vitest';
import { findPreset, presetIds } from '../../../../config/presets.js';
import { snapshot, writeTree } from '../../../fixtures/tree.js';
import { fill, mirrorOf, pullAll, scene } from './preset-scene.js';

/** Small trees by the kind of metadata, shaped like the real ones. */
const SHAPES: Readonly<Record<string, readonly string[]>> = {
  apt: [
    ...['dists/a/InRelease', 'dists/a/Release', 'dists/a/Release.gpg', 'dists/a/main/binary-amd64/Packages.xz'],
    ...[
      'dists/a/main/binary-amd64/by-hash/SHA256/aa',
      'dists/a/main/i18n/Translation-en.xz',
      'dists/a/main/Contents-amd64.gz',
    ],
    ...[
      'dists/a/main/source/Sources.xz',
      'dists/a/main/dep11/Components-amd64.yml.gz',
      'ls-lR.gz',
      'project/trace/master',
    ],
    ...['dists/a/main/binary-amd64/Packages.diff/Index', 'dists/a/main/binary-amd64/Packages.diff/T-1.gz'],
    ...['pool/main/a/a_1_amd64.deb', 'pool/main/a/a_1.dsc', 'pool/main/a/a_1_all.deb', 'README'],
  ],
  rpm: ['9/os/repodata/repomd.xml', '9/os/repodata/aa-primary.xml.gz', '9/os/Packages/a/a-1.x86_64.rpm', 'TIME'],
  pacman: [
    'core/os/x86_64/core.db',
    'core/os/x86_64/a-1.pkg.tar.zst',
    'core/os/x86_64/a-1.pkg.tar.zst.sig',
    'lastsync',
  ],
  apk: ['v3.22/main/x86_64/APKINDEX.tar.gz', 'v3.22/main/x86_64/a-1.apk', 'last-updated'],
  iso: ['13.2.0/amd64/iso-cd/a.iso', '13.2.0/amd64/iso-cd/SHA256SUMS'],
  plain: ['a/a-1.tar.xz', 'a/README', 'b/c/d.zip', 'TIME', 'ztime/x'],
};
const INDEXES =
  /(?:^|\/)(?:InRelease|Release(?:\.gpg)?|Packages[^/]*|Sources[^/]*|Contents[^/]*|Index|ls-lR[^/]*)$|\/(?:i18n|dep11)\/(?!by-hash)/;

function shapeOf(kind: string): readonly string[] {
  return SHAPES[kind] ?? SHAPES['plain'] ?? [];
}

describe('every preset', () => {
  test.each(presetIds())('%s brings all of a tree of its kind, and removes what upstream has no more', async (id) => {
    const at = await scene();
    const shape = shapeOf(findPreset(id).kind);
    fill(at.up, [...shape, '.~tmp~/half']);
    fill(at.slot, ['gone/old']);
    expect(pullAll(at, mirrorOf(id, at.up))).toEqual([...shape].sort());
  });

  test.each(presetIds())('%s never deletes what is protected', async (id) => {
    const at = await scene();
    fill(at.up, [...shapeOf(findPreset(id).kind), 'project/other']);
    fill(at.slot, ['project/trace/me.example.edu', 'project/trace/old', 'kept/deep/file']);
    const protect = ['/project/trace/me.example.edu', '/kept/', '/kept/**'];
    const found = pullAll(at, mirrorOf(id, at.up, { protect }));
    expect(found).toEqual(expect.arrayContaining(['kept/deep/file', 'project/trace/me.example.edu', 'project/other']));
    expect(found).not.toContain('project/trace/old');
  });

  test.each(presetIds().filter((id) => excludesOf(id).length > 0))(
    '%s never mirrors what it leaves out',
    async (id) => {
      const at = await scene();
      const unwanted = excludesOf(id).map((pattern) =>
        pattern.replace(/^\//, '').replace(/\/$/, '/in').replaceAll('*', 'x'),
      );
      // what is mirrored from before it was left out goes as well
      fill(at.up, ['wanted', ...unwanted]);
      fill(at.slot, unwanted);
      expect(pullAll(at, mirrorOf(id, at.up))).toEqual(['wanted']);
    },
  );
});

function excludesOf(id: string): readonly string[] {
  const { exclude } = findPreset(id).mirror as { exclude?: readonly string[] };
  return exclude ?? [];
}

describe('presets of apt trees', () => {
  const ids = presetIds().filter((id) => findPreset(id).kind === 'apt');

  test('are there', () => expect(ids.length).toBeGreaterThan(7));

  test.each(ids)('%s: the first stage holds no index and deletes nothing', async (id) => {
    const at = await scene();
    const mirror = mirrorOf(id, at.up);
    const nested = id === 'raspbian' ? 'raspbian/' : '';
    fill(
      at.up,
      shapeOf('apt').map((path) => nested + path),
    );
    fill(at.slot, [`${nested}pool/main/old/old_1_amd64.deb`, `${nested}dists/gone/Release`]);
    expect(mirror.stages).toHaveLength(2);
    at.pull(mirror, 0);
    const first = Object.keys(snapshot(at.slot));
    expect(first.filter((path) => INDEXES.test(path) && !path.includes('dists/gone'))).toEqual([]);
    expect(first).toEqual(
      expect.arrayContaining([
        ...[
          `${nested}pool/main/old/old_1_amd64.deb`,
          `${nested}dists/gone/Release`,
          `${nested}pool/main/a/a_1_amd64.deb`,
        ],
        // by-hash names never change their bytes, and clients may ask for them as soon as Release is here
        ...[
          `${nested}dists/a/main/binary-amd64/by-hash/SHA256/aa`,
          `${nested}dists/a/main/binary-amd64/Packages.diff/T-1.gz`,
        ],
      ]),
    );
    at.pull(mirror, 1);
    expect(Object.keys(snapshot(at.slot)).sort()).toEqual(
      shapeOf('apt')
        .map((path) => nested + path)
        .sort(),
    );
  });
});

test('eclipse: TIME comes first, ztime last, and the stage between deletes', async () => {
  const at = await scene();
  const mirror = mirrorOf('eclipse', at.up);
  fill(at.up, ['TIME', 'a/b', 'ztime/x']);
  fill(at.slot, ['old']);
  at.pull(mirror, 0);
  expect(Object.keys(snapshot(at.slot)).sort()).toEqual(['TIME', 'old']);
  at.pull(mirror, 1);
  expect(Object.keys(snapshot(at.slot)).sort()).toEqual(['TIME', 'a/b', 'ztime/x']);
  writeTree(at.up, { 'ztime/x': 'newer', 'a/b': 'newer' });
  const before = snapshot(at.slot);
  at.pull(mirror, 2);
  const after = snapshot(at.slot);
  expect(after['ztime/x']).not.toBe(before['ztime/x']);
  expect(after['a/b']).toBe(before['a/b']);
});
