import { isDigest, type Digest } from '../core/oci/digest.js';
import { isRepositoryName, isTag } from '../core/oci/names.js';

/** What an address below the pages, or the API, of images means. */
export type ImagePath = { readonly repository: string } & (
  | { readonly kind: 'repository' | 'tags' | 'runs' }
  | { readonly kind: 'tag'; readonly tag: string }
  | { readonly kind: 'manifest'; readonly digest: Digest }
  | { readonly kind: 'run'; readonly id: string }
);

/** Stands between a repository and what is asked of it: no part of a name is a dash alone. */
const BETWEEN = '/-/';

/** Reads what follows `/images/`, decoded; undefined where it can mean nothing. */
export function parseImagePath(text: string): ImagePath | undefined {
  const path = text.replace(/\/$/, '');
  const at = path.lastIndexOf(BETWEEN);
  const repository = at < 0 ? path : path.slice(0, at);
  if (!isRepositoryName(repository)) return undefined;
  if (at < 0) return { repository, kind: 'repository' };
  const [noun = '', name, ...more] = path.slice(at + BETWEEN.length).split('/');
  if (more.length > 0) return undefined;
  if (name === undefined) return noun === 'tags' || noun === 'runs' ? { repository, kind: noun } : undefined;
  if (noun === 'tags' && isTag(name)) return { repository, kind: 'tag', tag: name };
  if (noun === 'manifests' && isDigest(name)) return { repository, kind: 'manifest', digest: name };
  if (noun === 'runs') return { repository, kind: 'run', id: name };
  return undefined;
}
