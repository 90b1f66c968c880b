import { stat } from 'node:fs/promises';
import { bytePath } from '../../content/byte-path.js';
import type { PublishedTrees, PublishedTreesOfMirror } from '../../content/published-trees.js';
import { systemCode } from '../../core/errors.js';

const NOT_THERE: ReadonlySet<string | undefined> = new Set(['ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'ELOOP', 'EACCES']);

/**
 * Looks whether published trees have paths that presets name. Each path of a generation is looked for once; paths come
 * from presets, never from clients, so that there are few.
 */
export class TreeLook {
  readonly #known = new WeakMap<PublishedTreesOfMirror, Map<string, Promise<boolean>>>();

  constructor(private readonly trees: Pick<PublishedTrees, 'get'>) {}

  /** Whether anything of the mirror is published. */
  isPublished(mirror: string): boolean {
    return this.trees.get(mirror) !== undefined;
  }

  /** Whether the live tree has something at `path`, below its root and without a slash at either end. */
  async has(mirror: string, path: string): Promise<boolean> {
    const trees = this.trees.get(mirror);
    if (!trees) return false;
    const known = this.#known.get(trees) ?? new Map<string, Promise<boolean>>();
    this.#known.set(trees, known);
    const before = known.get(path);
    if (before) return before;
    const look = isThere(trees.live.root, path);
    known.set(path, look);
    return look.catch((error: unknown) => {
      known.delete(path);
      throw error;
    });
  }
}

/** Links are followed: suites have names that are links to others. The verifier has seen that none leaves the tree. */
async function isThere(root: string, path: string): Promise<boolean> {
  try {
    await stat(bytePath(root, path));
    return true;
  } catch (error) {
    if (NOT_THERE.has(systemCode(error))) return false;
    throw error;
  }
}
