import { bytePath, lstatOrNull } from '../../content/byte-path.js';
import { readChanges, type Change } from '../../content/change-list.js';
import { FolderGroups, type FolderChange } from '../../core/folder-groups.js';
import { indexKey, SMALLEST_INDEX, type ShrunkIndex } from '../../core/guard.js';
import type { RunNumbers } from '../../core/run.js';
import type { Staging } from './prepare.js';
import type { RunLog } from './run-log.js';

const MOST_LINES = 5_000;
const MOST_DELETED_NAMED = 100;
const MOST_SHRUNK_NAMED = 20;
/** Indexes whose names are others each time are put together by what stays; so many are remembered. */
const MOST_RENAMED_INDEXES = 10_000;

export interface ChangeSurvey {
  /** Entries that are more than new times or permissions, of this run. */
  readonly entries: number;
  /** Of this run; bytes. */
  readonly numbers: Pick<RunNumbers, 'addedFiles' | 'addedBytes' | 'deletedFiles' | 'deletedBytes'>;
  /** What differs from the live tree, earlier runs included. */
  readonly inAll: Difference;
}

/** How the staging slot differs from the live tree; bytes, and paths as bytes in latin1. */
export interface Difference {
  readonly addedFiles: number;
  readonly deletedFiles: number;
  readonly deletedBytes: number;
  /** Files of both that have other bytes, another time or other permissions. */
  readonly touchedFiles: number;
  /** How much larger the staging slot is; files that were replaced count as before. */
  readonly grownBytes: number;
  /** The same by folder, at most 1,000 of them. */
  readonly folders: readonly FolderChange[];
  /** Some of the files that are gone. */
  readonly deleted: readonly { readonly path: string; readonly size: number }[];
  /** Large indexes that have become smaller, those that lost most first. */
  readonly shrunk: readonly ShrunkIndex[];
  /** Bytes of files that only kept generations will have, by how many of these have them. */
  readonly lost: ReadonlyMap<number, number>;
}

/**
 * Counts what the list of changes holds, and writes what this run changed (from byte `from` on) to its log, as far as
 * anybody would read it: O(changes). Sizes of deleted files are those of the live tree at `liveRoot`, which still has
 * them; null is no live tree. One that is published in place has them no more, and they count 0 bytes. Links of files
 * tell which of `kept` generations have them as well; where a tree has hard links of its own, it may seem to be more.
 */
export async function surveyChanges(
  { root, changes }: Pick<Staging, 'root' | 'changes'>,
  { from, liveRoot, kept = 0, log }: { from: number; liveRoot: string | null; kept?: number; log: RunLog },
): Promise<ChangeSurvey> {
  const numbers = { addedFiles: 0, addedBytes: 0, deletedFiles: 0, deletedBytes: 0 };
  const difference = new DifferenceCount(liveRoot === root ? null : liveRoot, kept);
  let entries = 0;
  const survey = async (change: Change, ofThisRun: boolean): Promise<void> => {
    const gone = await deletedFile(change, root, liveRoot);
    await difference.count(change, gone);
    if (change.attributesOnly || !ofThisRun) return;
    if (++entries <= MOST_LINES) log.write(describe(change));
    if (change.kind === 'file' && change.created) {
      numbers.addedFiles++;
      numbers.addedBytes += change.size;
    }
    if (gone === null) return;
    numbers.deletedFiles++;
    numbers.deletedBytes += gone.size;
  };
  if (from > 0) for await (const change of readChanges(changes, 0, from)) await survey(change, false);
  for await (const change of readChanges(changes, from)) await survey(change, true);
  if (entries > MOST_LINES) log.write(`Only the first ${MOST_LINES} of ${entries} changes are listed.`);
  return { entries, numbers, inAll: difference.result() };
}

/** Of a file; bytes. */
interface GoneFile {
  readonly size: number;
  readonly nlink: number;
}

/** Adds changes up in bounded memory. `liveRoot` is the tree that they are compared with; null is none that is whole. */
class DifferenceCount {
  readonly #counts = { addedFiles: 0, deletedFiles: 0, deletedBytes: 0, touchedFiles: 0, grownBytes: 0 };
  readonly #folders = new FolderGroups();
  readonly #deleted: { path: string; size: number }[] = [];
  readonly #shrunk: ShrunkIndex[] = [];
  readonly #renamed = new Map<string, { path: string; before: number; after: number }>();

  readonly #lost = new Map<number, number>();

  constructor(
    private readonly liveRoot: string | null,
    private readonly kept: number,
  ) {}

  /** `gone` is the file that the change has deleted, null when it deleted none. */
  async count(change: Change, gone: GoneFile | null): Promise<void> {
    const { path, size } = change;
    if (gone !== null) {
      this.#counts.deletedFiles++;
      this.#counts.deletedBytes += gone.size;
      this.#counts.grownBytes -= gone.size;
      this.#folders.add(path, 'deleted', gone.size);
      if (this.#deleted.length < MOST_DELETED_NAMED) this.#deleted.push({ path, size: gone.size });
      this.#noteRenamed(path, 'before', gone.size);
      this.#noteLost(gone);
    } else if (change.kind === 'file' && change.created) {
      this.#counts.addedFiles++;
      this.#counts.grownBytes += size;
      this.#folders.add(path, 'added', size);
      this.#noteRenamed(path, 'after', size);
    } else if (change.kind === 'file') {
      this.#counts.touchedFiles++;
      this.#folders.add(path, 'changed', size);
      if (!change.attributesOnly) await this.#compare(path, size);
    }
  }

  result(): Difference {
    for (const { path, before, after } of this.#renamed.values())
      if (before > 0 && after > 0) this.#noteShrunk({ path, before, after });
    return {
      ...this.#counts,
      ...{ folders: this.#folders.list(), deleted: this.#deleted, shrunk: this.#shrunk, lost: this.#lost },
    };
  }

  async #compare(path: string, after: number): Promise<void> {
    const isIndex = indexKey(path) !== null;
    if (this.liveRoot === null || (!isIndex && this.kept === 0)) return;
    const before = await lstatOrNull(bytePath(this.liveRoot, path));
    if (!before?.isFile()) return;
    if (isIndex) this.#noteShrunk({ path, before: before.size, after });
    this.#noteLost(before);
  }

  /** The slot that is filled has no link to it any more: one is of the live tree, the others of kept ones. */
  #noteLost({ size, nlink }: GoneFile): void {
    const holders = Math.min(nlink - 1, this.kept);
    if (holders > 0) this.#lost.set(holders, (this.#lost.get(holders) ?? 0) + size);
  }

  /** The largest of what is gone and of what is new count: old ones are often kept for a while. */
  #noteRenamed(path: string, side: 'before' | 'after', size: number): void {
    const key = indexKey(path);
    if (key === null || key === path) return;
    const known = this.#renamed.get(key) ?? { path, before: 0, after: 0 };
    if (!this.#renamed.has(key) && this.#renamed.size >= MOST_RENAMED_INDEXES) return;
    this.#renamed.set(key, { ...known, [side]: Math.max(known[side], size), ...(side === 'after' ? { path } : {}) });
  }

  #noteShrunk(index: ShrunkIndex): void {
    if (index.before < SMALLEST_INDEX || index.after >= index.before) return;
    this.#shrunk.push(index);
    this.#shrunk.sort((a, b) => a.after / a.before - b.after / b.before);
    this.#shrunk.splice(MOST_SHRUNK_NAMED);
  }
}

/** The file that the change has deleted, or null when it deleted none, or another change brought it back. */
async function deletedFile(change: Change, root: string, liveRoot: string | null): Promise<GoneFile | null> {
  if (change.kind !== 'deleted' || change.folder || liveRoot === null) return null;
  if (liveRoot === root) return { size: 0, nlink: 1 };
  if (await lstatOrNull(bytePath(root, change.path))) return null;
  const gone = await lstatOrNull(bytePath(liveRoot, change.path));
  return gone?.isFile() ? gone : null;
}

function describe(change: Change): string {
  const name = JSON.stringify(Buffer.from(change.path, 'latin1').toString('utf8'));
  return `${change.created ? 'new ' : ''}${change.kind} ${name}`;
}
