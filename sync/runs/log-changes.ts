import { readChanges } from '../../content/change-list.js';
import type { RunLog } from './run-log.js';

const MOST_LINES = 5_000;
/** Writes what changed in the tree to the log of the run, as far as anybody would read it. */
export async function logChanges(log: RunLog, list: string, from: number): Promise<void> {
  let lines = 0;
  for await (const change of readChanges(list, from)) {
    if (change.attributesOnly) continue;
    if (++lines > MOST_LINES) {
      log.write(`Only the first ${MOST_LINES} changes are listed.`);
      return;
    }
    const name = JSON.stringify(Buffer.from(change.path, 'latin1').toString('utf8'));
    log.write(`${change.created ? 'new ' : ''}${change.kind} ${name}`);
  }
}
