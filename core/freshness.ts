import { updatesBetween } from './marker.js';
import type { MarkerRule } from './mirror.js';

/** Whose marker: of the upstream that a mirror is fetched from, or of the true one, of which that is a mirror. */
export type MarkerSource = 'direct' | 'origin';

/** A marker as it was last read. Times are milliseconds since the epoch, UTC. */
export interface UpstreamReading {
  /** Null when it was never read, or upstream has none (any more). */
  readonly value: string | null;
  /** The time in it; null when it tells none. */
  readonly time: number | null;
  /** When it was first seen with this value. */
  readonly seenAt: number | null;
  /** When it was last read; null when it never was. */
  readonly readAt: number | null;
  /** Since when it cannot be read; null while it can. */
  readonly failedSince: number | null;
  /** Why, or that upstream has none, in one sentence. */
  readonly message: string | null;
}

/** The values that a marker has had since it had a given one. */
export interface NewerMarkers {
  readonly count: number;
  readonly firstTime: number | null;
  readonly firstSeenAt: number;
}

/** How far what is served is behind its upstream. */
export interface Freshness {
  readonly direct: UpstreamReading | null;
  readonly origin: UpstreamReading | null;
  /** Seconds since upstream first had something that is not served here; 0 when all is. Null when that is not known. */
  readonly lagSeconds: number | null;
  /** Updates of upstream that are not served here; null when they cannot be counted. */
  readonly updatesBehind: number | null;
}

export interface FreshnessFacts {
  readonly now: number;
  readonly meaning: MarkerRule['meaning'];
  /** What is served. */
  readonly published: { readonly markerValue: string | null; readonly markerTime: number | null } | null;
  readonly readings: Partial<Record<MarkerSource, UpstreamReading>>;
  /** The values that the marker has had since it had `value`; null when that is not known. */
  readonly newerThan: (source: MarkerSource, value: string) => NewerMarkers | null;
}

/** Compares what is served with the newest marker that is known, be it of the direct or of the true upstream. */
export function measureFreshness(facts: FreshnessFacts): Freshness {
  const { direct = null, origin = null } = facts.readings;
  return { direct, origin, ...lagOf(facts) };
}

const UNKNOWN = { lagSeconds: null, updatesBehind: null };
const IN_STEP = { lagSeconds: 0, updatesBehind: 0 };

function lagOf(facts: FreshnessFacts): Pick<Freshness, 'lagSeconds' | 'updatesBehind'> {
  const { now, meaning, published, newerThan } = facts;
  const newest = newestReading(facts.readings);
  const ours = published?.markerValue ?? null;
  // a heartbeat moves without a change, and a run of upstream may have brought nothing
  if (meaning !== 'content' || ours === null || !newest) return UNKNOWN;
  const { source, value, time, seenAt } = newest;
  const isOlder = time !== null && published?.markerTime != null && time <= published.markerTime;
  if (value === ours || isOlder) return IN_STEP;
  const newer = newerThan(source, ours);
  const since = newer ? (newer.firstTime ?? newer.firstSeenAt) : (time ?? seenAt);
  return {
    lagSeconds: since === null ? null : Math.max(0, Math.floor((now - since) / 1000)),
    updatesBehind: updatesBetween(ours, value) ?? newer?.count ?? null,
  };
}

/** The reading with the newest time; of equal ones, or where no time tells, that of the true upstream. */
export function newestReading(
  readings: FreshnessFacts['readings'],
): (UpstreamReading & { source: MarkerSource; value: string }) | null {
  const known = (['origin', 'direct'] as const).flatMap((source) => {
    const reading = readings[source];
    return reading?.value == null ? [] : [{ ...reading, source, value: reading.value }];
  });
  const [first, second] = known;
  if (first?.time == null || second?.time == null) return first ?? null;
  return second.time > first.time ? second : first;
}
