import type { SyncTarget } from '../sync-target.js';
import type { Platform } from './platform.js';

/** An upstream registry, as the operator configured it. */
export interface Registry {
  /** As clients name it, `docker.io` or `quay.io`: the first part of the names of its repositories here. */
  readonly name: string;
  /** Base address without a trailing slash. */
  readonly url: string;
  /** Absolute path of a file in the form of Docker's config.json, or null. */
  readonly credentials: string | null;
  /** Manifests that may be fetched in each window, on top of what the registry itself says; null is no limit. */
  readonly budget: Budget | null;
  /** Host name under which the repositories of this registry are at the root; null is none. */
  readonly alias: string | null;
  readonly onDemand: OnDemandRule | null;
  /** Whether it, and where it redirects to, may have private or loopback addresses. */
  readonly privateAddresses: boolean;
}

export interface Budget {
  readonly pulls: number;
  /** Seconds. */
  readonly window: number;
}

export interface OnDemandRule {
  /** Patterns of repositories of this registry that may be fetched when a client asks; `*` is any characters but "/". */
  readonly allow: readonly string[];
  /** Bytes that images fetched on demand may take in all. */
  readonly keep: number;
  /** Seconds after which a tag is compared with upstream again. */
  readonly recheck: number;
  /** Zones whose clients may cause a fetch; empty is all. */
  readonly zones: readonly string[];
  /** Patterns of repositories of this registry, as in `allow`, that never make room for others. */
  readonly pin: readonly string[];
}

/** Which tags of an upstream repository are mirrored. A tag is taken when it is included or chosen, and not excluded. */
export interface TagSelection {
  /** Patterns, `*` is any characters; `/.../` is a regular expression over the whole tag. */
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  /** A range of semantic versions, as npm writes them; null chooses none by version. */
  readonly semver: string | null;
  /** The newest so many of what `semver` leaves, in all or of each minor version; null is all. */
  readonly latest: number | null;
  readonly latestOf: 'all' | 'minor';
  /** Also every tag that a client has pulled here within so many seconds; null does not look. */
  readonly pulledWithin: number | null;
}

/** A repository of images that is kept in step with an upstream registry. Its name is that of the repository here. */
export interface ImageMirror extends SyncTarget {
  readonly kind: 'oci';
  readonly registry: Registry;
  /** The repository as its registry has it. */
  readonly repository: string;
  readonly tags: TagSelection;
  /** Which children of an index are fetched; empty is all. */
  readonly platforms: readonly Platform[];
  /** Whether signatures, attestations and other referrers come along. */
  readonly referrers: boolean;
}
