import type { GuardLimits } from './guard.js';
import type { KeepRule } from './kept.js';
import type { ImageMirror } from './oci/image-mirror.js';
import type { SyncTarget } from './sync-target.js';

/** First path segments that Millpond itself answers; a mirror of such a name could never be reached. */
export const RESERVED_NAMES: ReadonlySet<string> = new Set([
  ...['status', 'help', 'get', 'p', 'f', 'verify', 'check', 'news', 'incidents', 'stats', 'network', 'request'],
  ...['about', 'policies', 'feeds', 'api', 'v2', 'git', 'tuf', 'static', 'login', 'me', 'ops', 'images', 'metrics'],
  ...['healthz', 'readyz', 'assets', 'robots.txt', 'favicon.ico', 'mirrorz.json', 'status.json', 'status.txt'],
  ...['stats.json', 'stats.csv', 'check.json', 'check.txt'],
  // of /status/disk
  ...['disk', 'disk.json'],
]);

const NAME = /^[a-z0-9](?:[a-z0-9._+-]{0,62}[a-z0-9+])?$/;

/** Why `name` cannot name a mirror, as the end of a sentence, or undefined when it can. */
export function mirrorNameProblem(name: string): string | undefined {
  if (RESERVED_NAMES.has(name)) return 'is reserved for a page of Millpond; choose another name';
  if (!NAME.test(name) || name.includes('..'))
    return 'is not a mirror name: 1 to 64 of a-z, 0-9, ".", "_", "+", "-", starting and ending with a letter or digit';
  return undefined;
}

/** One ordered part of a pull, with filters of its own. */
export interface Stage {
  readonly name: string;
  /** rsync filter patterns; includes are tried before excludes. */
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  /** Whether files that upstream no longer has are removed in this stage. */
  readonly delete: boolean;
  /** Extra rsync options, passed as they are, one argument each. */
  readonly options: readonly string[];
}

/** How the text of a marker is read as a time. Equality of markers is always that of their bytes. */
export type MarkerParser = 'epoch' | 'date-line' | 'text';

export interface MarkerRule {
  /** Path of the marker below the upstream's root. */
  readonly path: string;
  readonly parser: MarkerParser;
}

/** One rule of a selection of parts: whether what the rsync pattern matches is mirrored. */
export interface SelectionRule {
  readonly show: boolean;
  readonly pattern: string;
}

/** Where a secret is kept. The value is read when it is needed and never stored. */
export type SecretRef = { readonly file: string } | { readonly env: string };

/** A mirror of a tree of files as the operator configured it, all defaults filled in, all paths absolute. */
export interface TreeMirror extends SyncTarget {
  readonly kind: 'rsync';
  /** Name of the preset that completes it, or null. */
  readonly preset: string | null;
  /** What is chosen of each selection of the preset, by its name; a selection that is missing is all of it. */
  readonly selected: Readonly<Record<string, readonly string[]>>;
  /** What the preset asks to be confirmed, and was: `closed`, `registration` ... */
  readonly confirmed: readonly string[];
  /** Tried in order; never contain a password. */
  readonly upstreams: readonly string[];
  readonly sshKey: string | null;
  /** Port of ssh upstreams; null is what ssh itself would take. */
  readonly sshPort: number | null;
  readonly password: SecretRef | null;
  readonly stages: readonly Stage[];
  /** rsync patterns that are never mirrored; what matches is removed from the tree. */
  readonly exclude: readonly string[];
  /** In order; the first that matches decides, and what none matches is mirrored. */
  readonly selection: readonly SelectionRule[];
  /** rsync patterns of what is never deleted although upstream does not have it. */
  readonly protect: readonly string[];
  readonly publish: 'slots' | 'in-place';
  readonly marker: MarkerRule | null;
  /** What one run may change before it is held for a person. */
  readonly guard: GuardLimits;
  /** Dated generations that are kept beside the live tree; null is none. */
  readonly keep: KeepRule | null;
  /** Other addresses of the same tree over HTTP, each with a slash at its end. */
  readonly sources: readonly string[];
  /** Zones whose clients may read it; null is all. */
  readonly read: readonly string[] | null;
}

/** Whatever is kept in step with an upstream. */
export type Mirror = TreeMirror | ImageMirror;
