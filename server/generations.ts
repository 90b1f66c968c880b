import type { Generation } from '../core/generation.js';
import type { RemovedGeneration } from '../core/kept.js';
import type { Store } from '../store/open.js';

/** A generation that can be read now. Times are milliseconds since the epoch, UTC; sizes are bytes. */
export interface ServedGeneration {
  /** What it is called: `live`, `previous`, or its stamp. */
  readonly name: string;
  readonly path: string;
  /** What only the database knew is null of one that was found on the disk. */
  readonly generation: number | null;
  readonly runId: number | null;
  readonly files: number | null;
  readonly bytes: number | null;
  readonly publishedAt: number;
  /** Bytes that would be free without it; null where nobody counts them. */
  readonly ownBytes: number | null;
}

export interface GenerationsData {
  readonly mirror: string;
  /** Newest first; empty before the first publish. */
  readonly generations: readonly ServedGeneration[];
  /** Bytes that all kept ones together take beside the live and the previous tree. */
  readonly extraBytes: number;
  /** The last ones that were removed, newest removal first. */
  readonly removed: readonly RemovedGeneration[];
}

/** What of a mirror can be read, from the records alone. */
export function generationsData(store: Store, mirror: string): GenerationsData {
  const live = store.generations.live(mirror);
  const previous = store.generations.inState(mirror, 'previous');
  const { total, own } = store.kept.extraBytes(mirror);
  const kept = store.kept
    .list(mirror)
    .map(({ stamp, generation, runId, files, bytes, publishedAt }): ServedGeneration => ({
      ...{ name: stamp, path: `/${mirror}/@${stamp}/`, generation, runId, files, bytes, publishedAt },
      ownBytes: own.get(stamp) ?? 0,
    }));
  return {
    mirror,
    generations: [
      ...(live ? [slotGeneration(live, 'live', `/${mirror}/`)] : []),
      ...(previous ? [slotGeneration(previous, 'previous', `/${mirror}/@previous/`)] : []),
      ...kept,
    ],
    extraBytes: total,
    removed: store.kept.removed(mirror),
  };
}

function slotGeneration(
  { id, runId, files, bytes, publishedAt }: Generation,
  name: string,
  path: string,
): ServedGeneration {
  return { name, path, generation: id, runId, files, bytes, publishedAt, ownBytes: null };
}
