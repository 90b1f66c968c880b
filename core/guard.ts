import { displayName } from './tree-path.js';
import { formatBytes, formatCount, formatFiles } from './units.js';

/** Below so many deletions a tree is never held: small trees change wholly and harmlessly. */
const FEWEST_DELETIONS = 20;
/** Below so many replaced or touched files a tree is never held: small trees are often built anew. */
const FEWEST_TOUCHED = 1000;
/** Bytes below which an index may shrink as it likes: suites for updates are emptied at each release. */
export const SMALLEST_INDEX = 1_000_000;

/** What one publish may change before a person must decide. Shares are 0 to 1; 1 allows everything; null is no limit. */
export interface GuardLimits {
  /** Of the published files, how many may go. */
  readonly maxDelete: number;
  readonly maxDeleteFiles: number | null;
  readonly maxDeleteBytes: number | null;
  /** By how much one index file may become smaller. */
  readonly maxShrink: number;
  /** Of the published files, how many may be replaced or get another time. */
  readonly maxTouched: number;
}

/** What a new tree has otherwise than the published one; sizes are bytes. */
export interface TreeChange {
  readonly publishedFiles: number;
  readonly deletedFiles: number;
  readonly deletedBytes: number;
  /** Files of both trees that have other bytes or another time. */
  readonly touchedFiles: number;
  /** The index that lost the largest share, of those that had `SMALLEST_INDEX`; null when none became smaller. */
  readonly shrunk: ShrunkIndex | null;
}

/** `path` is as bytes in latin1; sizes are bytes. */
export interface ShrunkIndex {
  readonly path: string;
  readonly before: number;
  readonly after: number;
}

/** A limit that a new tree is over; `measured` and `limit` are words for people. */
export interface BrokenLimit {
  /** The key of the configuration below `guard`. */
  readonly rule: 'max_delete' | 'max_delete_files' | 'max_delete_bytes' | 'max_shrink' | 'max_touched';
  readonly measured: string;
  readonly limit: string;
  readonly sentence: string;
}

/** The limits that hold a new tree back for a person; none, and it may be published. The first tree of all may be anything. */
export function brokenLimits(change: TreeChange, limits: GuardLimits): BrokenLimit[] {
  if (change.publishedFiles === 0) return [];
  return [...brokenByDeletions(change, limits), ...shrunkTooMuch(change, limits), ...touchedTooMuch(change, limits)];
}

/** Why a tree waits for a person, in one text. */
export function heldSentence(broken: readonly BrokenLimit[]): string {
  return broken.map(({ sentence }) => sentence).join(' ');
}

function brokenByDeletions(change: TreeChange, limits: GuardLimits): BrokenLimit[] {
  const { publishedFiles, deletedFiles, deletedBytes } = change;
  const { maxDelete, maxDeleteFiles, maxDeleteBytes } = limits;
  if (deletedFiles < FEWEST_DELETIONS) return [];
  const broken: BrokenLimit[] = [];
  const share = deletedFiles / publishedFiles;
  if (share > maxDelete)
    broken.push({
      ...{ rule: 'max_delete', measured: percent(share), limit: percent(maxDelete) },
      sentence:
        `Upstream removed ${formatCount(deletedFiles)} of ${formatFiles(publishedFiles)} (${percent(share)}), more than the ` +
        `${percent(maxDelete)} that are allowed.`,
    });
  if (maxDeleteFiles !== null && deletedFiles > maxDeleteFiles)
    broken.push({
      ...{ rule: 'max_delete_files', measured: formatFiles(deletedFiles), limit: formatFiles(maxDeleteFiles) },
      sentence: `Upstream removed ${formatFiles(deletedFiles)}, more than the ${formatCount(maxDeleteFiles)} that are allowed.`,
    });
  if (maxDeleteBytes !== null && deletedBytes > maxDeleteBytes)
    broken.push({
      ...{ rule: 'max_delete_bytes', measured: formatBytes(deletedBytes), limit: formatBytes(maxDeleteBytes) },
      sentence: `Upstream removed files of ${formatBytes(deletedBytes)}, more than the ${formatBytes(maxDeleteBytes)} that are allowed.`,
    });
  return broken;
}

function shrunkTooMuch({ shrunk }: TreeChange, { maxShrink }: GuardLimits): BrokenLimit[] {
  if (!shrunk) return [];
  const share = 1 - shrunk.after / shrunk.before;
  if (share <= maxShrink) return [];
  const name = JSON.stringify(displayName(shrunk.path));
  const sentence =
    `The index ${name} shrank from ${formatBytes(shrunk.before)} to ${formatBytes(shrunk.after)} (by ` +
    `${percent(share)}), by more than the ${percent(maxShrink)} that are allowed.`;
  return [{ rule: 'max_shrink', measured: percent(share), limit: percent(maxShrink), sentence }];
}

function touchedTooMuch({ publishedFiles, touchedFiles }: TreeChange, { maxTouched }: GuardLimits): BrokenLimit[] {
  const share = touchedFiles / publishedFiles;
  if (touchedFiles < FEWEST_TOUCHED || share <= maxTouched) return [];
  const sentence =
    `Upstream replaced or touched ${formatCount(touchedFiles)} of ${formatFiles(publishedFiles)} (${percent(share)}), ` +
    `more than the ${percent(maxTouched)} that are allowed.`;
  return [{ rule: 'max_touched', measured: percent(share), limit: percent(maxTouched), sentence }];
}

function percent(value: number): string {
  return `${Math.round(value * 1000) / 10} %`;
}

const INDEX_NAME =
  /^(?:(?:Packages|Sources|Contents-.*)(?:\.\w+)?|(?:[0-9a-f]{32,128}-)?(?:primary|filelists|other)\.(?:xml|sqlite)(?:\.\w+)?|.*\.(?:db|files)(?:\.tar\.\w+)?|APKINDEX\.tar\.gz|ls-lR(?:\.\w+)?|fullfiletimelist-.*|fullfilelist)$/s;

/**
 * What of a path is the same each time the same index is written, or null for what is no index: names of rpm indexes
 * begin with their own digest. Indexes of apt (Packages, Sources, Contents), rpm (primary, filelists, other), pacman
 * (*.db, *.files) and apk (APKINDEX), and lists of all files.
 */
export function indexKey(path: string): string | null {
  const slash = path.lastIndexOf('/') + 1;
  const name = path.slice(slash);
  return INDEX_NAME.test(name) ? path.slice(0, slash) + name.replace(/^[0-9a-f]{32,128}-/, '') : null;
}
