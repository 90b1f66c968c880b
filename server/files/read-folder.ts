import type { Stats } from 'node:fs';
import { lstat, readdir, readlink, realpath, stat } from 'node:fs/promises';
import { displayName, isTransient, joinTree, type RawName } from '../../core/tree-path.js';
import type { PublishedTree } from '../../content/published-trees.js';
import { isInside, realRoot } from './open-entry.js';

/** An entry of a folder as it is served: a symlink is what it points to. */
export interface FolderEntry {
  readonly name: RawName;
  readonly kind: 'file' | 'folder';
  /** Bytes; null for a folder. */
  readonly size: number | null;
  /** Milliseconds since the epoch, UTC. */
  readonly mtime: number;
  /** Where a symlink points to, for people. */
  readonly target?: string;
}

/** Entries whose metadata is asked for at a time, so that other requests get their turn on the disk. */
const BATCH = 128;

/**
 * The entries of a folder of a tree, unsorted. Left out is what cannot be fetched: names of incomplete files, devices,
 * FIFOs, and symlinks that are broken or lead out of the tree.
 * @throws system errors of reading the folder itself
 */
export async function readFolder(tree: PublishedTree, segments: readonly RawName[]): Promise<FolderEntry[]> {
  const root = await realRoot(tree);
  const folder = joinTree(tree.root, segments);
  // "latin1" keeps each byte of a name as one character
  const names = (await readdir(folder, 'latin1')).filter((name) => !isTransient(name));
  const entries: FolderEntry[] = [];
  for (let start = 0; start < names.length; start += BATCH) {
    const batch = names.slice(start, start + BATCH).map((name) => readEntry(root, folder, name));
    for (const entry of await Promise.all(batch)) if (entry) entries.push(entry);
  }
  return entries;
}

async function readEntry(root: RawName, folder: Buffer, name: RawName): Promise<FolderEntry | undefined> {
  const path = joinTree(folder, [name]);
  try {
    const stats = await lstat(path);
    return stats.isSymbolicLink() ? await readLink(root, path, name) : describe(name, stats);
  } catch {
    // gone since the folder was read, or a link to nowhere
    return undefined;
  }
}

async function readLink(root: RawName, path: Buffer, name: RawName): Promise<FolderEntry | undefined> {
  const real = await realpath(path, 'latin1');
  if (!isInside(root, real)) return undefined;
  const entry = describe(name, await stat(Buffer.from(real, 'latin1')));
  return entry && { ...entry, target: displayName(await readlink(path, 'latin1')) };
}

function describe(name: RawName, stats: Stats): FolderEntry | undefined {
  if (stats.isDirectory()) return { name, kind: 'folder', size: null, mtime: stats.mtimeMs };
  return stats.isFile() ? { name, kind: 'file', size: stats.size, mtime: stats.mtimeMs } : undefined;
}
