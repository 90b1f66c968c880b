import { readlink } from 'node:fs/promises';
import { bytePath } from '../byte-path.js';
import { eachLimited } from '../each-limited.js';
import type { RealFolders } from '../real-folders.js';
import { folderOf } from './named-path.js';
import type { Reference } from './reference-record.js';

const UNDER_WAY = 32;

/**
 * What is named, and the files to which links among it lead: a list of changes tells of these by their own paths. What
 * leads to no file, or to one that is behind another link, stays as it is.
 */
export async function throughLinks(
  root: string,
  tree: RealFolders,
  references: readonly Reference[],
): Promise<Reference[]> {
  const all: Reference[][] = [];
  await eachLimited(references.entries(), UNDER_WAY, async ([at, reference]) => {
    const { path } = reference;
    const leadsTo = await fileBehind(root, tree, path);
    if (leadsTo === null) all[at] = [reference];
    else
      all[at] = [
        { path, size: null, digest: null, leadsTo },
        { ...reference, path: leadsTo },
      ];
  });
  return all.flat();
}

/** The file to which the link at `path` leads, with no other link on the way; null where there is none. */
export async function fileBehind(root: string, tree: RealFolders, path: string): Promise<string | null> {
  const link = await tree.at(path);
  if (!link?.isSymbolicLink()) return null;
  const target = (await readlink(bytePath(root, path), { encoding: 'buffer' })).toString('latin1');
  if (target.startsWith('/')) return null;
  const segments = folderOf(path)
    .split('/')
    .filter((segment) => segment !== '');
  for (const segment of target.split('/')) {
    if (segment === '..' && segments.pop() === undefined) return null;
    if (!['', '.', '..'].includes(segment)) segments.push(segment);
  }
  const file = segments.join('/');
  return file !== '' && (await tree.at(file))?.isFile() ? file : null;
}
