import type { BlobStore } from '../../../content/blobs.js';
import type { Registry } from '../../../core/oci/image-mirror.js';
import type { BlobFetches } from './fetch-blobs.js';
import type { ImageSource } from './image-source.js';

/** What runs of images share with each other and with clients that wait. */
export interface ImageServices {
  readonly blobs: BlobStore;
  readonly fetches: BlobFetches;
  /** The one client of a registry, with its limits and its logins. */
  sourceOf(registry: Registry): ImageSource;
}
