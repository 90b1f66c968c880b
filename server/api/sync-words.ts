import type { VerdictWord } from '../../core/verdict-words.js';
import type { MirrorStatus } from '../mirror-status.js';

/** A state in the words of tunasync, and the main letter of MirrorZ. */
export interface SyncWords {
  readonly tunasync: 'none' | 'failed' | 'success' | 'syncing' | 'pre-syncing' | 'paused';
  readonly mirrorz: 'S' | 'D' | 'Y' | 'F' | 'P' | 'C' | 'R' | 'U';
}

const SUCCESS: SyncWords = { tunasync: 'success', mirrorz: 'S' };
const SYNCING: SyncWords = { tunasync: 'syncing', mirrorz: 'Y' };
const FAILED: SyncWords = { tunasync: 'failed', mirrorz: 'F' };
const PAUSED: SyncWords = { tunasync: 'paused', mirrorz: 'P' };
const NONE: SyncWords = { tunasync: 'none', mirrorz: 'U' };

/**
 * Our verdicts in the words of others. `retrying` is `syncing`: the round of tries has not ended, and readers take
 * `failed` for a mirror to stay away from.
 */
const WORDS: Readonly<Record<VerdictWord, SyncWords>> = {
  current: SUCCESS,
  'upstream-idle': SUCCESS,
  frozen: SUCCESS,
  behind: SYNCING,
  late: SYNCING,
  running: SYNCING,
  retrying: SYNCING,
  queued: { tunasync: 'pre-syncing', mirrorz: 'D' },
  failing: FAILED,
  stuck: FAILED,
  'upstream-down': FAILED,
  refused: FAILED,
  quarantined: FAILED,
  held: FAILED,
  paused: PAUSED,
  cache: { tunasync: 'success', mirrorz: 'C' },
  proxy: { tunasync: 'success', mirrorz: 'R' },
  new: NONE,
};

/** A mirror that has nothing yet is `none`, whatever goes on with its first sync: readers take the rest for usable. */
export function syncWords({ verdict, published }: Pick<MirrorStatus, 'verdict' | 'published'>): SyncWords {
  const isUsable = published !== null || ['paused', 'cache', 'proxy'].includes(verdict.word);
  return isUsable ? WORDS[verdict.word] : NONE;
}

/** Whole seconds since the epoch of milliseconds; null of what is not known. */
export function epochSeconds(at: number | null | undefined): number | null {
  return at === null || at === undefined ? null : Math.floor(at / 1000);
}

/** As rsync prints it with `-h`, in thousands: `1.9T`. */
export function sizeText(bytes: number): string {
  const units = ['', 'K', 'M', 'G', 'T', 'P'];
  let size = bytes;
  let unit = 0;
  // 999.95 would be printed as 1000.0, which is one of the next unit
  for (; size >= (unit === 0 ? 1000 : 999.95) && unit < units.length - 1; unit++) size /= 1000;
  return unit === 0 ? String(size) : `${size.toFixed(1)}${units[unit]}`;
}
