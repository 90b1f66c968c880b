import { once } from 'node:events';
import { rm, truncate, writeFile } from 'node:fs/promises';
import { request, type IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GrowingBlob } from '../../../content/growing-blob.js';
import { placeManifest } from '../../../content/place-manifest.js';
import type { Digest } from '../../../core/oci/digest.js';
import { OciError } from '../../../core/oci/errors.js';
import { parseManifest } from '../../../core/oci/manifest.js';
import type { BlobReader, Freshness, OnDemandImages } from '../../../core/oci/on-demand.js';
import { buildImage, buildIndex, bytesOf, contentOf, type Content, type Image } from '../../fixtures/image-builder.js';
import { DOCKER_HUB, openRegistry, type RegistryScene } from './registry-scene.js';

const REPOSITORY = 'docker.io/library/debian';
const LAYER = contentOf('application/octet-stream', bytesOf('layer', 1_000_000));

/** An upstream whose answers a test decides. */
class ToldImages implements OnDemandImages {
  readonly brought: string[] = [];
  allowed = true;
  stale: number | null = null;
  bring: (repository: string, reference: string) => Promise<Freshness | null> = () => Promise.resolve(null);
  open: (repository: string, digest: Digest) => Promise<BlobReader | null> = () => Promise.resolve(null);

  allows(repository: string): boolean {
    return this.allowed && repository.startsWith('docker.io/library/');
  }

  bringManifest(repository: string, reference: string): Promise<Freshness | null> {
    this.brought.push(`${repository} ${reference}`);
    return this.bring(repository, reference);
  }

  staleSince(): number | null {
    return this.stale;
  }

  bringReferrers(repository: string, digest: Digest): Promise<void> {
    this.brought.push(`${repository} about ${digest}`);
    return Promise.resolve();
  }

  openBlob(repository: string, digest: Digest): Promise<BlobReader | null> {
    return this.open(repository, digest);
  }
}

describe('images on demand', () => {
  let scene: RegistryScene;
  let images: ToldImages;
  beforeEach(async () => {
    images = new ToldImages();
    scene = await openRegistry({ registries: [DOCKER_HUB], onDemand: images });
  });
  afterEach(() => scene.close());

  async function place(image: Image | Content, tags: string[] = [], repository = REPOSITORY): Promise<void> {
    await placeManifest(
      { store: scene.store, blobs: scene.blobs, clock: Date.now },
      {
        ...{ repository, origin: 'cached', digest: image.digest, bytes: image.bytes, tags },
        ...{
          manifest: parseManifest(image.bytes, image.mediaType),
          checkedAt: Date.now(),
          keepHistory: 5,
          needs: 'none',
        },
      },
    );
  }

  async function growing(): Promise<GrowingBlob> {
    const blob = await GrowingBlob.open(scene.layout.fetch(LAYER.digest), {
      digest: LAYER.digest,
      size: LAYER.bytes.length,
    });
    images.open = () => Promise.resolve(blob);
    return blob;
  }

  function get(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<IncomingMessage> {
    const { hostname, port } = new URL(scene.url);
    return new Promise((resolve, reject) => {
      request({ hostname, port, method, path: `/v2/${path}`, headers }, resolve)
        .on('error', reject)
        .end();
    });
  }

  async function errorOf(answer: IncomingMessage): Promise<{ code: string; message: string } | undefined> {
    const body = JSON.parse((await buffer(answer)).toString()) as { errors: { code: string; message: string }[] };
    return body.errors[0];
  }

  it('brings a manifest before it answers', async () => {
    const image = buildImage({ seed: 'brought' });
    images.bring = async () => {
      await place(image, ['latest']);
      return { checkedAt: Date.now(), staleSince: null };
    };
    const answer = await get(`${REPOSITORY}/manifests/latest`);
    expect(answer.statusCode).toBe(200);
    expect(answer.headers).toMatchObject({ 'docker-content-digest': image.digest, 'cache-control': 'no-cache' });
    expect(answer.headers['warning']).toBeUndefined();
    expect((await buffer(answer)).equals(image.bytes)).toBe(true);
    expect(images.brought).toEqual([`${REPOSITORY} latest`]);
  });

  it.each([
    ['debian', { host: 'docker.mirror.example.edu' }, undefined],
    ['debian', { host: 'docker.mirror.example.edu:5000' }, undefined],
    ['library/debian?ns=docker.io', {}, 'docker.io'],
    ['docker.io/debian?ns=quay.io', {}, undefined],
  ] as const)('finds %s with %j', async (asked, headers, namespace) => {
    await place(buildImage({ seed: 'addressed' }), ['latest']);
    const [name = '', query = ''] = asked.split('?');
    const answer = await get(`${name}/manifests/latest?${query}`, headers, 'HEAD');
    expect([answer.statusCode, answer.headers['oci-namespace']]).toEqual([200, namespace]);
    answer.resume();
  });

  it('says that what is served is stale, and since when', async () => {
    await place(buildImage({ seed: 'stale' }), ['latest']);
    images.bring = () => Promise.resolve({ checkedAt: 1, staleSince: Date.UTC(2026, 0, 2, 3, 4) });
    const answer = await get(`${REPOSITORY}/manifests/latest`);
    expect(answer.headers['warning']).toMatch(/^299 - "[^"]*2026-01-02 03:04 UTC[^"]*"$/);
    answer.resume();
  });

  it('says so too of what is mirrored, which its own runs could not compare, but not of what a digest names', async () => {
    const image = buildImage({ seed: 'mirrored' });
    await place(image, ['latest']);
    images.stale = Date.UTC(2026, 0, 2, 3, 4);
    for (const allowed of [true, false]) {
      images.allowed = allowed;
      const answer = await get(`${REPOSITORY}/manifests/latest`);
      expect(answer.headers['warning']).toMatch(/^299 - "[^"]*2026-01-02 03:04 UTC[^"]*"$/);
      answer.resume();
    }
    const byDigest = await get(`${REPOSITORY}/manifests/${image.digest}`);
    expect([byDigest.statusCode, byDigest.headers['warning']]).toEqual([200, undefined]);
    byDigest.resume();
  });

  it('says so of the tag alone that could not be compared, since the earlier of both', async () => {
    await place(buildImage({ seed: 'one of two' }), ['failed', 'fine']);
    scene.store.tags.setStale(REPOSITORY, 'failed', Date.UTC(2026, 0, 2, 3, 4));
    const told = async (tag: string): Promise<string | undefined> => {
      const { headers } = (await get(`${REPOSITORY}/manifests/${tag}`)).resume();
      return /since ([^:]+:\d+)/.exec(String(headers['warning']))?.[1];
    };
    expect([await told('failed'), await told('fine')]).toEqual(['2026-01-02 03:04', undefined]);
    images.stale = Date.UTC(2026, 0, 2, 3, 5);
    expect([await told('failed'), await told('fine')]).toEqual(['2026-01-02 03:04', '2026-01-02 03:05']);
  });

  it('never says 404 for a fault of the upstream', async () => {
    const fail = () => Promise.reject(new OciError('UNAVAILABLE', { retryAfter: 7 }));
    [images.bring, images.open] = [fail, fail];
    for (const path of [`manifests/latest`, `blobs/${LAYER.digest}`]) {
      const answer = await get(`${REPOSITORY}/${path}`);
      expect([answer.statusCode, answer.headers['retry-after']]).toEqual([503, '7']);
      expect((await errorOf(answer))?.code).toBe('UNAVAILABLE');
    }
    images.bring = () => Promise.reject(new OciError('TOOMANYREQUESTS', { retryAfter: 60 }));
    const limited = await get(`${REPOSITORY}/manifests/latest`);
    expect([limited.statusCode, (await errorOf(limited))?.code]).toEqual([429, 'TOOMANYREQUESTS']);
  });

  it('fetches nothing that is not allowed', async () => {
    images.allowed = false;
    const answer = await get(`${REPOSITORY}/manifests/latest`);
    expect([answer.statusCode, (await errorOf(answer))?.message]).toEqual([404, `${REPOSITORY} is not mirrored here`]);
    for (const path of ['quay.io/a/manifests/x', 'lab/tool/manifests/x', 'a/manifests/x?ns=169.254.169.254'])
      expect((await get(path)).resume().statusCode).toBe(404);
    expect(images.brought).toEqual([]);
  });

  it('names the platform of an index that is not mirrored', async () => {
    const other = buildImage({ seed: 's390x', platform: 'linux/s390x' });
    await place(buildIndex([buildImage({ seed: 'amd64' }), other]), ['latest']);
    const answer = await get(`${REPOSITORY}/manifests/${other.digest}`);
    expect(await errorOf(answer)).toMatchObject({
      code: 'MANIFEST_UNKNOWN',
      message: 'linux/s390x is not mirrored here',
    });
  });

  it('streams a blob that is still coming, to each at its own place', async () => {
    const blob = await growing();
    await blob.append(LAYER.bytes.subarray(0, 400_000));
    const [whole, range] = await Promise.all([
      get(`${REPOSITORY}/blobs/${LAYER.digest}`),
      get(`${REPOSITORY}/blobs/${LAYER.digest}`, { range: 'bytes=100000-899999' }),
    ]);
    expect([whole.statusCode, whole.headers['content-length']]).toEqual([200, '1000000']);
    expect([range.statusCode, range.headers['content-range']]).toEqual([206, 'bytes 100000-899999/1000000']);
    await blob.append(LAYER.bytes.subarray(400_000));
    blob.verify();
    expect((await buffer(whole)).equals(LAYER.bytes)).toBe(true);
    expect((await buffer(range)).equals(LAYER.bytes.subarray(100_000, 900_000))).toBe(true);
    await blob.close();
  });

  it('lets a client leave without a word to the fetch', async () => {
    const blob = await growing();
    await blob.append(LAYER.bytes.subarray(0, 400_000));
    const leaving = await get(`${REPOSITORY}/blobs/${LAYER.digest}`);
    await once(leaving, 'data');
    leaving.destroy();
    await blob.append(LAYER.bytes.subarray(400_000));
    expect(blob.verify()).toBe(true);
    await blob.close(); // waits until the last reader has gone
    expect(scene.logged).toEqual([]);
  });

  it('tells an upstream that fails before the first byte, and breaks off after it', async () => {
    const blob = await growing();
    const early = get(`${REPOSITORY}/blobs/${LAYER.digest}`);
    blob.fail(new OciError('UNAVAILABLE', { retryAfter: 9 }));
    const refused = await early;
    expect([refused.statusCode, refused.headers['retry-after']]).toEqual([503, '9']);
    refused.resume();
    await blob.startAnew(new Error('again'));
    await blob.append(LAYER.bytes.subarray(0, 1000));
    const late = await get(`${REPOSITORY}/blobs/${LAYER.digest}`);
    expect(late.statusCode).toBe(200);
    blob.fail(new OciError('UNAVAILABLE'));
    await expect(buffer(late)).rejects.toThrow();
    await blob.close();
  });

  it('answers HEAD from what a manifest says, without a fetch', async () => {
    const image = buildImage({ seed: 'head' });
    const [config] = image.blobs;
    await place(image, ['latest']);
    images.open = () => Promise.reject(new Error('was not to be asked'));
    const answer = await get(`${REPOSITORY}/blobs/${config?.digest}`, {}, 'HEAD');
    expect([answer.statusCode, answer.headers['content-length']]).toEqual([200, String(config?.bytes.length)]);
    answer.resume();
  });

  it('fetches again what was found to be gone', async () => {
    const layer = contentOf('', bytesOf('gone', 5000));
    scene.store.repositories.ensure(REPOSITORY, 'cached', 1);
    const link = () => scene.store.repositories.link(REPOSITORY, layer.digest, 1);
    await scene.blobs.put(layer.bytes, layer.digest, link);
    await rm(scene.layout.blob(layer.digest));
    images.open = async () => {
      expect(scene.blobs.find(layer.digest)).toBeUndefined(); // or nothing would be fetched
      await scene.blobs.put(layer.bytes, layer.digest);
      return null;
    };
    const answer = await get(`${REPOSITORY}/blobs/${layer.digest}`);
    expect((await buffer(answer)).equals(layer.bytes)).toBe(true);
    expect(scene.store.badBlobs.count()).toBe(0);
  });

  it.each([
    ['a small', 5000],
    ['a large', 300_000],
  ])('breaks off %s blob that turns out too short, and knows of it then', async (_size, size) => {
    const layer = contentOf('', bytesOf('short', size));
    scene.store.repositories.ensure(REPOSITORY, 'cached', 1);
    await scene.blobs.put(layer.bytes, layer.digest, () => scene.store.repositories.link(REPOSITORY, layer.digest, 1));
    await truncate(scene.layout.blob(layer.digest), 10);
    const answer = get(`${REPOSITORY}/blobs/${layer.digest}`);
    await expect(answer.then(buffer)).rejects.toThrow();
    await expect
      .poll(() => scene.store.badBlobs.get(layer.digest)?.reason)
      .toBe(`its file has fewer bytes than ${size}`);
  });

  it.each(['other', 'missing'])('sets a manifest aside whose bytes are %s', async (what) => {
    const image = buildImage({ seed: what });
    await place(image, ['latest']);
    const file = scene.layout.blob(image.digest);
    await (what === 'missing' ? rm(file) : writeFile(file, '{}'));
    const answer = await get(`${REPOSITORY}/manifests/latest`);
    expect([answer.statusCode, (await errorOf(answer))?.code]).toEqual([503, 'UNAVAILABLE']);
    expect(scene.blobs.find(image.digest)).toBeUndefined();
    expect(scene.store.tags.get(REPOSITORY, 'latest')?.digest).toBe(image.digest);
    images.bring = async () => {
      await place(image, ['latest']);
      return null;
    };
    expect((await buffer(await get(`${REPOSITORY}/manifests/latest`))).equals(image.bytes)).toBe(true);
  });

  it('tells what was pulled, and by which tag', async () => {
    const image = buildImage({ seed: 'told' });
    await place(image, ['latest', 'stable']);
    const pull = async (reference: string, method = 'GET') =>
      buffer(await get(`${REPOSITORY}/manifests/${reference}`, {}, method));
    await pull('latest');
    await pull('stable', 'HEAD');
    await pull(image.digest);
    await pull(image.digest);
    await expect.poll(() => scene.pulls.map(({ tag }) => tag)).toEqual(['latest', 'stable', null]);
    expect(scene.pulls[0]).toEqual({
      kind: 'manifest',
      repository: REPOSITORY,
      tag: 'latest',
      digest: image.digest,
      bytes: image.bytes.length,
    });
  });

  it('knows clients behind a proxy apart', async () => {
    scene.settings = { ...scene.settings, proxies: { trusted: ['127.0.0.0/8'], header: 'x-forwarded-for' } };
    const image = buildImage({ seed: 'proxied' });
    await place(image, ['latest', 'stable']);
    const pull = async (client: string, reference: string, method = 'GET') =>
      buffer(await get(`${REPOSITORY}/manifests/${reference}`, { 'x-forwarded-for': client }, method));
    await pull('192.0.2.1', 'latest', 'HEAD');
    await pull('192.0.2.2', 'stable', 'HEAD');
    await pull('192.0.2.1', image.digest);
    await pull('192.0.2.2', image.digest);
    await expect.poll(() => scene.pulls.map(({ tag }) => tag)).toEqual(['latest', 'stable']);
  });
});
