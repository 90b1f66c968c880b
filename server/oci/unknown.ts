import { OciError } from '../../core/oci/errors.js';
import { platformText } from '../../core/oci/platform.js';
import { isDigest } from '../../core/oci/digest.js';
import type { Store } from '../../store/open.js';
import type { Place } from './addressing.js';

export function unknownRepository({ repository, registry }: Place): OciError {
  return new OciError('NAME_UNKNOWN', registry ? { message: `${repository} is not mirrored here` } : {});
}

/** Why there is no such manifest: also that it is of a platform which was left out of an index on purpose. */
export function unknownManifest(store: Store, place: Place, reference: string): OciError {
  const { repository, registry } = place;
  if (!store.repositories.get(repository)) return unknownRepository(place);
  const platform = isDigest(reference) ? store.manifests.namedIn(repository, reference)?.platform : undefined;
  if (platform)
    return new OciError('MANIFEST_UNKNOWN', {
      message: `${platformText(platform)} is not mirrored here`,
      detail: { digest: reference, platform: platformText(platform) },
    });
  return new OciError('MANIFEST_UNKNOWN', registry ? { message: `${reference} is not mirrored here` } : {});
}

export function unknownBlob(store: Store, place: Place): OciError {
  return store.repositories.get(place.repository) ? new OciError('BLOB_UNKNOWN') : unknownRepository(place);
}
