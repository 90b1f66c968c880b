import type { Digest } from '../../../core/oci/digest.js';
import type { RegistryClient } from './registry-client.js';

/** An upstream registry as those who fetch from it see it. All methods throw RegistryFailure, or the signal's reason. */
export interface ImageSource {
  /** Of the registry, as in the configuration. */
  readonly name: string;
  readonly client: Pick<
    RegistryClient,
    'headManifest' | 'getManifest' | 'openBlob' | 'listTags' | 'referrers' | 'ping'
  >;
}

/** A blob of an upstream repository, and for which repository here it is wanted. */
export interface BlobRequest {
  readonly source: ImageSource;
  /** As the registry has it. */
  readonly upstreamRepository: string;
  /** Full name here, which must exist: the blob is linked to it. */
  readonly repository: string;
  readonly digest: Digest;
  /** Bytes, as a manifest says; null where none names it. */
  readonly size: number | null;
}
