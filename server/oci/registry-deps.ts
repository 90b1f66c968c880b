import type { Logger } from 'pino';
import type { Settings } from '../../config/settings.js';
import type { BlobStore } from '../../content/blobs.js';
import type { Layout } from '../../content/layout.js';
import type { Uploads } from '../../content/uploads.js';
import type { Digest } from '../../core/oci/digest.js';
import type { OnDemandImages } from '../../core/oci/on-demand.js';
import type { Store } from '../../store/open.js';
import type { ClientOf } from '../clients/client-finder.js';

/** Something of a repository that a client has read. */
export interface Pull {
  readonly kind: 'manifest' | 'blob';
  readonly repository: string;
  /** The tag through which a manifest was asked for; null of a digest, and of a blob. */
  readonly tag: string | null;
  readonly digest: Digest;
  /** Bytes that were sent. */
  readonly bytes: number;
}

/** What serves images, besides what the whole server has. */
export interface ImageParts {
  readonly blobs: BlobStore;
  readonly uploads: Uploads;
  /** What fetches from upstreams when a client asks; null where nothing is fetched. */
  readonly onDemand: OnDemandImages | null;
  readonly onPull: (pull: Pull) => void;
}

/** All that the registry needs. `settings()` is asked each time: it changes at reload. */
export interface RegistryDeps extends ImageParts {
  readonly settings: () => Settings;
  readonly store: Store;
  readonly layout: Layout;
  readonly log: Pick<Logger, 'error' | 'warn'>;
  /** Milliseconds since the epoch, UTC. */
  readonly clock: () => number;
  /** Whoever asks: by its zone it is decided what it may cause, by its address what it has pulled. */
  readonly clientOf: ClientOf;
}
