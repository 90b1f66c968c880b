import { existsSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { Settings } from '../../config/settings.js';
import { Uploads } from '../../content/uploads.js';
import { createLog } from '../../platform/log.js';
import { ImagesUpkeep, type ImagesUpkeepOptions } from '../../sync/images-upkeep.js';
import { DAY, ImageStore } from '../content/image-store.js';
import { buildImage, type Content } from '../fixtures/image-builder.js';

let here: ImageStore;
beforeEach(async () => {
  here = await ImageStore.open();
});

const image = buildImage({ seed: 'one' });
const [config] = image.blobs as [Content, Content];

function settings(keep: number): Pick<Settings, 'registry' | 'registries'> {
  const onDemand = { allow: ['**'], keep, recheck: 600, zones: [] };
  const quay = { name: 'quay.io', url: 'https://quay.io', credentials: null, budget: null, alias: null };
  return {
    registry: { push: [], immutable: [], maxManifest: 4_194_304, keep: here.keep },
    registries: new Map([['quay.io', { ...quay, onDemand, privateAddresses: false }]]),
  };
}

function upkeep(options: Partial<ImagesUpkeepOptions> = {}): ImagesUpkeep {
  const reserve = (): { bytes: number } => ({ bytes: 0 });
  const one = new ImagesUpkeep({
    ...{ store: here.store, layout: here.layout, blobs: here.blobs, clock: here.clock },
    uploads: new Uploads({ ...here, clock: here.clock, reserve }),
    settings: () => settings(1e9),
    refetch: () => Promise.resolve(false),
    log: createLog('silent'),
    ...options,
  });
  onTestFinished(() => one.stop());
  return one;
}

describe('ImagesUpkeep', () => {
  test('tidies up what was given up, what is over a limit, and what nothing needs', async () => {
    await here.push('lab/app', buildImage({ seed: 'untagged' }));
    await here.push('lab/app', image, { tags: ['latest'] });
    await here.push('quay.io/app', buildImage({ seed: 'cached' }), { tags: ['latest'], origin: 'cached' });
    here.store.uploads.add({ id: 'given-up', repository: 'lab/app', algorithm: 'sha256', at: here.now });
    mkdirSync(here.layout.uploadsFolder, { recursive: true });
    writeFileSync(here.layout.upload('given-up'), 'part');
    const fetched = here.layout.fetch(image.digest);
    writeFileSync(fetched, 'part');
    utimesSync(fetched, here.now / 1000, here.now / 1000);
    here.now += 30 * DAY;
    await upkeep({ settings: () => settings(0) }).tidy();
    expect(here.store.uploads.count()).toBe(0);
    expect(existsSync(here.layout.upload('given-up'))).toBe(false);
    expect(existsSync(fetched)).toBe(false);
    expect(here.store.repositories.get('quay.io/app')).toBeUndefined();
    expect(here.store.blobs.total().count).toBe(3);
    expect(here.isWhole('lab/app', image)).toBe(true);
  });

  test('works again and again, also after a failure, and not any more once it is stopped', async () => {
    const waits: number[] = [];
    const failing = { removeAbandoned: () => Promise.reject(new Error('the disk is away')) };
    let release = (): void => undefined;
    const wait = (milliseconds: number, signal: AbortSignal): Promise<void> => {
      waits.push(milliseconds);
      if (waits.length < 6) return Promise.resolve();
      return new Promise((resolve, reject) => {
        release = resolve;
        signal.addEventListener('abort', () => reject(new Error('stopped')));
      });
    };
    await here.push('lab/app', image, { tags: ['latest'] });
    writeFileSync(here.layout.blob(config.digest), 'spoiled');
    here.now += 31 * DAY;
    const one = upkeep({ uploads: failing, wait });
    one.start();
    one.start();
    await expect.poll(() => waits.length).toBeGreaterThanOrEqual(6);
    expect(waits.slice(0, 2)).toEqual([60_000, 60_000]);
    await expect.poll(() => here.store.badBlobs.count()).toBe(1);
    await one.stop();
    release();
    const before = waits.length;
    await expect(one.collect()).rejects.toThrow('being stopped');
    expect(waits.length).toBe(before);
  });
});
