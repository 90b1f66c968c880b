import type { Stats } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { systemCode } from '../core/errors.js';

/** Names on disk are bytes: a path below `root` from a latin1 string, one character a byte. */
export function bytePath(root: string, path: string): Buffer {
  return Buffer.concat([Buffer.from(root), Buffer.from('/'), Buffer.from(path, 'latin1')]);
}

/** The folder part of a latin1 path; `.` for a name at the top. */
export function parentPath(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? '.' : path.slice(0, slash);
}

/** What lstat(2) says where nothing is, and nothing can be. */
const NOTHING_THERE: ReadonlySet<string | undefined> = new Set(['ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'ELOOP']);

/** lstat(2), or null where nothing is. */
export async function lstatOrNull(path: Buffer): Promise<Stats | null> {
  try {
    return await lstat(path);
  } catch (error) {
    if (NOTHING_THERE.has(systemCode(error))) return null;
    throw error;
  }
}
