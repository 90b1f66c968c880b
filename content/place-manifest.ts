import type { Digest } from '../core/oci/digest.js';
import { OciError } from '../core/oci/errors.js';
import type { Manifest, Part } from '../core/oci/manifest.js';
import type { RepositoryOrigin } from '../core/oci/repository.js';
import type { Store } from '../store/open.js';
import type { BlobStore } from './blobs.js';

export interface PlaceOptions {
  readonly store: Store;
  readonly blobs: BlobStore;
  readonly clock: () => number;
}

export interface Placement {
  readonly repository: string;
  /** Of the repository, where it is new. */
  readonly origin: RepositoryOrigin;
  readonly digest: Digest;
  readonly bytes: Buffer;
  readonly manifest: Manifest;
  /** Tags that point to it from now on. */
  readonly tags: readonly string[];
  /** When upstream was seen to have these tags so; null of what was pushed. */
  readonly checkedAt: number | null;
  /** Former digests of each tag that are kept. */
  readonly keepHistory: number;
  /**
   * Which configurations and layers must be in the repository already: `all` but foreign layers for a push; `none` where
   * they come later, on demand. Of those, what is here and came from an upstream is linked to the repository.
   */
  readonly needs: 'all' | 'none';
  /** Asked in the transaction before anything changes; what it throws calls all of it off. */
  readonly check?: () => void;
}

/**
 * Puts a manifest into a repository and moves its tags, in one transaction, when all that it needs is on the disk.
 * @throws OciError MANIFEST_BLOB_UNKNOWN, and then nothing has changed
 */
export async function placeManifest(options: PlaceOptions, placement: Placement): Promise<void> {
  const { store, blobs, clock } = options;
  const { repository, origin, digest, bytes, manifest, tags, checkedAt, keepHistory } = placement;
  refuseMissing(store, placement);
  await blobs.put(bytes, digest, () => {
    placement.check?.();
    refuseMissing(store, placement); // again: what was there may have been deleted meanwhile
    const at = clock();
    store.repositories.ensure(repository, origin, at);
    store.manifests.add(digest, manifest);
    store.repositories.link(repository, digest, at);
    for (const part of manifest.parts)
      if (mayLink(store, placement, part)) store.repositories.link(repository, part.digest, at);
    for (const tag of tags) store.tags.move({ repository, tag, digest }, { at, checkedAt, keepHistory });
  });
}

/**
 * Whether a repository that follows an upstream may have a blob that is here without fetching it: only where that came
 * from an upstream, too. What was pushed here may be secret, and an upstream can name any digest.
 */
export function mayFollow({ repositories }: Store, repository: string, digest: Digest): boolean {
  if (repositories.holds(repository, digest)) return true;
  return repositories.holders(digest).some((holder) => repositories.get(holder)?.origin !== 'hosted');
}

/** Nobody gets at a blob of another repository by naming it in a manifest that is pushed. */
function mayLink(store: Store, { repository, needs }: Placement, part: Part): boolean {
  return needs === 'all'
    ? store.repositories.holds(repository, part.digest)
    : store.blobs.get(part.digest) !== undefined && mayFollow(store, repository, part.digest);
}

function refuseMissing(store: Store, { repository, manifest, needs }: Placement): void {
  if (needs === 'none') return;
  const missing = manifest.parts.filter(
    (part) => part.role !== 'manifest' && !part.foreign && !store.repositories.holds(repository, part.digest),
  );
  const [first] = missing;
  if (!first) return;
  const more = missing.length > 1 ? ` and ${missing.length - 1} more` : '';
  throw new OciError('MANIFEST_BLOB_UNKNOWN', {
    message: `the manifest names ${first.digest}${more}, which the repository does not have: push it first`,
    detail: missing.map((part) => ({ digest: part.digest })),
  });
}
