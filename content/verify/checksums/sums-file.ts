import { namedPath } from '../named-path.js';
import type { FileDigest, Reference } from '../reference-record.js';

/** Files that list hashes of many others, and those that tell the hash of the one beside them. */
const LISTS = /^(?:sha(?:256|512)sums?(?:\.txt)?|(?:.*[.-])?CHECKSUMS?(?:\.SHA(?:256|512)(?:-.*)?)?(?:\.txt)?)$/i;
const BESIDE = /^(.+)\.sha(?:256|512)(?:sums?)?(?:\.txt)?$/i;

const GNU_LINE = /^(\\?)([0-9a-f]{64}|[0-9a-f]{128})[ \t]+\*?(.+)$/i;
const BSD_LINE = /^SHA(?:2-)?(?:256|512) ?\((.+)\) ?= ?([0-9a-f]{64}|[0-9a-f]{128})$/i;
const BARE_LINE = /^([0-9a-f]{64}|[0-9a-f]{128})$/i;

export type SumsKind = 'list' | 'beside';

/** What kind of file of SHA-256 or SHA-512 sums a name is that of; null for none. */
export function sumsKind(name: string): SumsKind | null {
  if (LISTS.test(name)) return 'list';
  return BESIDE.test(name) ? 'beside' : null;
}

/**
 * What a file of sums named `name` in `folder` (below the root; empty is the root) tells, in the forms of sha256sum(1),
 * BSD's sha256(1) and a hash alone. Other lines are passed over, and so are names that lead out of the folder: they are
 * not in the tree.
 */
export function sumsIn(text: string, folder: string, name: string): Reference[] {
  return text.split('\n').flatMap((line) => sumOf(line.trimEnd(), folder, name) ?? []);
}

/** What is clearsigned, without its signature (RFC 9580 section 7): nothing vouches for it then. */
export function withoutSignature(text: string): string {
  const lines = text.split('\n').map((line) => line.trimEnd());
  const start = lines.indexOf('-----BEGIN PGP SIGNED MESSAGE-----');
  if (start < 0) return text;
  const body = lines.slice(lines.indexOf('', start) + 1);
  const end = body.indexOf('-----BEGIN PGP SIGNATURE-----');
  return (end < 0 ? body : body.slice(0, end)).map((line) => line.replace(/^- /, '')).join('\n');
}

function sumOf(line: string, folder: string, name: string): Reference | null {
  const gnu = GNU_LINE.exec(line);
  const bsd = BSD_LINE.exec(line);
  const bare = BARE_LINE.exec(line);
  const beside = BESIDE.exec(name)?.[1];
  if (gnu) return reference(folder, gnu[1] ? unescaped(gnu[3] ?? '') : (gnu[3] ?? ''), gnu[2] ?? '');
  if (bsd) return reference(folder, bsd[1] ?? '', bsd[2] ?? '');
  return bare && beside !== undefined ? reference(folder, beside, bare[1] ?? '') : null;
}

function reference(folder: string, name: string, hex: string): Reference | null {
  const path = namedPath(folder, name);
  const digest: FileDigest = `${hex.length === 64 ? 'sha256' : 'sha512'}:${hex.toLowerCase()}`;
  return path === null ? null : { path, size: null, digest };
}

/** A line that begins with a backslash has a name with escapes (sha256sum(1)). */
function unescaped(name: string): string {
  return name.replace(/\\([\\nr])/g, (_, letter: string) => ({ '\\': '\\', n: '\n', r: '\r' })[letter] ?? letter);
}
