import { existsSync } from 'node:fs';
import { setImmediate as nextTick } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { hashFile } from '../../content/blobs.js';
import { OciError } from '../../core/oci/errors.js';
import { buildImage, contentOf, type Content, type Image } from '../fixtures/image-builder.js';
import { ImageStore } from './image-store.js';

/** With as many deletions, but for one in ten: more than 2,000 of both together. */
const PUSHES = 1_100;
const PUSHERS = 4;
const REPOSITORIES = ['lab/a', 'lab/b', 'lab/c', 'other/d', 'other/e'];

/** One of few layers, so that all repositories share them, and a configuration of its own. */
function imageNumber(n: number): Image {
  return buildImage({ seed: `image ${n}`, layerSeeds: [`layer ${n % 7}`], layers: [500 + (n % 7)] });
}

/** Where there is one: this is about order, and waiting for a disk some ten thousand times would only be slow. */
const DISK_IN_MEMORY = '/dev/shm';
beforeEach(() => {
  if (existsSync(DISK_IN_MEMORY)) vi.stubEnv('TMPDIR', DISK_IN_MEMORY);
});
afterEach(() => vi.unstubAllEnvs());

describe('garbage collection while others push and delete', () => {
  test('loses nothing that is referred to, and leaves nothing that is not', { timeout: 180_000 }, async () => {
    const here = await ImageStore.open();
    here.keep = { untagged: 0, history: 0, grace: 0 };
    let ticks = here.now;
    Object.defineProperty(here, 'now', { get: () => ++ticks });
    const stop = new AbortController();
    // with no grace a push that is under way loses what it has brought: some must come through between two rounds
    let taken = 0;
    const collecting = collectUntil(here, stop.signal, () => taken);
    const living = new Map<string, Image>();
    let next = 0;
    let refused = 0;
    await Promise.all(
      Array.from({ length: PUSHERS }, async () => {
        while (next < PUSHES) {
          const n = next++;
          const repository = REPOSITORIES[n % REPOSITORIES.length] ?? '';
          const image = imageNumber(n);
          refused += await pushUntilTaken(here, repository, image, `t${n}`);
          living.set(`${repository}:t${n}`, image);
          taken++;
          if (n % 10 === 9) continue; // one in ten stays
          await nextTick();
          expect(here.isWhole(repository, image), `${repository}:t${n} while its tag stands`).toBe(true);
          living.delete(`${repository}:t${n}`);
          here.untag(repository, `t${n}`);
        }
      }),
    );
    stop.abort();
    const rounds = await collecting;
    expect(rounds).toBeGreaterThan(2);
    await here.collect();
    const total = here.store.blobs.total();
    const kept = new Map<string, Content>();
    for (const [place, image] of living) {
      const [repository = '', tag = ''] = place.split(':');
      expect(here.store.tags.get(repository, tag)?.digest).toBe(image.digest);
      expect(here.isWhole(repository, image), place).toBe(true);
      for (const content of [image, ...image.blobs]) kept.set(content.digest, content);
    }
    expect(living.size).toBe(PUSHES / 10);
    expect(total.count).toBe(kept.size);
    for (const { digest } of kept.values())
      expect((await hashFile(here.layout.blob(digest), digest)).hash).toBe(digest);
    expect(refused).toBeLessThan(PUSHES); // with no grace at all, some are told that a layer has just gone, and say it again
  });

  test('a grace that a push fits into makes every push succeed at once', async () => {
    const here = await ImageStore.open();
    here.keep = { untagged: 0, history: 0, grace: 3_600 };
    const stop = new AbortController();
    const collecting = collectUntil(here, stop.signal);
    await here.pushBlob('lab/a', contentOf('application/octet-stream', 'to begin with'));
    for (let n = 0; n < 50; n++) {
      await here.push('lab/a', imageNumber(n), { tags: ['latest'] });
      here.now += 60_000;
    }
    stop.abort();
    await collecting;
    expect(here.isWhole('lab/a', imageNumber(49))).toBe(true);
  });
});

/** As a client: blobs that are not there, then the manifest; when that is refused truthfully, all of it again. */
async function pushUntilTaken(here: ImageStore, repository: string, image: Image, tag: string): Promise<number> {
  for (let refused = 0; ; refused++) {
    for (const blob of image.blobs)
      if (!here.store.repositories.holds(repository, blob.digest)) await here.pushBlob(repository, blob);
    try {
      await here.pushManifest(repository, image, { tags: [tag] });
      return refused;
    } catch (error) {
      if (!(error instanceof OciError) || error.code !== 'MANIFEST_BLOB_UNKNOWN') throw error;
      const named = (error.details.detail as { digest: string }[]).map(({ digest }) => digest);
      expect(named.filter((digest) => here.store.repositories.holds(repository, digest))).toEqual([]);
    }
  }
}

/** Round after round, each after at least one more push was taken. */
async function collectUntil(here: ImageStore, signal: AbortSignal, taken?: () => number): Promise<number> {
  for (let rounds = 0; ; rounds++) {
    const before = taken?.();
    await here.collect();
    do await nextTick();
    while (!signal.aborted && before !== undefined && taken?.() === before);
    if (signal.aborted) return rounds;
  }
}
