import Database from 'better-sqlite3';
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

function evict(keep: number, pin: readonly string[] = []): Promise<EvictReport> {
  return evictCached(here, { registry: 'quay.io', keep, pin });
}

describe('evictCached', () => {
  test('does nothing within the limit, and counts what several repositories have once', async () => {
    await here.push('quay.io/a', small, cached);
    await here.push('quay.io/b', large, cached);
    await here.push('docker.io/b', other, cached);
    here.now += DAY;
    const bytes = sizeOf(small, large);
    expect(await evict(bytes)).toEqual({ before: bytes, after: bytes, images: 0, blobs: 0 });
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
    expect(await evict(all - 1)).toEqual({ before: all, after: sizeOf(both), images: 1, blobs: 0 });
    expect(here.isGone(other)).toBe(true);
    expect(here.store.tags.get('quay.io/never', 'latest')).toBeUndefined();
    expect(await evict(sizeOf(both) - 1)).toMatchObject({ after: 0, images: 2 });
    expect(here.store.blobs.total().count).toBe(0);
  });

  test('leaves what a mirrored repository has, and does not count it', async () => {
    await here.push('quay.io/mirrored', small, { origin: 'mirrored', tags: ['latest'] });
    await here.push('quay.io/cached', both, cached);
    here.now += DAY;
    expect(await evict(0)).toEqual({ before: sizeOf(both) - sizeOf(small), after: 0, images: 1, blobs: 0 });
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

  test('lets blobs that no image names go before any image', async () => {
    await here.push('quay.io/app', small, cached);
    here.now += DAY;
    const [first, second] = other.blobs;
    if (!first || !second) throw new Error('an image has a configuration and a layer');
    await here.pushBlob('quay.io/app', first, 'cached');
    await here.pushBlob('quay.io/blobs', second, 'cached');
    here.now += DAY;
    here.store.repositories.setPulled('quay.io/app', first.digest, here.now);
    here.now += DAY;
    const all = sizeOf(small) + first.bytes.length + second.bytes.length;
    const withFirst = all - second.bytes.length;
    expect(await evict(withFirst)).toEqual({ before: all, after: withFirst, images: 0, blobs: 1 });
    expect(here.has(first.digest)).toBe(true);
    expect(await evict(sizeOf(small))).toMatchObject({ after: sizeOf(small), images: 0, blobs: 1 });
    expect(here.isWhole('quay.io/app', small)).toBe(true);
    expect(here.has(first.digest)).toBe(false);
  });

  test('never lets go what is pinned, which counts', async () => {
    await here.push('quay.io/team/app', small, cached);
    here.now += DAY;
    await here.push('quay.io/other', other, cached);
    here.now += DAY;
    const all = sizeOf(small) + sizeOf(other);
    expect(await evict(0, ['team/*'])).toEqual({ before: all, after: sizeOf(small), images: 1, blobs: 0 });
    expect(here.isWhole('quay.io/team/app', small)).toBe(true);
  });

  test('gives others a turn for each repository, and within one that has much', async () => {
    const { store, layout } = here;
    const repositories = 20;
    for (let number = 0; number < repositories; number++) await here.push(`quay.io/r${number}`, small, cached);
    const lines = new Database(layout.stateDb);
    lines.exec(`
      WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
      INSERT INTO blobs (digest, size, stored_at, checked_at)
      SELECT 'sha256:' || printf('%064x', i), 1, ${here.now}, ${here.now} FROM n;
      INSERT INTO repository_content (repository, digest, touched_at)
      SELECT 'quay.io/r0', digest, ${here.now} FROM blobs WHERE size = 1;`);
    lines.close();
    let turns = 0;
    let isOver = false;
    const count = (): void => {
      turns++;
      if (!isOver) setImmediate(count);
    };
    setImmediate(count);
    // nothing goes, since all has just come: everything is measured, and looked through once
    expect(await evict(0)).toMatchObject({ before: 2000 + sizeOf(small), images: 0, blobs: 0 });
    isOver = true;
    expect(turns).toBeGreaterThanOrEqual(2 * (repositories + 2000 / 500));
    expect(store.cachedImages.unnamed('quay.io/r0', { after: '', limit: 500 }).unnamed.length).toBeLessThanOrEqual(500);
  });
});
