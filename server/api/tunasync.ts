import type { MirrorStatus } from '../mirror-status.js';
import { epochSeconds, sizeText, syncWords } from './sync-words.js';

/** Go's zero time, which tunasync writes for "never". */
const NEVER = { text: '0001-01-01 00:00:00 +0000', seconds: -62_135_596_800 };

/** One row of `/static/tunasync.json`: the fields of tunasync's web status, and ours with `x_` before their names. */
export function tunasyncRow(status: MirrorStatus): Record<string, string | number | boolean | null> {
  const latest = status.running ?? status.lastRun;
  return {
    name: status.name,
    is_master: true,
    status: syncWords(status).tunasync,
    ...time('last_update', status.published?.confirmedAt),
    ...time('last_started', latest?.startedAt),
    ...time('last_ended', status.lastRun?.endedAt),
    ...time('next_schedule', status.verdict.nextAt),
    upstream: status.upstreams[0] ?? '',
    size: status.published ? sizeText(status.published.bytes) : 'unknown',
    x_bytes: status.published?.bytes ?? null,
    x_upstream_marker_ts: epochSeconds(status.upstreamMarker?.time),
    x_verdict: status.verdict.word,
    x_reason: status.verdict.sentence,
  };
}

/** `2026-08-20 04:15:07 +0000`: Go's layout `2006-01-02 15:04:05 -0700`, in UTC. */
function time(name: string, at: number | null | undefined): Record<string, string | number> {
  const seconds = epochSeconds(at);
  if (seconds === null) return { [name]: NEVER.text, [`${name}_ts`]: NEVER.seconds };
  const text = new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' ');
  return { [name]: `${text} +0000`, [`${name}_ts`]: seconds };
}
