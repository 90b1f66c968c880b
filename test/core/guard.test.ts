import { describe, expect, test } from 'vitest';
import { brokenLimits, heldSentence, indexKey, type GuardLimits, type TreeChange } from '../../core/guard.js';

const NO_CHANGE: TreeChange = { publishedFiles: 0, deletedFiles: 0, deletedBytes: 0, touchedFiles: 0, shrunk: null };
const NO_LIMIT: GuardLimits = {
  ...{ maxDelete: 1, maxDeleteFiles: null, maxDeleteBytes: null, maxShrink: 1, maxTouched: 1 },
};

function broken(change: Partial<TreeChange>, limits: Partial<GuardLimits>): string[] {
  return brokenLimits({ ...NO_CHANGE, ...change }, { ...NO_LIMIT, ...limits }).map(({ rule }) => rule);
}

describe('brokenLimits', () => {
  test('holds a tree that lost more than the allowed share, and says how much', () => {
    const limits = brokenLimits(
      { ...NO_CHANGE, publishedFiles: 1000, deletedFiles: 101 },
      { ...NO_LIMIT, maxDelete: 0.1 },
    );
    expect(limits).toEqual([
      {
        ...{ rule: 'max_delete', measured: '10.1 %', limit: '10 %' },
        sentence: 'Upstream removed 101 of 1,000 files (10.1 %), more than the 10 % that are allowed.',
      },
    ]);
  });

  test('lets the allowed share itself pass', () => {
    expect(broken({ publishedFiles: 1000, deletedFiles: 100 }, { maxDelete: 0.1 })).toEqual([]);
  });

  test('never holds a few deletions, however small the tree is', () => {
    expect(broken({ publishedFiles: 19, deletedFiles: 19 }, { maxDelete: 0 })).toEqual([]);
    expect(broken({ publishedFiles: 20, deletedFiles: 20 }, { maxDelete: 0 })).toEqual(['max_delete']);
  });

  test('never holds the first tree, nor one of unknown size', () => {
    const all = { deletedFiles: 5000, deletedBytes: 1e12, touchedFiles: 5000 };
    expect(broken(all, { maxDelete: 0, maxDeleteFiles: 0, maxDeleteBytes: 0, maxTouched: 0 })).toEqual([]);
  });

  test('holds nothing where all may go', () => {
    expect(broken({ publishedFiles: 100, deletedFiles: 100, touchedFiles: 100 }, {})).toEqual([]);
  });

  test('counts deletions as files and as bytes as well', () => {
    const change = { publishedFiles: 1e6, deletedFiles: 300, deletedBytes: 5e9 };
    expect(broken(change, { maxDeleteFiles: 300, maxDeleteBytes: 5e9 })).toEqual([]);
    expect(broken(change, { maxDeleteFiles: 299, maxDeleteBytes: 4.9e9 })).toEqual([
      'max_delete_files',
      'max_delete_bytes',
    ]);
  });

  test('holds a tree in which one index shrank too much', () => {
    const change = { publishedFiles: 9, shrunk: { path: 'dists/sid/Packages', before: 4e6, after: 1e6 } };
    expect(broken(change, { maxShrink: 0.75 })).toEqual([]);
    const limits = brokenLimits({ ...NO_CHANGE, ...change }, { ...NO_LIMIT, maxShrink: 0.2 });
    expect(heldSentence(limits)).toBe(
      'The index "dists/sid/Packages" shrank from 4.0 MB to 1.0 MB (by 75 %), by more than the 20 % that are allowed.',
    );
  });

  test('holds a tree of which every file was touched, unless it is a small one', () => {
    expect(broken({ publishedFiles: 999, touchedFiles: 999 }, { maxTouched: 0.8 })).toEqual([]);
    expect(broken({ publishedFiles: 2000, touchedFiles: 1600 }, { maxTouched: 0.8 })).toEqual([]);
    expect(broken({ publishedFiles: 2000, touchedFiles: 1601 }, { maxTouched: 0.8 })).toEqual(['max_touched']);
  });
});

describe('indexKey', () => {
  test.each([
    'dists/sid/main/binary-amd64/Packages.xz',
    'main/source/Sources',
    'dists/sid/Contents-amd64.gz',
    'extra/os/x86_64/extra.db',
    'extra/os/x86_64/extra.db.tar.gz',
    'v3.20/main/x86_64/APKINDEX.tar.gz',
    'repodata/primary.xml.gz',
    'ls-lR.gz',
    'fullfiletimelist-epel',
  ])('knows %s', (path) => expect(indexKey(path)).toBe(path));

  test('leaves out the digest with which names of rpm indexes begin', () => {
    expect(indexKey(`os/repodata/${'ab'.repeat(32)}-primary.xml.zst`)).toBe('os/repodata/primary.xml.zst');
  });

  test.each(['pool/main/p/p.deb', 'Packages/a.rpm', 'repodata/repomd.xml', 'x/PackagesOld/y', 'InRelease'])(
    'does not take %s for one',
    (path) => expect(indexKey(path)).toBeNull(),
  );
});
