import { setImmediate as nextTurn } from 'node:timers/promises';
import { nameMatcher } from '../config/name-pattern.js';
import type { Digest } from '../core/oci/digest.js';
import type { CachedImage } from '../store/cached-images.js';
import type { Store } from '../store/open.js';
import type { BlobStore } from './blobs.js';

export interface EvictOptions {
  readonly store: Store;
  readonly blobs: BlobStore;
  readonly clock: () => number;
}

export interface EvictWish {
  readonly registry: string;
  /** Bytes that images fetched on demand from it may take. */
  readonly keep: number;
  /** Patterns of repositories of the registry that never make room. */
  readonly pin: readonly string[];
}

export interface EvictReport {
  /** Bytes that images fetched on demand from the registry take. */
  readonly before: number;
  readonly after: number;
  /** Images that made room. */
  readonly images: number;
  /** Blobs that made room before them, since no image here named them. */
  readonly blobs: number;
}

interface Candidate extends CachedImage {
  readonly repository: string;
}

/** Whoever has just asked for the manifest is about to ask for what it names. */
const SPARED_MS = 10 * 60_000;
/** What is looked at before others get a turn: some milliseconds of work. */
const LOOKED_AT = 500;
/** What one look through everything finds at most; all the rest is used more lately. */
const MOST_FOUND = 1_000;

/**
 * Makes room until what was fetched on demand from a registry takes no more than `keep` bytes: blobs that no image here
 * names go first, then the least recently pulled images with their tags. What mirrored or pushed repositories have neither
 * counts nor goes; what is pinned counts and stays. Others get a turn after each small step.
 * @throws the signal's reason
 */
export async function evictCached(
  options: EvictOptions,
  { registry, keep, pin }: EvictWish,
  signal?: AbortSignal,
): Promise<EvictReport> {
  const { store } = options;
  const isPinned = nameMatcher(pin);
  const before = await bytesOf(store, registry, signal);
  let after = before;
  const gone = { images: 0, blobs: 0 };
  while (after > keep) {
    const notSince = options.clock() - SPARED_MS;
    const repositories = store.cachedImages
      .repositories(registry)
      .filter((name) => !isPinned(name.slice(registry.length + 1)));
    let isProgress = false;
    for (const candidate of await candidatesIn(store, repositories, { notSince, signal })) {
      if (after <= keep) break;
      signal?.throwIfAborted();
      const bytes = await evict(options, candidate, notSince);
      if (bytes === null) continue;
      isProgress = true;
      after -= bytes;
      if (candidate.isManifest) gone.images++;
      else gone.blobs++;
    }
    if (!isProgress) break;
    // what is shared or still wanted elsewhere makes no room, so it is measured again
    after = await bytesOf(store, registry, signal);
  }
  return { before, after, ...gone };
}

async function bytesOf(store: Store, registry: string, signal?: AbortSignal): Promise<number> {
  let bytes = 0;
  for (const repository of store.cachedImages.repositories(registry))
    for (let after: string | null = ''; after !== null;) {
      signal?.throwIfAborted();
      const found = store.cachedImages.bytes(registry, repository, { after, limit: LOOKED_AT });
      bytes += found.bytes;
      after = found.last;
      await nextTurn();
    }
  return bytes;
}

/** The first to go of all, in the order in which they go. */
async function candidatesIn(
  store: Store,
  repositories: readonly string[],
  { notSince, signal }: { notSince: number; signal: AbortSignal | undefined },
): Promise<Candidate[]> {
  let first: Candidate[] = [];
  for (const repository of repositories)
    for (let after: string | null = ''; after !== null;) {
      signal?.throwIfAborted();
      const { unnamed, last } = store.cachedImages.unnamed(repository, { after, limit: LOOKED_AT });
      const unused = unnamed.filter(({ usedAt }) => usedAt < notSince);
      first.push(...unused.map((each) => ({ ...each, repository })));
      if (first.length > 2 * MOST_FOUND) first = first.sort(byTurn).slice(0, MOST_FOUND);
      after = last;
      await nextTurn();
    }
  return first.sort(byTurn).slice(0, MOST_FOUND);
}

function byTurn(a: Candidate, b: Candidate): number {
  return Number(a.isManifest) - Number(b.isManifest) || a.usedAt - b.usedAt || (a.digest < b.digest ? -1 : 1);
}

/** Takes it out of its repository with all that nothing else there names: the bytes that this made free; null when used. */
async function evict(
  { store, blobs }: EvictOptions,
  { repository, digest }: Candidate,
  notSince: number,
): Promise<number | null> {
  const gone = store.transaction(() => {
    // it may have been pulled, or named, since it was looked at
    const usedAt = store.cachedImages.usedAt(repository, digest);
    if (usedAt === undefined || usedAt >= notSince) return null;
    store.cachedImages.forgetTags(repository, digest);
    return takeOut(store, repository, digest);
  });
  await nextTurn();
  if (gone === null) return null;
  let bytes = 0;
  for (const one of gone) {
    const size = store.blobs.get(one)?.size ?? 0;
    const isRemoved = blobs.remove(one, () => {
      if (!store.garbage.mayGo(one, Number.MAX_SAFE_INTEGER)) return false;
      store.garbage.forgetHistory(one);
      return true;
    });
    if (isRemoved) bytes += size;
    await nextTurn(); // each removal waits for the disk
  }
  return bytes;
}

function takeOut(store: Store, repository: string, digest: Digest): Digest[] {
  if (!store.repositories.holds(repository, digest) || store.cachedImages.isNamed(repository, digest)) return [];
  store.cachedImages.forgetTags(repository, digest);
  store.repositories.unlink(repository, digest);
  return [digest, ...store.manifests.parts(digest).flatMap((part) => takeOut(store, repository, part.digest))];
}
