import type { MirrorStatus } from '../mirror-status.js';
import { syncWords } from './sync-words.js';

/** Go's zero time, for "never". */
const NEVER = '0001-01-01T00:00:00Z';

/** `/lug/v1/manager/summary`, as lug has it. Times are RFC 3339. */
export function lugSummary(statuses: readonly MirrorStatus[]): object {
  return { WorkerStatus: Object.fromEntries(statuses.map((status) => [status.name, workerStatus(status)])) };
}

function workerStatus(status: MirrorStatus): object {
  const { lastRun, running, queued } = status;
  const ended = lastRun?.endedAt ?? null;
  const { tunasync } = syncWords(status);
  return {
    Result: tunasync !== 'failed' && tunasync !== 'none',
    LastFinished: ended === null ? NEVER : new Date(ended).toISOString().replace(/\.\d+Z$/, 'Z'),
    Idle: running === null && queued === null,
  };
}
