import { countOf, formatDuration } from '../core/units.js';
import type { MirrorStatus } from './mirror-status.js';

/** What is needed to compare a published tree with its upstream. */
type Compared = Pick<MirrorStatus, 'published' | 'marker' | 'upstreamMarker' | 'lastGood' | 'upstream'>;

/**
 * Seconds for which upstream has had what the published tree lacks; without that, by which the published marker is older
 * than the newest one read upstream. Undefined when times are missing.
 */
export function lagSeconds({ published, upstreamMarker, upstream }: Compared): number | undefined {
  if (published && upstream.lagSeconds !== null) return upstream.lagSeconds;
  if (!published?.markerTime || !upstreamMarker?.time) return undefined;
  return Math.max(0, upstreamMarker.time - published.markerTime) / 1000;
}

/** How far the published tree was behind its upstream when that was last read, in words; claims no more than is known. */
export function lagWords(status: Compared): string {
  const { published, upstreamMarker, lastGood, marker } = status;
  if (!published) return 'nothing published';
  if (marker === null || !published.markerValue || !upstreamMarker)
    return lastGood?.generation && lastGood.generation > published.id ? 'switched back' : 'no marker to compare';
  const { updatesBehind } = status.upstream;
  const isInStep = status.upstream.lagSeconds === 0 && updatesBehind === 0;
  if (isInStep || published.markerValue === upstreamMarker.value) return 'not behind';
  const seconds = lagSeconds(status);
  const updates = updatesBehind ? `, ${countOf(updatesBehind, 'update', 'updates')}` : '';
  return seconds ? `${formatDuration(seconds)}${updates}` : 'a newer one is there';
}
