import type { MirrorStatus } from '../mirror-status.js';
import type { VerdictWord } from '../../core/verdict-words.js';

/** Go's zero time, which tunasync writes for "never". */
const NEVER = { text: '0001-01-01 00:00:00 +0000', seconds: -62_135_596_800 };

/**
 * Our verdicts in the words of tunasync. `retrying` is `syncing`: the round of tries has not ended, and readers take
 * `failed` for a mirror to stay away from.
 */
const STATUS: Readonly<Record<VerdictWord, string>> = {
  current: 'success',
  'upstream-idle': 'success',
  behind: 'syncing',
  late: 'syncing',
  running: 'syncing',
  retrying: 'syncing',
  queued: 'pre-syncing',
  failing: 'failed',
  stuck: 'failed',
  'upstream-down': 'failed',
  refused: 'failed',
  quarantined: 'failed',
  held: 'failed',
  paused: 'paused',
  new: 'none',
};

/** One row of `/static/tunasync.json`: the fields of tunasync's web status, and ours with `x_` before their names. */
export function tunasyncRow(status: MirrorStatus): Record<string, string | number | boolean | null> {
  const latest = status.running ?? status.lastRun;
  return {
    name: status.name,
    is_master: true,
    status: statusWord(status),
    ...time('last_update', status.published?.confirmedAt),
    ...time('last_started', latest?.startedAt),
    ...time('last_ended', status.lastRun?.endedAt),
    ...time('next_schedule', status.verdict.nextAt),
    upstream: status.upstreams[0] ?? '',
    size: status.published ? sizeText(status.published.bytes) : 'unknown',
    x_bytes: status.published?.bytes ?? null,
    x_upstream_marker_ts: toSeconds(status.upstreamMarker?.time),
    x_verdict: status.verdict.word,
    x_reason: status.verdict.sentence,
  };
}

/** A mirror that has nothing yet is `none`, whatever goes on with its first sync: readers take the rest for usable. */
function statusWord({ verdict, published }: MirrorStatus): string {
  return published || verdict.word === 'paused' ? STATUS[verdict.word] : STATUS.new;
}

/** `2026-08-20 04:15:07 +0000`: Go's layout `2006-01-02 15:04:05 -0700`, in UTC. */
function time(name: string, at: number | null | undefined): Record<string, string | number> {
  const seconds = toSeconds(at);
  if (seconds === null) return { [name]: NEVER.text, [`${name}_ts`]: NEVER.seconds };
  const text = new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' ');
  return { [name]: `${text} +0000`, [`${name}_ts`]: seconds };
}

function toSeconds(at: number | null | undefined): number | null {
  return at === null || at === undefined ? null : Math.floor(at / 1000);
}

/** As rsync prints it with `-h`, in thousands: `1.9T`. */
function sizeText(bytes: number): string {
  const units = ['', 'K', 'M', 'G', 'T', 'P'];
  let size = bytes;
  let unit = 0;
  for (; size >= 1000 && unit < units.length - 1; unit++) size /= 1000;
  return unit === 0 ? String(size) : `${size.toFixed(1)}${units[unit]}`;
}
