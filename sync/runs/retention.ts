import { rm } from 'node:fs/promises';
import type { Layout } from '../../content/layout.js';
import type { Log } from '../../platform/log.js';
import type { Store } from '../../store/open.js';

const DAY_MS = 24 * 3600 * 1000;

/** Removes the records and logs of runs that are neither recent nor among the newest. */
export async function removeOldRuns(
  { store, layout, log, clock }: { store: Store; layout: Layout; log: Log; clock: () => number },
  mirror: string,
  keep: { runs: number; days: number },
): Promise<void> {
  // the pace counts those of a day
  const before = clock() - Math.max(keep.days, 1) * DAY_MS;
  try {
    for (const id of store.runs.outdated(mirror, { runs: keep.runs, before })) {
      await rm(layout.log(mirror, id), { force: true });
      store.runs.remove(id);
    }
  } catch (error) {
    log.warn({ err: error, mirror }, 'old runs could not be removed; it is tried again after the next run');
  }
}
