import { expect, test } from 'vitest';
import type { Registry } from '../../../../core/oci/image-mirror.js';
import { CacheRoom } from '../../../../sync/upstreams/oci/cache-room.js';
import { HOUR, ImageStore } from '../../../content/image-store.js';
import { contentOf } from '../../../fixtures/image-builder.js';

const QUAY: Registry = {
  ...{ name: 'quay.io', url: 'https://quay.io', credentials: null, budget: null, alias: null },
  ...{ privateAddresses: false, onDemand: { allow: ['**'], keep: 0, recheck: 600, zones: [], pin: [] } },
};

test('CacheRoom tells of blobs that made room, though no image did', async () => {
  const here = await ImageStore.open();
  await here.pushBlob('quay.io/app', contentOf('application/octet-stream', 'of no image'), 'cached');
  here.now += HOUR;
  const lines: [object, string][] = [];
  const tell = (details: object, text: string): void => void lines.push([details, text]);
  const { store, blobs, clock } = here;
  const room = new CacheRoom({ store, blobs, clock, log: { info: tell, error: tell } });
  room.added(QUAY, 11);
  await expect.poll(() => lines.length).toBe(1);
  await room.close();
  expect(lines).toEqual([
    [{ registry: 'quay.io', images: 0, blobs: 1, bytes: 11 }, 'what was pulled least recently made room'],
  ]);
});
