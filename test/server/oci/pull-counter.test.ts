import { describe, expect, it, onTestFinished } from 'vitest';
import { BlobStore } from '../../../content/blobs.js';
import { Layout } from '../../../content/layout.js';
import { placeManifest } from '../../../content/place-manifest.js';
import { parseManifest } from '../../../core/oci/manifest.js';
import { PullCounter } from '../../../server/oci/pull-counter.js';
import { openStore } from '../../../store/open.js';
import { buildImage } from '../../fixtures/image-builder.js';
import { tempFolder } from '../../fixtures/temp-folder.js';

const image = buildImage({ seed: 'counted' });
const PULL = { kind: 'manifest' as const, repository: 'a', tag: 'latest', digest: image.digest, bytes: 10 };

async function scene(most?: number) {
  const layout = new Layout(await tempFolder());
  const store = openStore(layout.stateDb);
  onTestFinished(() => store.close());
  let now = 1000;
  const clock = () => now;
  const blobs = new BlobStore({ store, layout, clock });
  await placeManifest(
    { store, blobs, clock },
    {
      ...{ repository: 'a', origin: 'cached', digest: image.digest, bytes: image.bytes, tags: ['latest'] },
      ...{ manifest: parseManifest(image.bytes, image.mediaType), checkedAt: null, keepHistory: 5, needs: 'none' },
    },
  );
  const logged: string[] = [];
  const log = { error: (_context: object, message: string) => void logged.push(message) };
  const counter = new PullCounter({ store, clock, log, ...(most === undefined ? {} : { most }) });
  onTestFinished(() => counter.stop());
  return { store, counter, logged, later: (ms: number) => void (now += ms) };
}

describe('PullCounter', () => {
  it('writes pulls down together', async () => {
    const { store, counter, later } = await scene();
    counter.count(PULL);
    counter.count(PULL);
    later(500);
    counter.count({ ...PULL, tag: null });
    expect(store.tags.get('a', 'latest')).toMatchObject({ pulls: 0, pulledAt: null });
    counter.flush();
    counter.flush();
    expect(store.tags.get('a', 'latest')).toMatchObject({ pulls: 2, pulledAt: 1500 });
    expect(store.repositories.content('a', image.digest)?.pulledAt).toBe(1500);
  });

  it('writes what is left when it stops', async () => {
    const { store, counter } = await scene();
    counter.start();
    counter.count(PULL);
    counter.stop();
    expect(store.tags.get('a', 'latest')?.pulls).toBe(1);
  });

  it('does not grow without bound', async () => {
    const { store, counter } = await scene(4);
    for (let index = 0; index < 10; index++) counter.count({ ...PULL, digest: `sha256:${index}` });
    expect(store.tags.get('a', 'latest')?.pulls).toBeGreaterThan(6);
  });

  it('gives up counts that cannot be written', async () => {
    const { store, counter, logged } = await scene();
    counter.count(PULL);
    store.tags.addPulls = () => {
      throw new Error('locked');
    };
    counter.flush();
    expect(logged).toHaveLength(1);
    counter.flush();
    expect(logged).toHaveLength(1);
  });
});
