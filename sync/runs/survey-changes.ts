import { bytePath, lstatOrNull } from '../../content/byte-path.js';
import { readChanges, type Change } from '../../content/change-list.js';
import type { RunNumbers } from '../../core/run.js';
import type { Staging } from './prepare.js';
import type { RunLog } from './run-log.js';

const MOST_LINES = 5_000;

export interface ChangeSurvey {
  /** Entries that are more than new times or permissions, of this run. */
  readonly entries: number;
  /** Of this run; bytes. */
  readonly numbers: Pick<RunNumbers, 'addedFiles' | 'addedBytes' | 'deletedFiles' | 'deletedBytes'>;
  /** What differs from the live tree, earlier runs included. */
  readonly inAll: Difference;
}

/** Files that only one of the trees has, and how much larger the staging slot is; bytes. */
export interface Difference {
  readonly addedFiles: number;
  readonly deletedFiles: number;
  readonly grownBytes: number;
}

/**
 * Counts what the list of changes holds, and writes what this run changed (from byte `from` on) to its log, as far as
 * anybody would read it: O(changes). Sizes of deleted files are those of the live tree at `liveRoot`, which still has
 * them; null is no live tree. One that is published in place has them no more, and they count 0 bytes.
 */
export async function surveyChanges(
  { root, changes }: Pick<Staging, 'root' | 'changes'>,
  { from, liveRoot, log }: { from: number; liveRoot: string | null; log: RunLog },
): Promise<ChangeSurvey> {
  const numbers = { addedFiles: 0, addedBytes: 0, deletedFiles: 0, deletedBytes: 0 };
  const inAll = { addedFiles: 0, deletedFiles: 0, grownBytes: 0 };
  let entries = 0;
  const survey = async (change: Change, ofThisRun: boolean): Promise<void> => {
    if (change.attributesOnly) return;
    if (ofThisRun && ++entries <= MOST_LINES) log.write(describe(change));
    if (change.kind === 'file' && change.created) {
      inAll.addedFiles++;
      inAll.grownBytes += change.size;
      if (ofThisRun) numbers.addedFiles++;
      if (ofThisRun) numbers.addedBytes += change.size;
    }
    const gone = await deletedSize(change, root, liveRoot);
    if (gone === null) return;
    inAll.deletedFiles++;
    inAll.grownBytes -= gone;
    if (!ofThisRun) return;
    numbers.deletedFiles++;
    numbers.deletedBytes += gone;
  };
  if (from > 0) for await (const change of readChanges(changes, 0, from)) await survey(change, false);
  for await (const change of readChanges(changes, from)) await survey(change, true);
  if (entries > MOST_LINES) log.write(`Only the first ${MOST_LINES} of ${entries} changes are listed.`);
  return { entries, numbers, inAll };
}

/** Bytes of the file that the change has deleted, or null when it deleted none, or another change brought it back. */
async function deletedSize(change: Change, root: string, liveRoot: string | null): Promise<number | null> {
  if (change.kind !== 'deleted' || change.folder || liveRoot === null) return null;
  if (liveRoot === root) return 0;
  if (await lstatOrNull(bytePath(root, change.path))) return null;
  const gone = await lstatOrNull(bytePath(liveRoot, change.path));
  return gone?.isFile() ? gone.size : null;
}

function describe(change: Change): string {
  const name = JSON.stringify(Buffer.from(change.path, 'latin1').toString('utf8'));
  return `${change.created ? 'new ' : ''}${change.kind} ${name}`;
}
