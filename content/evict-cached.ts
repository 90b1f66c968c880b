import { setImmediate as nextTick } from 'node:timers/promises';
import type { Digest } from '../core/oci/digest.js';
import type { CachedImage } from '../store/cached-images.js';
import type { Store } from '../store/open.js';
import type { BlobStore } from './blobs.js';

export interface EvictOptions {
  readonly store: Store;
  readonly blobs: BlobStore;
  readonly clock: () => number;
}

export interface EvictReport {
  /** Bytes that images fetched on demand from the registry take. */
  readonly before: number;
  readonly after: number;
  /** Images that made room. */
  readonly images: number;
}

/** Whoever has just asked for the manifest is about to ask for what it names. */
const SPARED_MS = 10 * 60_000;
const PAGE = 20;

/**
 * Makes room until images that were fetched on demand from `registry` take no more than `keep` bytes: the least recently
 * pulled go first, with their tags. What mirrored or pushed repositories have neither counts nor goes.
 * @throws the signal's reason
 */
export async function evictCached(
  options: EvictOptions,
  { registry, keep }: { registry: string; keep: number },
  signal?: AbortSignal,
): Promise<EvictReport> {
  const { store, clock } = options;
  const before = await bytesOf(store, registry, signal);
  let after = before;
  let images = 0;
  while (after > keep) {
    const page = store.cachedImages.leastRecentlyUsed(registry, { before: clock() - SPARED_MS, limit: PAGE });
    if (page.length === 0) break;
    for (const image of page) {
      if (after <= keep) break;
      signal?.throwIfAborted();
      after -= evict(options, image);
      images++;
      await nextTick();
    }
    // what is shared or still wanted elsewhere makes no room, so it is measured again
    after = await bytesOf(store, registry, signal);
  }
  return { before, after, images };
}

async function bytesOf(store: Store, registry: string, signal?: AbortSignal): Promise<number> {
  let bytes = 0;
  for (const repository of store.cachedImages.repositories(registry)) {
    signal?.throwIfAborted();
    bytes += store.cachedImages.bytes(registry, repository);
    await nextTick();
  }
  return bytes;
}

/** Takes an image out of its repository with all that nothing else there names; the bytes that this made free. */
function evict({ store, blobs }: EvictOptions, { repository, digest }: CachedImage): number {
  const gone = store.transaction(() => {
    store.cachedImages.forgetTags(repository, digest);
    return takeOut(store, repository, digest);
  });
  let bytes = 0;
  for (const one of gone) {
    const size = store.blobs.get(one)?.size ?? 0;
    const isRemoved = blobs.remove(one, () => {
      if (!store.garbage.mayGo(one, Number.MAX_SAFE_INTEGER)) return false;
      store.garbage.forgetHistory(one);
      return true;
    });
    if (isRemoved) bytes += size;
  }
  return bytes;
}

function takeOut(store: Store, repository: string, digest: Digest): Digest[] {
  if (!store.repositories.holds(repository, digest) || store.cachedImages.isNamed(repository, digest)) return [];
  store.cachedImages.forgetTags(repository, digest);
  store.repositories.unlink(repository, digest);
  return [digest, ...store.manifests.parts(digest).flatMap((part) => takeOut(store, repository, part.digest))];
}
