import type { Generation } from '../core/generation.js';
import { formatBytes, formatDuration } from '../core/units.js';

/** How the size of the served tree changed, bytes; negative when it shrank. */
export interface Growth {
  readonly bytes: number;
  /** Since when, milliseconds since the epoch; null = in seven days. It is given when no tree so old is known. */
  readonly since: number | null;
}

/** What is needed of a generation to tell how the tree grew. */
export type SizedGeneration = Pick<Generation, 'id' | 'state' | 'bytes' | 'publishedAt'>;

const WEEK_MS = 7 * 24 * 3600 * 1000;

/** Null without an earlier tree to compare with. `generations` are the newest, newest first. */
export function growthOf(live: SizedGeneration, generations: readonly SizedGeneration[], now: number): Growth | null {
  const published = generations.filter(({ state }) => state !== 'publishing');
  const weekAgo = published.find(({ publishedAt }) => publishedAt <= now - WEEK_MS);
  if (weekAgo) return { bytes: live.bytes - weekAgo.bytes, since: null };
  const oldest = published.at(-1);
  if (!oldest || oldest.id === live.id) return null;
  return { bytes: live.bytes - oldest.bytes, since: oldest.publishedAt };
}

/** `+1.2 GB in 7 d`. */
export function growthWords({ bytes, since }: Growth, now: number): string {
  const span = since === null ? '7 d' : formatDuration(Math.max(60, Math.floor((now - since) / 60_000) * 60));
  return `${bytes === 0 ? 'no change' : signedBytes(bytes)} in ${span}`;
}

/** With a true minus sign. */
export function signedBytes(bytes: number): string {
  return `${bytes < 0 ? '−' : '+'}${formatBytes(Math.abs(bytes))}`;
}
