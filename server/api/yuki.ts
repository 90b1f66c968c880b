import type { MirrorStatus } from '../mirror-status.js';
import { epochSeconds, syncWords } from './sync-words.js';

/** What Yuki says where nothing is known yet. */
const UNKNOWN = -1;

/** One entry of `/api/v1/metas`, as Yuki has it. Sizes are bytes, times seconds since the epoch, 0 for never. */
export function yukiMeta(status: MirrorStatus): Record<string, string | number | boolean> {
  const { published, running, lastRun, verdict } = status;
  return {
    name: status.name,
    upstream: status.upstreams[0] ?? '',
    syncing: running !== null,
    size: published?.bytes ?? UNKNOWN,
    exitCode: exitCode(status),
    lastSuccess: epochSeconds(published?.confirmedAt) ?? 0,
    updatedAt: epochSeconds(lastRun?.endedAt) ?? 0,
    prevRun: epochSeconds((running ?? lastRun)?.startedAt) ?? 0,
    nextRun: epochSeconds(verdict.nextAt) ?? 0,
  };
}

/** 0 only where nothing is wrong: a tree that was held back came with exit code 0 as well. */
function exitCode(status: MirrorStatus): number {
  if (!status.published) return UNKNOWN;
  return syncWords(status).tunasync === 'failed' ? status.lastRun?.exitCode || UNKNOWN : 0;
}
