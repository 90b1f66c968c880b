import { nameProblem } from '../../core/tree-path.js';

/**
 * The path below the root (bytes in latin1) that is meant by `name` in the folder `base` (empty is the root), or null
 * where it is absolute, goes up, or can be no path. A `./` and doubled slashes are nothing.
 */
export function namedPath(base: string, name: string): string | null {
  if (name.startsWith('/')) return null;
  const segments = name.split('/').filter((segment) => segment !== '' && segment !== '.');
  if (segments.length === 0 || segments.some((segment) => nameProblem(segment) !== undefined)) return null;
  const path = inFolder(base, segments.join('/'));
  return path.length > 4096 ? null : path;
}

/** `name` below the folder `folder` of a tree; empty is the root. */
export function inFolder(folder: string, name: string): string {
  return folder === '' ? name : `${folder}/${name}`;
}

/** The folder of a path of a tree; empty is the root. */
export function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

/** All folders that hold any of the paths, near or far. */
export function foldersAbove(paths: Iterable<string>): Set<string> {
  const folders = new Set<string>();
  for (const path of paths)
    for (let folder = folderOf(path); !folders.has(folder); folder = folderOf(folder)) folders.add(folder);
  return folders;
}
