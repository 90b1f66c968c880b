import { readFile, stat } from 'node:fs/promises';
import { bytePath } from '../../byte-path.js';
import { RealFolders } from '../../real-folders.js';
import { walk } from '../../walk.js';
import { folderOf, foldersAbove, inFolder } from '../named-path.js';
import { isOfSuite } from './release.js';

/** Of Release files; the largest of Debian's has under 300,000 bytes. */
export const LARGEST_RELEASE = 16 * 1024 * 1024;

/** The folders (below the root; empty is the root) of all suites: those with an InRelease, or a Release of a suite. */
export async function allSuites(root: string, signal: AbortSignal): Promise<string[]> {
  const folders = new Set<string>();
  for await (const { path, name, isFolder } of walk(root, signal))
    if (!isFolder && (name === 'InRelease' || name === 'Release')) folders.add(folderOf(path));
  return suitesAmong(root, folders);
}

/** The folders of the suites that any of these paths (bytes in latin1) is in. */
export async function suitesAround(root: string, paths: Iterable<string>): Promise<string[]> {
  return suitesAmong(root, foldersAbove(paths));
}

async function suitesAmong(root: string, folders: Iterable<string>): Promise<string[]> {
  const tree = new RealFolders(root);
  const suites: string[] = [];
  for (const folder of folders) if (await isSuite(root, tree, folder)) suites.push(folder);
  return suites.sort();
}

async function isSuite(root: string, tree: RealFolders, folder: string): Promise<boolean> {
  if (await tree.at(inFolder(folder, 'InRelease'))) return true;
  const path = inFolder(folder, 'Release');
  // it may be a link, which clients follow
  const release = (await tree.at(path)) && (await stat(bytePath(root, path)).catch(() => null));
  if (!release?.isFile()) return false;
  if (release.size > LARGEST_RELEASE) return true; // which is told of it
  return isOfSuite(await readFile(bytePath(root, path)));
}
