import type { Digest } from './digest.js';

/** A blob that is being fetched, or is here. Many may read it at once, each at its own pace. */
export interface BlobReader {
  /** Bytes of the whole blob. */
  readonly size: number;
  /** The bytes from `first` to `last`, as they come; ends with an error when the fetch has failed for good. */
  read(first: number, last: number): AsyncIterable<Buffer>;
}

/** How a tag was found to stand. Milliseconds since the epoch, UTC. */
export interface Freshness {
  /** When it was last compared with upstream. */
  readonly checkedAt: number;
  /** Since when it cannot be compared with upstream, where what is here is served all the same; null is in step. */
  readonly staleSince: number | null;
}

/**
 * The port through which the registry gets what is not here yet from an upstream. All methods throw OciError:
 * MANIFEST_UNKNOWN or BLOB_UNKNOWN when upstream says so, DENIED, UNAVAILABLE and TOOMANYREQUESTS with retryAfter.
 */
export interface OnDemandImages {
  /** Whether `repository` (its full name here) may be fetched for a client of `zone`. */
  allows(repository: string, zone: string | null): boolean;
  /** Brings the manifest of a tag or digest here, and the tag in step; null when nothing was to be done. */
  bringManifest(repository: string, reference: string): Promise<Freshness | null>;
  /**
   * Since when the upstream of a repository cannot be asked, as far as anybody has tried; milliseconds since the epoch.
   * Null where it answered last, or there is none. It asks nobody.
   */
  staleSince(repository: string): number | null;
  /**
   * Brings what upstream says is about a manifest that is here, where that was not asked lately. UNAVAILABLE only while
   * nothing is known: what is here is true, if not all.
   */
  bringReferrers(repository: string, digest: Digest): Promise<void>;
  /** One fetch a digest, whoever waits for it; null when it is whole on the disk by now. */
  openBlob(repository: string, digest: Digest): Promise<BlobReader | null>;
}

/** The earlier of two moments, where there are any. */
export function earlierOf(one: number | null, other: number | null): number | null {
  return one === null || other === null ? (one ?? other) : Math.min(one, other);
}
