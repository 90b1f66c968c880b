import { formatDuration } from '../core/units.js';
import type { MirrorStatus } from './mirror-status.js';

/** What is needed to compare a published tree with its upstream. */
type Compared = Pick<MirrorStatus, 'published' | 'marker' | 'upstreamMarker' | 'lastGood'>;

/** Seconds by which the published marker is older than the newest one read upstream; undefined when times are missing. */
export function lagSeconds({ published, upstreamMarker }: Compared): number | undefined {
  if (!published?.markerTime || !upstreamMarker?.time) return undefined;
  return Math.max(0, upstreamMarker.time - published.markerTime) / 1000;
}

/** How far the published tree was behind its upstream when that was last read, in words; claims no more than is known. */
export function lagWords(status: Compared): string {
  const { published, upstreamMarker, lastGood, marker } = status;
  if (!published) return 'nothing published';
  if (marker === null || !published.markerValue || !upstreamMarker)
    return lastGood?.generation && lastGood.generation > published.id ? 'switched back' : 'no marker to compare';
  if (published.markerValue === upstreamMarker.value) return 'not behind';
  const seconds = lagSeconds(status);
  return seconds ? formatDuration(seconds) : 'a newer one is there';
}
