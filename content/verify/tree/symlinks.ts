import { readlink } from 'node:fs/promises';
import { bytePath } from '../../byte-path.js';

/**
 * Whether the symbolic link at `path` (bytes in latin1, below `root`, not behind a link) stays inside the tree: it goes
 * up no further than to the root, and never up again after a name. What a name is can change with the next generation,
 * so that only this form is inside by itself, whatever the other links are; rsync's --safe-links asks for the same.
 */
export async function leadsInside(root: string, path: string): Promise<boolean> {
  const target = (await readlink(bytePath(root, path), { encoding: 'buffer' })).toString('latin1');
  if (target.startsWith('/')) return false;
  const segments = target.split('/').filter((segment) => segment !== '' && segment !== '.');
  const name = segments.findIndex((segment) => segment !== '..');
  const ups = name < 0 ? segments.length : name;
  const depth = path.split('/').length - 1;
  return ups <= depth && !segments.slice(ups).includes('..');
}
