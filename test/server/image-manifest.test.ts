import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BlobStore } from '../../content/blobs.js';
import { manifestView, tagViews, type ManifestDeps } from '../../server/image-manifest.js';
import { buildImage, buildIndex } from '../fixtures/image-builder.js';
import { storeImage } from './image-scene.js';
import { NOW, openScene, type Scene } from './scene.js';

const NAME = 'quay.io/app';
const images = Array.from({ length: 20 }, (_, number) => buildImage({ seed: `i${number}`, layers: [100] }));

/** How many turns others get while something is done. */
async function turnsOf(work: () => Promise<unknown>): Promise<number> {
  let turns = 0;
  let isOver = false;
  const count = (): void => {
    turns++;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  await work();
  isOver = true;
  return turns;
}

describe('sizes of what manifests name', () => {
  let scene: Scene;
  let deps: ManifestDeps;
  beforeEach(async () => {
    scene = await openScene({ mirrors: [] });
    const { store, layout } = scene;
    deps = { store, images: { blobs: new BlobStore({ store, layout, clock: () => NOW }) } };
  });
  afterEach(() => scene.close());

  it('are summed up once a minute in a list of tags, with turns for others between them', async () => {
    for (const [number, image] of images.entries())
      await storeImage(scene, image, { repository: NAME, origin: 'cached', tags: [`t${number}`] });
    const bytesBelow = vi.spyOn(scene.store.imagePages, 'bytesBelow');
    const tags = scene.store.tags.page(NAME, '', 100);
    expect(await turnsOf(() => tagViews(deps, tags))).toBeGreaterThanOrEqual(images.length);
    expect(bytesBelow).toHaveBeenCalledTimes(images.length);
    expect(await turnsOf(() => tagViews(deps, tags))).toBeGreaterThanOrEqual(images.length);
    expect(bytesBelow).toHaveBeenCalledTimes(images.length);
  });

  it('are summed up with turns for others between the children of an index', async () => {
    const index = buildIndex(images);
    await storeImage(scene, index, { repository: NAME, origin: 'cached', tags: ['all'] });
    const turns = await turnsOf(() => manifestView(deps, NAME, index.digest));
    expect(turns).toBeGreaterThanOrEqual(images.length);
    const view = await manifestView(deps, NAME, index.digest);
    const [image] = images;
    const size = (image?.bytes.length ?? 0) + (image?.blobs ?? []).reduce((sum, { bytes }) => sum + bytes.length, 0);
    expect(view?.platforms[0]).toMatchObject({ digest: image?.digest, totalSize: size });
  });
});
