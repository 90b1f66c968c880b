import { constants, fstatSync, readlinkSync, type Stats } from 'node:fs';
import { open, realpath, stat, type FileHandle } from 'node:fs/promises';
import { systemCode } from '../../core/errors.js';
import { joinTree, type RawName, type TreePath } from '../../core/tree-path.js';
import type { PublishedTree, PublishedTrees, PublishedTreesOfMirror } from '../../content/published-trees.js';

export interface FoundFile {
  readonly kind: 'file';
  readonly tree: PublishedTree;
  /** Where it really is: its absolute path without links, as bytes. */
  readonly place: RawName;
  readonly stats: Stats;
  readonly handle: FileHandle;
}

export interface FoundFolder {
  readonly kind: 'folder';
  readonly tree: PublishedTree;
  readonly stats: Stats;
  /** Where it is in its tree. */
  readonly within: readonly RawName[];
}

export type FoundEntry = FoundFile | FoundFolder;

/** `absent`: nothing that may be served. `unpublished`: no tree yet. `moving`: trees changed at each try. */
export type LookupResult =
  | ((FoundEntry | Absent) & { readonly trees: PublishedTreesOfMirror })
  | { readonly kind: 'unpublished' }
  | { readonly kind: 'moving' };

/** Tries until what was opened is of a tree that is still published; each publish costs one. */
export const LOOKUP_TRIES = 3;

interface Absent {
  readonly kind: 'absent';
}

const ABSENT: Absent = { kind: 'absent' };
const MEANS_ABSENT = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG', 'EACCES', 'EPERM', 'ENXIO', 'ENODEV']);
// never waits for the other end of a FIFO, never makes a terminal ours
const OPEN_FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
/** A link for each open file, which leads to where it is. */
export const DESCRIPTORS = '/proc/self/fd';

/**
 * Opens what `path` names in the live tree, or a file that only the previous one still has. A handle in the answer is
 * the caller's to close.
 * @throws system errors that say nothing about the path, such as EMFILE or EIO
 */
export async function lookUp(trees: PublishedTrees, mirror: string, path: TreePath): Promise<LookupResult> {
  for (let attempt = 0; attempt < LOOKUP_TRIES; attempt++) {
    const published = trees.get(mirror);
    if (!published) return { kind: 'unpublished' };
    const found = await lookUpIn(published, path);
    // the slot that was opened may have been given to the next run meanwhile
    if (trees.get(mirror) === published) return { ...found, trees: published };
    if (found.kind === 'file') await found.handle.close();
  }
  return { kind: 'moving' };
}

async function lookUpIn(published: PublishedTreesOfMirror, path: TreePath): Promise<FoundEntry | Absent> {
  const { live, previous } = published;
  const found = await openEntry(live, path.segments);
  if (found.kind !== 'absent') return found;
  const [first = '', ...rest] = path.segments;
  const named = first.startsWith('@') ? namedTree(published, first.slice(1)) : null;
  if (named) return openEntry(named, rest);
  if (!previous) return found;
  const older = await openEntry(previous, path.segments);
  // a folder that is gone is gone; files of it may still be fetched by whoever read the older index
  return older.kind === 'folder' ? ABSENT : older;
}

/** The tree that is served below `@<name>/`, where the live tree itself has nothing of that name. */
function namedTree({ previous, kept }: PublishedTreesOfMirror, name: string): PublishedTree | null {
  if (name === 'previous') return previous;
  return kept?.find(({ stamp }) => stamp === name) ?? null;
}

/** Opens one entry of one tree; what leads out of the tree, or is neither file nor folder, is absent. */
export async function openEntry(tree: PublishedTree, segments: readonly RawName[]): Promise<FoundEntry | Absent> {
  const path = joinTree(tree.root, segments);
  let handle: FileHandle;
  try {
    handle = await open(path, OPEN_FLAGS);
  } catch (error) {
    if (MEANS_ABSENT.has(systemCode(error) ?? '')) return ABSENT;
    throw error;
  }
  let keep = false;
  try {
    // open has brought the inode into memory: this does not wait for the disk
    const stats = fstatSync(handle.fd);
    if (!(stats.isFile() || stats.isDirectory())) return ABSENT;
    const place = await realPath(handle, path, stats);
    if (!isInside(await realRoot(tree), place)) return ABSENT;
    if (stats.isDirectory()) return { kind: 'folder', tree, stats, within: segments };
    keep = true;
    return { kind: 'file', tree, place, stats, handle };
  } finally {
    if (!keep) await handle.close();
  }
}

/** Whether the absolute real path `path` is `root` or below it; both as bytes ("latin1"). */
export function isInside(root: RawName, path: RawName): boolean {
  return path === root || path.startsWith(`${root}/`);
}

const realRoots = new WeakMap<PublishedTree, RawName>();

/** The root of a tree without symlinks (a data folder may be one), as bytes; asked once a tree. */
export async function realRoot(tree: PublishedTree): Promise<RawName> {
  const known = realRoots.get(tree);
  if (known !== undefined) return known;
  const root = await realpath(tree.root, 'latin1');
  realRoots.set(tree, root);
  return root;
}

/**
 * Where the open file really is, as bytes: what the kernel says of the descriptor. Without /proc the path is resolved
 * again, and must lead to the same inode. Empty when it cannot be told.
 */
export async function realPath(
  handle: FileHandle,
  path: Buffer,
  stats: Stats,
  descriptors = DESCRIPTORS,
): Promise<RawName> {
  try {
    // from memory of the kernel, so not worth a thread
    return readlinkSync(`${descriptors}/${handle.fd}`, 'latin1');
  } catch {
    const resolved = await realpath(path, 'latin1').catch(() => '');
    const again = await stat(Buffer.from(resolved, 'latin1')).catch(() => undefined);
    return again?.ino === stats.ino && again.dev === stats.dev ? resolved : '';
  }
}
