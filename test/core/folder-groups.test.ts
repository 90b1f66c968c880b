import { expect, test } from 'vitest';
import { FolderGroups } from '../../core/folder-groups.js';

function groupsOf(paths: readonly string[], most?: number): Record<string, number> {
  const groups = new FolderGroups(most);
  for (const path of paths) groups.add(path, 'deleted', 10);
  return Object.fromEntries(groups.list().map(({ folder, deletedFiles }) => [folder, deletedFiles]));
}

test('counts what becomes of files by the folder that holds them', () => {
  const groups = new FolderGroups();
  groups.add('a/b/one', 'deleted', 5);
  groups.add('a/b/two', 'deleted', 6);
  groups.add('a/b/new', 'added', 7);
  groups.add('top', 'changed', 8);
  expect(groups.list()).toEqual([
    { folder: 'a/b', deletedFiles: 2, deletedBytes: 11, addedFiles: 1, addedBytes: 7, changedFiles: 0 },
    { folder: '', deletedFiles: 0, deletedBytes: 0, addedFiles: 0, addedBytes: 0, changedFiles: 1 },
  ]);
});

test('is as deep as so many folders can tell, and loses no file on the way', () => {
  const paths = Array.from({ length: 50 }, (_, i) => `pool/${i % 2 ? 'main' : 'contrib'}/${i}/x/y/z/deep/file`);
  expect(groupsOf(paths)).toHaveProperty('pool/main/1/x/y/z', 1);
  expect(groupsOf(paths, 10)).toEqual({ 'pool/main': 25, 'pool/contrib': 25 });
});

test('keeps its bound where even the top has more folders than that', () => {
  const counted = groupsOf(
    Array.from({ length: 5000 }, (_, i) => `${i}/file`),
    10,
  );
  expect(Object.keys(counted).length).toBeLessThanOrEqual(10);
  expect(Object.values(counted).reduce((sum, count) => sum + count, 0)).toBe(5000);
});
