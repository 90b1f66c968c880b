import type { Stats } from 'node:fs';
import { opendir, stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import picomatch from 'picomatch';
import type { Download } from '../../config/preset-help-schema.js';
import { bytePath } from '../../content/byte-path.js';
import { systemCode } from '../../core/errors.js';
import { displayName, isTransient, type RawName } from '../../core/tree-path.js';

/** A file that people download to install something, as a rule of a preset has found it. */
export interface Installer {
  readonly mirror: string;
  /** Below the root of the tree. */
  readonly segments: readonly RawName[];
  readonly product: string;
  /** Empty where the rule tells none. */
  readonly version: string;
  /** Name of a processor as the project writes it; empty where the rule tells none. */
  readonly arch: string;
  /** For people; empty where the rule tells none. */
  readonly kind: string;
  /** Place of the kind in the list of the rule: what most people want comes first. */
  readonly rank: number;
  /** What tells this version of the file from another: bytes, milliseconds since the epoch, inode. */
  readonly size: number;
  readonly mtimeMs: number;
  readonly ino: number;
  /** Name of the project's own file of sums in the same folder; null where there is none. */
  readonly sums: string | null;
}

/** What of a tree could not be looked at, because there is too much of it. */
export interface Scanned {
  readonly installers: readonly Installer[];
  readonly isCut: boolean;
}

export interface ScanLimits {
  /** Entries of folders that are looked at, for all rules of a mirror. */
  readonly entries: number;
  /** Files that are kept of a mirror. */
  readonly files: number;
}

export const SCAN_LIMITS: ScanLimits = { entries: 50_000, files: 2_000 };

/** Folders that "**" goes down. */
const DEEPEST = 6;
/** After so many entries others get their turn at the disk. */
const BATCH = 500;
const REST_MS = 5;
const LONGEST_WORD = 60;

interface Walk {
  readonly root: string;
  readonly signal: AbortSignal;
  readonly limits: ScanLimits;
  /** Whether files of sums are there, by their paths. */
  readonly sums: Map<string, boolean>;
  seen: number;
  isCut: boolean;
}

/**
 * Finds the installers of a tree: only folders that the globs of the rules lead to are read, and no file is opened.
 * @throws the signal's reason, system errors
 */
export async function scanInstallers(
  { mirror, root, rules }: { mirror: string; root: string; rules: readonly Download[] },
  signal: AbortSignal,
  limits: ScanLimits = SCAN_LIMITS,
): Promise<Scanned> {
  const walk: Walk = { root, signal, limits, sums: new Map(), seen: 0, isCut: false };
  const found = new Map<string, Installer>();
  for (const rule of rules) {
    const pattern = new RegExp(rule.match, 's');
    for await (const segments of matchingFiles(walk, rule.files.split('/'), [])) {
      const match = pattern.exec(segments.join('/'));
      if (!match) continue;
      if (found.size >= limits.files) {
        walk.isCut = true;
        break;
      }
      const installer = await installerOf(walk, { mirror, rule, segments, groups: match.groups ?? {} });
      if (installer) found.set(segments.join('/'), installer);
    }
  }
  return { installers: [...found.values()], isCut: walk.isCut };
}

async function installerOf(
  walk: Walk,
  file: {
    mirror: string;
    rule: Download;
    segments: readonly RawName[];
    groups: Readonly<Record<string, string | undefined>>;
  },
): Promise<Installer | undefined> {
  const { mirror, rule, segments, groups } = file;
  const stats = await statFile(walk, segments);
  if (!stats) return undefined;
  const word = (name: string): string => displayName(groups[name] ?? '').slice(0, LONGEST_WORD);
  const kind = word('kind');
  const place = Object.keys(rule.kinds).indexOf(kind);
  return {
    ...{ mirror, segments, product: rule.product },
    ...{ version: word('version'), arch: word('arch'), kind: (place < 0 ? undefined : rule.kinds[kind]) ?? kind },
    rank: place < 0 ? Object.keys(rule.kinds).length : place,
    ...{ size: stats.size, mtimeMs: stats.mtimeMs, ino: stats.ino },
    sums: rule.checksums !== undefined && (await hasSums(walk, segments, rule.checksums)) ? rule.checksums : null,
  };
}

async function hasSums(walk: Walk, segments: readonly RawName[], name: string): Promise<boolean> {
  const path = [...segments.slice(0, -1), name];
  const known = walk.sums.get(path.join('/')) ?? (await statFile(walk, path)) !== undefined;
  walk.sums.set(path.join('/'), known);
  return known;
}

async function statFile({ root }: Walk, segments: readonly RawName[]): Promise<Stats | undefined> {
  try {
    const stats = await stat(bytePath(root, segments.join('/')));
    return stats.isFile() ? stats : undefined;
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/** Paths of what is no folder and matches the rest of a glob, below the folder `at`. */
async function* matchingFiles(
  walk: Walk,
  [first, ...rest]: readonly string[],
  at: readonly RawName[],
): AsyncGenerator<readonly RawName[]> {
  if (first === undefined) return;
  if (first === '**') {
    yield* matchingFiles(walk, rest, at);
    if (at.length >= DEEPEST) return;
    for (const { name, isFolder } of await entriesOf(walk, at, () => true))
      if (isFolder) yield* matchingFiles(walk, [first, ...rest], [...at, name]);
    return;
  }
  if (!picomatch.scan(first).isGlob && rest.length > 0) {
    yield* matchingFiles(walk, rest, [...at, first]);
    return;
  }
  const isMatch = picomatch(first);
  for (const { name, isFolder } of await entriesOf(walk, at, isMatch)) {
    if (rest.length > 0 && isFolder) yield* matchingFiles(walk, rest, [...at, name]);
    else if (rest.length === 0 && !isFolder) yield [...at, name];
  }
}

/** By numbers as numbers: v3.9 before v3.10. */
const NAME_ORDER = new Intl.Collator('en', { numeric: true });

/**
 * What is directly in a folder, newest version first, so that the bounds cut off old ones. Links to folders are not
 * followed: what they lead to has a path of its own.
 */
async function entriesOf(
  walk: Walk,
  at: readonly RawName[],
  isWanted: (name: RawName) => boolean,
): Promise<{ name: RawName; isFolder: boolean }[]> {
  walk.signal.throwIfAborted();
  const entries: { name: RawName; isFolder: boolean }[] = [];
  // Node takes 'latin1' here and keeps every byte; its types only know the name 'utf8' and its kin
  const folder = await opendir(bytePath(walk.root, at.join('/')), { encoding: 'latin1' }).catch((error: unknown) => {
    if (isGone(error)) return [];
    throw error;
  });
  for await (const entry of folder) {
    if (walk.seen >= walk.limits.entries) {
      walk.isCut = true;
      break;
    }
    if (++walk.seen % BATCH === 0) await delay(REST_MS, undefined, { signal: walk.signal });
    if (!isTransient(entry.name) && isWanted(entry.name))
      entries.push({ name: entry.name, isFolder: entry.isDirectory() });
  }
  return entries.sort((a, b) => NAME_ORDER.compare(b.name, a.name));
}

function isGone(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES'].includes(systemCode(error) ?? '');
}
