import { readlink } from 'node:fs/promises';
import { bytePath, lstatOrNull } from '../../byte-path.js';

const MAX_LINKS = 40; // what Linux follows, path_resolution(7)

/**
 * Whether the symbolic link at `path` (bytes in latin1, below `root`) ends inside the tree, following every link on
 * its way as the kernel would. A link to something that is not there is inside as long as its way is.
 */
export async function leadsInside(root: string, path: string): Promise<boolean> {
  const way = path.split('/').slice(0, -1);
  const ahead = [path.split('/').at(-1) ?? ''];
  let links = 0;
  for (let segment = ahead.shift(); segment !== undefined; segment = ahead.shift()) {
    if (segment === '' || segment === '.') continue;
    if (segment === '..') {
      if (way.pop() === undefined) return false;
      continue;
    }
    const here = [...way, segment].join('/');
    if (!(await lstatOrNull(bytePath(root, here)))?.isSymbolicLink()) {
      way.push(segment);
      continue;
    }
    if (++links > MAX_LINKS) return true; // a loop leads nowhere, hence not outside
    const target = (await readlink(bytePath(root, here), { encoding: 'buffer' })).toString('latin1');
    if (target.startsWith('/')) return false;
    ahead.unshift(...target.split('/'));
  }
  return true;
}
