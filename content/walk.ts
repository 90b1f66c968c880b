import { opendir } from 'node:fs/promises';
import { systemCode } from '../core/errors.js';
import { bytePath } from './byte-path.js';

/** A path of a tree, and what the folder says it is. */
export interface Walked {
  /** Below the root, bytes in latin1. */
  readonly path: string;
  readonly name: string;
  readonly isFolder: boolean;
  readonly isFile: boolean;
}

/**
 * All that is below `root`, or below its folder `top`, but that folder itself; folders before what is in them. Links are
 * not followed; folders that are removed meanwhile are passed over. @throws the signal's reason, system errors
 */
export async function* walk(root: string, signal?: AbortSignal, top = ''): AsyncGenerator<Walked> {
  const folders = [top];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    signal?.throwIfAborted();
    // Node takes 'latin1' here and keeps every byte; its types only know the name 'utf8' and its kin
    const entries = await opendir(bytePath(root, folder), { encoding: 'latin1' }).catch((error: unknown) => {
      if (folder !== top && systemCode(error) === 'ENOENT') return [];
      throw error;
    });
    for await (const entry of entries) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      const isFolder = entry.isDirectory();
      yield { path, name: entry.name, isFolder, isFile: entry.isFile() };
      if (isFolder) folders.push(path);
    }
  }
}
