import request from 'supertest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RegistryStatistics } from '../../core/oci/image-statistics.js';
import { buildImage } from '../fixtures/image-builder.js';
import { configureImages, HUB, HUB_USE, makeImage, storeImage } from './image-scene.js';
import { addRun, HOUR, NOW, openScene, type Scene } from './scene.js';

describe('/metrics of images', () => {
  let scene: Scene;
  let known: RegistryStatistics[];
  let now: number;
  beforeEach(async () => {
    known = [HUB_USE];
    now = NOW;
    scene = await openScene({ mirrors: [], clock: () => now, imageStatistics: { registries: () => known } });
  });
  afterEach(() => scene.close());

  async function lines(): Promise<string[]> {
    return (await request(scene.http).get('/metrics')).text.split('\n').filter((line) => /^millpond_images/.test(line));
  }

  it('shows repositories by origin, and blobs', async () => {
    const image = buildImage({ seed: 'd' });
    await storeImage(scene, image, { repository: 'lab/a', origin: 'hosted' });
    await storeImage(scene, image, { repository: 'lab/b', origin: 'hosted' });
    const bytes = image.bytes.length + image.blobs.reduce((sum, blob) => sum + blob.bytes.length, 0);
    expect(await lines()).toEqual(
      expect.arrayContaining([
        'millpond_images_repositories{origin="hosted"} 2',
        'millpond_images_repositories{origin="cached"} 0',
        'millpond_images_blobs 3',
        `millpond_images_blob_bytes ${bytes}`,
      ]),
    );
  });

  it('sums up blobs once a minute', async () => {
    await lines();
    await storeImage(scene, buildImage({ seed: 'd' }), { repository: 'lab/a', origin: 'hosted' });
    now += 59_000;
    expect(await lines()).toContain('millpond_images_blobs 0');
    now += 1_000;
    expect(await lines()).toContain('millpond_images_blobs 3');
  });

  it('shows the state of what is mirrored', async () => {
    const image = makeImage(HUB, 'library/debian');
    configureImages(scene, [HUB], [image]);
    await storeImage(scene, buildImage({ seed: 'd' }), { repository: image.name, origin: 'mirrored', tags: ['12'] });
    addRun(scene, image.name, { outcome: 'unchanged', queuedAt: NOW - HOUR, markerValue: 'M' });
    expect(await lines()).toEqual(
      expect.arrayContaining([
        'millpond_images_state{repo="docker.io/library/debian",state="current"} 1',
        'millpond_images_tags{repo="docker.io/library/debian"} 1',
        `millpond_images_confirmed_timestamp_seconds{repo="docker.io/library/debian"} ${(NOW - HOUR) / 1000}`,
      ]),
    );
  });

  it('counts manifests that were pulled by where they come from, and neither questions nor blobs', async () => {
    const pull = async (repository: string, what: string, method: 'get' | 'head' = 'get'): Promise<void> => {
      await request(scene.http)[method](`/v2/${repository}/${what}`).expect(200);
    };
    const image = buildImage({ seed: 'pulled' });
    await storeImage(scene, image, { repository: 'lab/a', origin: 'hosted', tags: ['1'] });
    await storeImage(scene, image, { repository: 'docker.io/library/debian', origin: 'mirrored', tags: ['12'] });
    await pull('lab/a', 'manifests/1');
    await pull('lab/a', 'manifests/1');
    await pull('lab/a', `manifests/${image.digest}`);
    await pull('lab/a', `blobs/${image.blobs[0]?.digest}`);
    await pull('docker.io/library/debian', 'manifests/12', 'head');
    expect((await lines()).filter((line) => line.startsWith('millpond_images_pulls_total'))).toEqual([
      'millpond_images_pulls_total{origin="mirrored",by="tag"} 0',
      'millpond_images_pulls_total{origin="mirrored",by="digest"} 0',
      'millpond_images_pulls_total{origin="cached",by="tag"} 0',
      'millpond_images_pulls_total{origin="cached",by="digest"} 0',
      'millpond_images_pulls_total{origin="hosted",by="tag"} 2',
      'millpond_images_pulls_total{origin="hosted",by="digest"} 1',
    ]);
  });

  it('shows what is counted of registries as it stands, and nothing of what is not known', async () => {
    await lines();
    known = [{ ...HUB_USE, remaining: null, hits: 931, blockedUntil: NOW, troubleSince: NOW - HOUR }];
    const shown = await lines();
    expect(shown).toEqual(
      expect.arrayContaining([
        'millpond_images_cache_requests_total{registry="docker.io",result="hit"} 931',
        'millpond_images_cache_requests_total{registry="docker.io",result="miss"} 70',
        'millpond_images_bytes_total{registry="docker.io",direction="served"} 96000000000',
        'millpond_images_upstream_limit{registry="docker.io"} 80',
        `millpond_images_upstream_blocked_until_timestamp_seconds{registry="docker.io"} ${NOW / 1000}`,
        `millpond_images_upstream_trouble_since_timestamp_seconds{registry="docker.io"} ${(NOW - HOUR) / 1000}`,
      ]),
    );
    expect(shown.join('\n')).not.toContain('millpond_images_upstream_remaining{');
    known = [HUB_USE];
    expect((await lines()).join('\n')).not.toContain('millpond_images_upstream_trouble_since_timestamp_seconds{');
  });
});
