import { isStamp } from '../../core/kept.js';
import type { RawName } from '../../core/tree-path.js';

/** Names that stand for one content for ever: a year, as long as RFC 9111 caches are asked to keep anything. */
const IMMUTABLE = 'public, max-age=31536000, immutable';
/** What names the rest of a tree: so short that no client mixes an old index with new contents for long. */
export const INDEX_CACHE = 'public, max-age=60, must-revalidate';
const ORDINARY = 'public, max-age=3600';

const INDEX_FOLDERS: ReadonlySet<string> = new Set(['dists', 'repodata', 'trace']);
const INDEX_NAMES =
  /^(?:InRelease|Release(?:\.gpg)?|(?:Packages|Sources|Contents-.*)(?:\.\w+)?|repomd\.xml(?:\.\w+)?|APKINDEX\.tar\.gz|ls-lR(?:\.\w+)?|.*\.(?:db|files)(?:\.tar\.\w+)?(?:\.sig)?|.*SUMS?(?:\.\w+)?|lastsync|lastupdate|timestamp|TIME|\.treeinfo|index\..*)$/s;

/**
 * Cache-Control of a file by its path below the mirror (RFC 9111 section 5.2.2, RFC 8246 for `immutable`).
 * Packages in a `pool/` carry their version in the name, and `by-hash/` its digest: immutable. Indexes: a minute.
 * What is below `@2026-11-23T06:00Z/` is a generation that never changes; what `@previous/` leads to does.
 * Everything else, an hour; a Fedora package outside of a pool may be signed anew under the same name.
 */
export function cacheControlOf(segments: readonly RawName[]): string {
  const name = segments.at(-1) ?? '';
  const [first = ''] = segments;
  if (first.startsWith('@') && isStamp(first.slice(1))) return IMMUTABLE;
  if (first === '@previous') return INDEX_CACHE;
  const folders = segments.slice(0, -1);
  if (folders.at(-2) === 'by-hash' && /^[0-9a-f]{32,128}$/.test(name)) return IMMUTABLE;
  if (folders.includes('pool') && /\.(?:u?deb|ddeb|rpm)$/.test(name)) return IMMUTABLE;
  if (INDEX_NAMES.test(name) || folders.some((folder) => INDEX_FOLDERS.has(folder))) return INDEX_CACHE;
  return ORDINARY;
}

/** The same as regular expressions for other programs, of `/<mirror>/<path>`; the first that matches decides. */
export const CACHE_PATTERNS: readonly (readonly [pattern: string, value: string])[] = [
  ['^/[^/]+/(?:.*/)?by-hash/[^/]+/[0-9a-f]{32,128}$', IMMUTABLE],
  ['^/[^/]+/(?:.*/)?pool/.*\\.(?:u?deb|ddeb|rpm)$', IMMUTABLE],
  [`^/[^/]+/(?:.*/)?(?:${[...INDEX_FOLDERS].join('|')})/`, INDEX_CACHE],
  [`^/[^/]+/(?:.*/)?${INDEX_NAMES.source.slice(1, -1).replaceAll('.*', '[^/]*')}$`, INDEX_CACHE],
  ['', ORDINARY],
];
