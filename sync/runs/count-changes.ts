import { bytePath, lstatOrNull } from '../../content/byte-path.js';
import { readChanges } from '../../content/change-list.js';
import { eachLimited } from '../../content/each-limited.js';
import type { Layout } from '../../content/layout.js';
import type { RunNumbers } from '../../core/run.js';
import type { Staging } from './prepare.js';

const UNDER_WAY = 16;

export type ChangeCounts = Pick<RunNumbers, 'addedFiles' | 'addedBytes' | 'deletedFiles' | 'deletedBytes'> & {
  /** Entries that are more than new times or permissions. */
  readonly entries: number;
};

/**
 * Counts what the list of changes holds from byte `from` on: O(changes). Sizes of deleted files are those of the
 * live tree, which still has them; a tree that is published in place has them no more, and they count 0 bytes.
 */
export async function countChanges(
  layout: Layout,
  mirror: string,
  staging: Staging,
  from: number,
): Promise<ChangeCounts> {
  const counts = { entries: 0, addedFiles: 0, addedBytes: 0, deletedFiles: 0, deletedBytes: 0 };
  const liveRoot = staging.live && layout.slot(mirror, staging.live.slot);
  await eachLimited(readChanges(staging.changes, from), UNDER_WAY, async (change) => {
    if (change.attributesOnly) return;
    counts.entries++;
    if (change.kind === 'file' && change.created) {
      counts.addedFiles++;
      counts.addedBytes += change.size;
    }
    if (change.kind !== 'deleted' || change.folder) return;
    if (liveRoot === staging.root) counts.deletedFiles++;
    else if (liveRoot !== null && !(await lstatOrNull(bytePath(staging.root, change.path)))) {
      const gone = await lstatOrNull(bytePath(liveRoot, change.path));
      if (!gone?.isFile()) return;
      counts.deletedFiles++;
      counts.deletedBytes += gone.size;
    }
  });
  return counts;
}
