/** How an upstream registry is used, and what of it is left. Times are milliseconds since the epoch, UTC; null is not known. */
export interface RegistryStatistics {
  /** As in the configuration, `docker.io`. */
  readonly name: string;
  /** Manifests that may still be fetched now, of how many in each window (seconds). */
  readonly remaining: number | null;
  readonly limit: number | null;
  readonly window: number | null;
  /** When all of the budget is there again, at the latest. */
  readonly resetsAt: number | null;
  /** Until when the registry asked to be left alone. */
  readonly blockedUntil: number | null;
  /** Since when it could not be asked, or did not answer as it should, for clients; null when it last did. */
  readonly troubleSince: number | null;
  /** What clients asked for that was here, and that had to be fetched first; since the program started. */
  readonly hits: number;
  readonly misses: number;
  /** Bytes that came from the registry, and that clients got of its repositories; since the program started. */
  readonly bytesFromUpstream: number;
  readonly bytesServed: number;
}

/** The port through which pages, the API and metrics learn how upstream registries are used. */
export interface ImageStatistics {
  /** One for each configured registry. */
  registries(): readonly RegistryStatistics[];
}

/** The share (0 to 1) of what clients asked for that was here; null when nobody has asked. */
export function hitRatio({ hits, misses }: Pick<RegistryStatistics, 'hits' | 'misses'>): number | null {
  return hits + misses === 0 ? null : hits / (hits + misses);
}

/** Bytes that clients got and that the upstream did not have to send for it. */
export function bytesSaved({
  bytesServed,
  bytesFromUpstream,
}: Pick<RegistryStatistics, 'bytesServed' | 'bytesFromUpstream'>): number {
  return Math.max(0, bytesServed - bytesFromUpstream);
}
