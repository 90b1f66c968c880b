import { nameProblem } from '../../../core/tree-path.js';
import { IndexFault } from '../index-fault.js';

const LONGEST = 4096;

/**
 * The path (below the root, bytes in latin1) that `<location xml:base= href=>` of the repository in the folder `base`
 * leads to, or null where it is an address elsewhere. Repositories share packages by `../`, which is followed within the
 * tree. (createrepo_c(8), --baseurl and --location-prefix) @throws IndexFault when it leads out of the tree
 */
export function locatedPath(base: string, xmlBase: string | undefined, href: string): string | null {
  if ([xmlBase, href].some((part) => part !== undefined && /^[A-Za-z][A-Za-z0-9+.-]*:/.test(part))) return null;
  const segments = base === '' ? [] : base.split('/');
  const leadsOut = (): IndexFault =>
    new IndexFault(`names ${JSON.stringify(href.slice(0, 200))}, which leads out of the tree`, []);
  for (const part of [xmlBase ?? '', href]) {
    if (part.startsWith('/')) throw leadsOut();
    for (const segment of Buffer.from(part, 'utf8').toString('latin1').split('/')) {
      if (segment === '' || segment === '.') continue;
      if (segment === '..' && segments.length === 0) throw leadsOut();
      if (segment === '..') segments.pop();
      else if (nameProblem(segment) !== undefined) throw leadsOut();
      else segments.push(segment);
    }
  }
  const path = segments.join('/');
  if (path.length > LONGEST || path === base || path === '') throw leadsOut();
  return path;
}
