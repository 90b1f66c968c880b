import type { GuardLimits } from './guard.js';
import type { KeepRule } from './kept.js';
import type { ImageMirror } from './oci/image-mirror.js';
import type { Pace } from './pace.js';
import type { SyncTarget } from './sync-target.js';
import type { VerifyRule } from './verify.js';

/** First path segments that Millpond itself answers; a mirror of such a name could never be reached. */
export const RESERVED_NAMES: ReadonlySet<string> = new Set([
  ...['status', 'help', 'get', 'p', 'f', 'verify', 'check', 'news', 'incidents', 'stats', 'network', 'request'],
  ...['about', 'policies', 'feeds', 'api', 'v2', 'git', 'tuf', 'static', 'login', 'me', 'ops', 'images', 'metrics'],
  ...['healthz', 'readyz', 'assets', 'robots.txt', 'favicon.ico', 'mirrorz.json', 'status.json', 'status.txt'],
  ...['stats.json', 'stats.csv', 'check.json', 'check.txt', 'help.json', 'get.json', 'lug'],
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

/** Whether a stage looks at the whole tree. */
export function isWhole({ include, exclude }: Stage): boolean {
  return include.length === 0 && exclude.length === 0;
}

/** How the time in a marker is read (`core/marker.ts`). */
export const MARKER_PARSERS = [
  'epoch',
  'date-line',
  'date',
  'trace',
  'key-date',
  'utc-dashes',
  'last-modified',
  'json',
  'text',
] as const;
export type MarkerParser = (typeof MARKER_PARSERS)[number];

/**
 * What a marker tells. `content`: it changes when the tree does, and only such a one may end a run as unchanged.
 * `heartbeat`: it is written whether anything has changed or not. `run`: when the upstream, a mirror itself, last ran.
 */
export const MARKER_MEANINGS = ['content', 'heartbeat', 'run'] as const;
export type MarkerMeaning = (typeof MARKER_MEANINGS)[number];

/** The upstream's own freshness file. */
export interface MarkerRule {
  /** Where it may be below the upstream's root: the first that is there counts. Empty where `url` is the very file. */
  readonly paths: readonly string[];
  readonly parser: MarkerParser;
  /** For `json`: names of members with dots between them; for `key-date`: the key. Null for all others. */
  readonly field: string | null;
  readonly meaning: MarkerMeaning;
  /** Read over HTTP instead of the upstream's transport: a folder (with a slash at its end) or the file. */
  readonly url: string | null;
}

/** The true upstream of a mirror whose upstream is a mirror itself. */
export interface Origin {
  /** Folder below which the paths of the marker are read over HTTP; ends with a slash. */
  readonly url: string;
}

/** Files that say that the upstream is in the middle of an update. */
export interface WaitRule {
  /** Below the upstream's root; `*` and `?` in the last part. */
  readonly files: readonly string[];
  /** Seconds between two looks. */
  readonly pause: number;
  /** Looks in all. */
  readonly tries: number;
}

/** What the mirror writes about itself into a tree that it publishes. */
export interface TraceRule {
  /**
   * `debian`: a trace file of ftpsync's form, `_traces` and `_hierarchy`. `date`: a file with the date, named after
   * this host. `epoch`: a file with the seconds since 1970.
   */
  readonly kind: 'debian' | 'date' | 'epoch';
  /** Below the root of the tree: a folder for `debian` and `date`, the file for `epoch`. */
  readonly path: string;
  /** Name of this mirror, which is that of the file. */
  readonly host: string;
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
  /** Upstream changes it no more. */
  readonly frozen: boolean;
  readonly publish: 'slots' | 'in-place';
  readonly marker: MarkerRule | null;
  readonly verify: VerifyRule;
  /** What one run may change before it is held for a person. */
  readonly guard: GuardLimits;
  /** Dated generations that are kept beside the live tree; null is none. */
  readonly keep: KeepRule | null;
  /** Seconds between two looks at the marker, beside the runs. */
  readonly markerEvery: number;
  readonly origin: Origin | null;
  /** A file that is fetched although the marker says that nothing has changed. */
  readonly heartbeat: string | null;
  readonly waitWhile: WaitRule | null;
  readonly pace: Pace | null;
  readonly trace: TraceRule | null;
  /** Name of the file at the upstream's root that lists all others (`fullfiletimelist-*`). */
  readonly fileList: string | null;
  /** Other addresses of the same tree over HTTP, each with a slash at its end. */
  readonly sources: readonly string[];
  /** Zones whose clients may read it; null is all. */
  readonly read: readonly string[] | null;
}

/** Whatever is kept in step with an upstream. */
export type Mirror = TreeMirror | ImageMirror;
