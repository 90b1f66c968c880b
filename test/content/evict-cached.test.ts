import { beforeEach, describe, expect, test } from 'vitest';
import { evictCached, type EvictReport } from '../../content/evict-cached.js';
import { buildImage, buildIndex, contentsOf, type Image } from '../fixtures/image-builder.js';
import { DAY, ImageStore } from './image-store.js';

let here: ImageStore;
beforeEach(async () => {
  here = await ImageStore.open();
});

const cached = { origin: 'cached', tags: ['latest'] } as const;
const small = buildImage({ seed: 'small', layerSeeds: ['shared'], layers: [10_000] });
const large = buildImage({ seed: 'large', layerSeeds: ['shared', 'large'], layers: [10_000, 50_000] });
const both = buildIndex([small, large]);
const other = buildImage({ seed: 'other', layers: [30_000] });

function sizeOf(...images: Image[]): number {
  const all = images.map(contentsOf).flatMap(({ blobs, manifests }) => [...blobs, ...manifests]);
  return [...new Map(all.map(({ digest, bytes }) => [digest, bytes.length])).values()].reduce(
    (sum, one) => sum + one,
    0,
  );
}

function evict(keep: number): Promise<EvictReport> {
  return evictCached(here, { registry: 'quay.io', keep });
}

describe('evictCached', () => {
  test('does nothing within the limit, and counts what several repositories have once', async () => {
    await here.push('quay.io/a', small, cached);
    await here.push('quay.io/b', large, cached);
    await here.push('docker.io/b', other, cached);
    here.now += DAY;
    const bytes = sizeOf(small, large);
    expect(await evict(bytes)).toEqual({ before: bytes, after: bytes, images: 0 });
  });

  test('lets the least recently pulled go first, whichever way it was pulled', async () => {
    await here.push('quay.io/by-tag', small, cached);
    await here.push('quay.io/by-part', both, cached);
    await here.push('quay.io/never', other, cached);
    here.now += DAY;
    here.store.tags.addPulls('quay.io/by-tag', 'latest', { pulls: 1, at: here.now });
    here.now += DAY;
    here.store.repositories.setPulled('quay.io/by-part', large.digest, here.now);
    here.now += DAY;
    const all = sizeOf(both, other);
    expect(await evict(all - 1)).toEqual({ before: all, after: sizeOf(both), images: 1 });
    expect(here.isGone(other)).toBe(true);
    expect(here.store.tags.get('quay.io/never', 'latest')).toBeUndefined();
    expect(await evict(sizeOf(both) - 1)).toMatchObject({ after: 0, images: 2 });
    expect(here.store.blobs.total().count).toBe(0);
  });

  test('leaves what a mirrored repository has, and does not count it', async () => {
    await here.push('quay.io/mirrored', small, { origin: 'mirrored', tags: ['latest'] });
    await here.push('quay.io/cached', both, cached);
    here.now += DAY;
    expect(await evict(0)).toEqual({ before: sizeOf(both) - sizeOf(small), after: 0, images: 1 });
    expect(here.isWhole('quay.io/mirrored', small)).toBe(true);
    expect(here.has(large.digest)).toBe(false);
  });

  test('leaves what another image in the repository names', async () => {
    await here.push('quay.io/app', large, { origin: 'cached', tags: ['large'] });
    here.now += DAY;
    await here.push('quay.io/app', small, { origin: 'cached', tags: ['small'] });
    here.now += DAY;
    await evict(sizeOf(small));
    expect(here.isWhole('quay.io/app', small)).toBe(true);
    expect(here.has(large.digest)).toBe(false);
  });

  test('spares what was asked for a moment ago', async () => {
    await here.push('quay.io/app', large, cached);
    here.now += 60_000;
    expect(await evict(0)).toMatchObject({ images: 0 });
    expect(here.isWhole('quay.io/app', large)).toBe(true);
  });
});
