import type { Generation } from '../core/generation.js';
import { formatBytes, formatDuration } from '../core/units.js';

/** How the size of the served tree changed. Bytes may be negative; `since` is milliseconds since the epoch. */
export interface Growth {
  readonly bytes: number;
  readonly since: number;
}

const WEEK_MS = 7 * 24 * 3600 * 1000;

/**
 * The change over seven days, or since the oldest tree that is known when that is younger; null without an earlier one.
 * `generations` are the newest, newest first.
 */
export function growthOf(live: Generation, generations: readonly Generation[], now: number): Growth | null {
  const published = generations.filter(({ state }) => state !== 'publishing');
  const weekAgo = published.find(({ publishedAt }) => publishedAt <= now - WEEK_MS);
  if (weekAgo) return { bytes: live.bytes - weekAgo.bytes, since: now - WEEK_MS };
  const oldest = published.at(-1);
  if (!oldest || oldest.id === live.id) return null;
  return { bytes: live.bytes - oldest.bytes, since: oldest.publishedAt };
}

/** `+1.2 GB in 7 d`. */
export function growthWords({ bytes, since }: Growth, now: number): string {
  const span = formatDuration(Math.floor((now - since) / 60_000) * 60);
  if (bytes === 0) return `same for ${span}`;
  return `${bytes > 0 ? '+' : '−'}${formatBytes(Math.abs(bytes))} in ${span}`;
}
