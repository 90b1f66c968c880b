import type { BlobStore } from '../../../content/blobs.js';
import type { Digest } from '../../../core/oci/digest.js';
import { parseManifest, type Manifest, type Part } from '../../../core/oci/manifest.js';
import { isIndexType } from '../../../core/oci/media-types.js';
import { isPlatform, type Platform } from '../../../core/oci/platform.js';
import type { Store } from '../../../store/open.js';
import { readChecked } from './known-blobs.js';

/** Indexes within indexes that are followed. */
export const DEEPEST_INDEX = 3;

/** With which an attestation in an index names the manifest that it is about (BuildKit, "Image Attestation Storage"). */
const ABOUT = 'vnd.docker.reference.digest';

/** A manifest with the bytes that it was read from. */
export interface ReadManifest {
  readonly bytes: Buffer;
  readonly manifest: Manifest;
}

/**
 * What of a manifest is fetched: all blobs but foreign layers; of an index the children of these platforms, all when
 * none are given, and the attestations about those. A child without a platform is taken.
 */
export function wantedParts({ bytes, manifest }: ReadManifest, platforms: readonly Platform[]): Part[] {
  if (!manifest.isIndex) return manifest.parts.filter(({ foreign }) => !foreign);
  if (platforms.length === 0) return [...manifest.parts];
  const about = subjectsOf(bytes);
  const chosen = manifest.parts.filter(
    ({ platform }, index) =>
      about[index] === undefined && (platform === null || platforms.some((wanted) => isPlatform(wanted, platform))),
  );
  const digests = new Set(chosen.map(({ digest }) => digest));
  return manifest.parts.filter(({ digest }, index) => digests.has(digest) || digests.has(about[index] ?? ''));
}

/** Whether a manifest and all of it that is wanted are in the repository, bytes and all. */
export async function isComplete(
  { store, blobs }: { store: Store; blobs: BlobStore },
  { repository, platforms }: { repository: string; platforms: readonly Platform[] },
  digest: Digest,
  depth = 0,
): Promise<boolean> {
  const isHere = (one: Digest): boolean =>
    store.blobs.get(one) !== undefined && store.repositories.holds(repository, one);
  const parts = isHere(digest) ? await partsWanted({ store, blobs }, digest, platforms) : null;
  if (!parts) return false;
  for (const part of parts) {
    if (part.role !== 'manifest') {
      if (!isHere(part.digest)) return false;
    } else if (depth < DEEPEST_INDEX) {
      if (!(await isComplete({ store, blobs }, { repository, platforms }, part.digest, depth + 1))) return false;
    }
  }
  return true;
}

/** From the records where they tell all; which attestations are about the wanted platforms is only in the bytes. */
async function partsWanted(
  { store, blobs }: { store: Store; blobs: BlobStore },
  digest: Digest,
  platforms: readonly Platform[],
): Promise<Part[] | null> {
  const record = store.manifests.facts(digest);
  if (!record) return null;
  if (!isIndexType(record.mediaType) || platforms.length === 0)
    return store.manifests.parts(digest).filter(({ foreign }) => !foreign);
  const read = await readKnown({ store, blobs }, digest);
  return read && wantedParts(read, platforms);
}

/** A manifest that is whole on the disk, whichever repository it came for; null when it is not. @throws system errors */
export async function readKnown(
  { store, blobs }: { store: Store; blobs: BlobStore },
  digest: Digest,
): Promise<ReadManifest | null> {
  const record = store.manifests.get(digest);
  const bytes = record && (await readChecked({ store, blobs }, digest));
  return bytes ? { bytes, manifest: parseManifest(bytes, record.mediaType) } : null;
}

/** Of each entry of an index, the manifest that it is an attestation about. */
function subjectsOf(bytes: Buffer): (string | undefined)[] {
  const { manifests } = JSON.parse(bytes.toString('utf8')) as {
    manifests: { annotations?: Record<string, unknown> }[];
  };
  return manifests.map(({ annotations }) => {
    const about = annotations?.[ABOUT];
    return typeof about === 'string' ? about : undefined;
  });
}
