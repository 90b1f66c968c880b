import type { Stats } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { systemCode } from '../core/errors.js';
import { bytePath, lstatOrNull, parentPath } from './byte-path.js';

/** How many folders are remembered; lists of changes go folder by folder, so that few are enough. */
const REMEMBERED = 2_000;

/**
 * A tree in which no symbolic link is followed: what lies behind one is not there, and nothing is made there.
 * Folders that were seen are remembered, so that it must not be kept while others change the tree.
 */
export class RealFolders {
  readonly #seen = new Map<string, Promise<boolean>>();

  constructor(private readonly root: string) {}

  /** What is at `path` (bytes in latin1), or null. */
  async at(path: string): Promise<Stats | null> {
    return (await this.#isFolder(parentPath(path), false)) ? lstatOrNull(bytePath(this.root, path)) : null;
  }

  /** Whether `path` is a folder, not behind a link. */
  has(path: string): Promise<boolean> {
    return this.#isFolder(path, false);
  }

  /** Makes the folder and those above it; false when something else is in the way. Throws only when the disk is full. */
  make(path: string): Promise<boolean> {
    return this.#isFolder(path, true);
  }

  #isFolder(path: string, make: boolean): Promise<boolean> {
    if (path === '.') return Promise.resolve(true);
    const seen = this.#seen.get(path);
    if (seen) return seen;
    if (this.#seen.size >= REMEMBERED) this.#seen.clear();
    const look = this.#look(path, make);
    this.#seen.set(path, look);
    return look;
  }

  async #look(path: string, make: boolean): Promise<boolean> {
    if (!(await this.#isFolder(parentPath(path), make))) return false;
    const folder = bytePath(this.root, path);
    const found = await lstatOrNull(folder);
    if (found || !make) return found?.isDirectory() ?? false;
    try {
      await mkdir(folder);
      return true;
    } catch (error) {
      if (['ENOSPC', 'EDQUOT'].includes(systemCode(error) ?? '')) throw error;
      return false;
    }
  }
}
