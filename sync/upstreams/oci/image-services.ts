import type { BlobStore } from '../../../content/blobs.js';
import type { Registry } from '../../../core/oci/image-mirror.js';
import type { BlobFetches } from './fetch-blobs.js';
import type { ImageSource } from './image-source.js';
import type { ReferrerMemory } from './referrer-memory.js';
import type { UpstreamHealth } from './upstream-health.js';

/** What runs of images share with each other and with clients that wait. */
export interface ImageServices {
  readonly blobs: BlobStore;
  readonly fetches: BlobFetches;
  /** Of which manifests upstream was asked what is about them. */
  readonly referrers: ReferrerMemory;
  /** Which registries cannot be asked. */
  readonly health: UpstreamHealth;
  /** The one client of a registry, with its limits and its logins. */
  sourceOf(registry: Registry): ImageSource;
}
