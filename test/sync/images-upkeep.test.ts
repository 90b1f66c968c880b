import { existsSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { Settings } from '../../config/settings.js';
import { Uploads } from '../../content/uploads.js';
import { createLog, type Log } from '../../platform/log.js';
import { ImagesUpkeep, type ImagesUpkeepOptions } from '../../sync/images-upkeep.js';
import { DAY, HOUR, ImageStore } from '../content/image-store.js';
import { buildImage, contentOf, type Content } from '../fixtures/image-builder.js';

let here: ImageStore;
beforeEach(async () => {
  here = await ImageStore.open();
});

const image = buildImage({ seed: 'one' });
const [config] = image.blobs as [Content, Content];

function settings(keep: number): Pick<Settings, 'registry' | 'registries' | 'images'> {
  const onDemand = { allow: ['**'], keep, recheck: 600, zones: [], pin: [] };
  const quay = { name: 'quay.io', url: 'https://quay.io', credentials: null, budget: null, alias: null };
  return {
    images: new Map(),
    registry: {
      push: [],
      immutable: [],
      retention: [],
      maxManifest: 4_194_304,
      scrub: { rate: 25_000_000 },
      keep: here.keep,
    },
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

  test('logs each tag that a rule lets go, and blobs alone that made room; nothing of a dry run', async () => {
    await here.push('lab/app', image, { tags: ['old'] });
    const blob = contentOf('application/octet-stream', 'of no image');
    await here.pushBlob('quay.io/app', blob, 'cached');
    here.now += HOUR / 2; // longer than what was just asked for is spared, and within the grace
    const lines: [object, string][] = [];
    const log = { ...createLog('silent'), info: (details: object, text: string) => void lines.push([details, text]) };
    const rule = { repositories: ['lab/*'], tags: [], keepNewest: null, olderThan: 60, unpulledFor: null };
    const { registry, ...rest } = settings(0);
    const one = upkeep({
      settings: () => ({ ...rest, registry: { ...registry, retention: [rule] } }),
      log: log as unknown as Log,
    });
    await one.collect({ dryRun: true });
    expect(lines).toEqual([]);
    await one.tidy();
    expect(lines).toEqual([
      [{ registry: 'quay.io', images: 0, blobs: 1 }, 'images of quay.io made room: 11 B are 0 B now'],
      [
        {
          ...{ repository: 'lab/app', tag: 'old' },
          why: 'pushed 30 min ago; rule 1 of registry.retention keeps what was pushed within 1 min',
        },
        'a tag was removed by a rule',
      ],
    ]);
    expect(here.store.tags.count('lab/app')).toBe(0);
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

  test('stops only when what operators have asked for has ended', async () => {
    await here.push('lab/app', image, { tags: ['latest'] });
    here.now += 31 * DAY;
    const one = upkeep();
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    let isHeld = false;
    await here.push('lab/app', buildImage({ seed: 'untagged' }));
    here.now += 31 * DAY;
    const collecting = one
      .collect({
        dryRun: true,
        onCandidate: () => {
          isHeld = true;
          return held;
        },
      })
      .catch((error: unknown) => error);
    await expect.poll(() => isHeld).toBe(true);
    let isStopped = false;
    const stopping = one.stop().then(() => void (isStopped = true));
    await expect(one.scrub()).rejects.toThrow('Millpond is being stopped');
    expect(isStopped).toBe(false);
    release();
    await Promise.all([stopping, collecting]);
  });

  test('reads for the scrub at the rate of the configuration', async () => {
    await here.pushBlob('lab/app', contentOf('application/octet-stream', Buffer.alloc(2_000_000)));
    here.now += 31 * DAY;
    const paces: number[] = [];
    for (const rate of [1_000_000, 10_000_000]) {
      const { registry, ...rest } = settings(1e9);
      const scrubWait = (ms: number): Promise<void> => Promise.resolve(void paces.push(Math.round(ms)));
      await upkeep({ settings: () => ({ ...rest, registry: { ...registry, scrub: { rate } } }), scrubWait }).scrub();
      here.now += 31 * DAY;
    }
    expect(paces).toEqual([1049, 951, 105, 95]);
  });
});
