import { request as httpRequest } from 'node:http';
import { readdir, rm } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { pushBlob, pushImage, pushManifest, readImage, type RegistryAddress } from '../../fixtures/image-push.js';
import {
  buildArtifact,
  buildImage,
  buildIndex,
  buildSignature,
  bytesOf,
  contentOf,
  cosignTag,
  descriptorOf,
} from '../../fixtures/image-builder.js';
import { basic, DOCKER_HUB, openRegistry, type RegistryScene } from './registry-scene.js';

const REPOSITORY = 'lab/tool';

describe('pushing', () => {
  let scene: RegistryScene;
  let to: RegistryAddress;
  beforeEach(async () => {
    scene = await openRegistry({ registry: { immutable: ['v*'] }, registries: [DOCKER_HUB] });
    to = { url: scene.url, repository: REPOSITORY, authorization: basic(scene.addToken('robot', ['**'])) };
  });
  afterEach(() => scene.close());

  function send(method: string, path: string, headers: Record<string, string> = {}, body?: Buffer): Promise<Response> {
    const init = { method, headers: { authorization: to.authorization ?? '', ...headers } };
    return fetch(`${scene.url}/v2/${path}`, body ? { ...init, body: new Uint8Array(body) } : init);
  }

  async function codeOf(answer: Response): Promise<string | undefined> {
    return ((await answer.json()) as { errors: { code: string }[] }).errors[0]?.code;
  }

  it('keeps an image of several platforms whole', async () => {
    const image = buildIndex([buildImage({ seed: 'a' }), buildImage({ seed: 'b', platform: 'linux/arm64/v8' })]);
    await pushImage(to, image, ['latest']);
    expect((await readImage(to, 'latest')).lacks).toEqual([]);
    expect(await readdir(scene.layout.uploadsFolder)).toEqual([]);
  });

  it('does not move an immutable tag, nor deletes it', async () => {
    const [first, second] = [buildImage({ seed: 'first' }), buildImage({ seed: 'second' })];
    await pushImage(to, first, ['v1', 'latest']);
    await pushManifest(to, first, 'v1'); // the same again moves nothing
    await pushImage(to, second, ['latest']);
    const moved = await send('PUT', `${REPOSITORY}/manifests/v1`, { 'content-type': second.mediaType }, second.bytes);
    expect([moved.status, await codeOf(moved)]).toEqual([403, 'DENIED']);
    const both = await send(
      'PUT',
      `${REPOSITORY}/manifests/${second.digest}?tag=new&tag=v1`,
      { 'content-type': second.mediaType },
      second.bytes,
    );
    expect([both.status, await codeOf(both)]).toEqual([403, 'DENIED']);
    expect(scene.store.tags.get(REPOSITORY, 'new')).toBeUndefined();
    for (const reference of ['v1', first.digest]) {
      const deleted = await send('DELETE', `${REPOSITORY}/manifests/${reference}`);
      expect([deleted.status, await codeOf(deleted)]).toEqual([403, 'DENIED']);
    }
    expect(scene.store.tags.get(REPOSITORY, 'v1')?.digest).toBe(first.digest);
  });

  it('keeps the digests that a tag had', async () => {
    const images = ['1', '2', '3'].map((seed) => buildImage({ seed }));
    for (const image of images) await pushImage(to, image, ['latest']);
    expect(scene.store.tags.history(REPOSITORY, 'latest', 10).map(({ digest }) => digest)).toEqual([
      images[1]?.digest,
      images[0]?.digest,
    ]);
  });

  it('deletes no blob that a manifest needs', async () => {
    const image = buildImage({ seed: 'needed' });
    await pushImage(to, image, ['latest']);
    for (const { digest } of [...image.blobs, image]) {
      const refused = await send('DELETE', `${REPOSITORY}/blobs/${digest}`);
      expect([refused.status, await codeOf(refused)]).toEqual([405, 'UNSUPPORTED']);
    }
    expect((await send('DELETE', `${REPOSITORY}/manifests/${image.digest}`)).status).toBe(202);
    for (const { digest } of image.blobs) {
      expect((await send('DELETE', `${REPOSITORY}/blobs/${digest}`)).status).toBe(202);
      expect(scene.blobs.find(digest)).toBeDefined(); // bytes go when they are collected
    }
  });

  it('changes nothing that was mirrored, also when its registry is no longer configured', async () => {
    scene.store.repositories.ensure('quay.io/app', 'mirrored', Date.now());
    for (const [method, path] of [
      ['POST', 'quay.io/app/blobs/uploads/'],
      ['DELETE', 'quay.io/app/manifests/latest'],
      ['POST', 'docker.io/library/debian/blobs/uploads/'],
      ['PUT', 'docker.io/library/debian/manifests/latest'],
      ['DELETE', 'docker.io/library/debian/manifests/latest'],
    ] as const) {
      const refused = await send(method, path);
      expect([path, refused.status, await codeOf(refused)]).toEqual([path, 405, 'UNSUPPORTED']);
    }
  });

  it('renews the lease of what a client that may push asks for by HEAD', async () => {
    const blob = contentOf('', 'leased');
    await pushBlob(to, blob);
    const touchedAt = () => scene.store.repositories.content(REPOSITORY, blob.digest)?.touchedAt ?? 0;
    const before = touchedAt();
    scene.ahead = 3_600_000;
    await fetch(`${scene.url}/v2/${REPOSITORY}/blobs/${blob.digest}`, { method: 'HEAD' });
    await send('GET', `${REPOSITORY}/blobs/${blob.digest}`);
    expect(touchedAt()).toBe(before);
    await send('HEAD', `${REPOSITORY}/blobs/${blob.digest}`);
    expect(touchedAt()).toBeGreaterThanOrEqual(before + 3_600_000);
  });

  it('asks for a blob again whose bytes were found to be bad', async () => {
    const blob = contentOf('', 'bad');
    await pushBlob(to, blob);
    await rm(scene.layout.blob(blob.digest));
    const answer = await send('GET', `${REPOSITORY}/blobs/${blob.digest}`);
    expect([answer.status, await codeOf(answer), answer.headers.get('retry-after')]).toEqual([
      503,
      'UNAVAILABLE',
      '60',
    ]);
  });

  it('mounts only from where the blob is', async () => {
    const blob = contentOf('', bytesOf('mounted', 100));
    await pushBlob(to, blob);
    const mount = (query: string) => send('POST', `lab/other/blobs/uploads/?mount=${blob.digest}${query}`);
    expect((await mount('&from=lab/none')).status).toBe(202);
    expect((await mount('&from=../x')).status).toBe(202);
    expect(scene.store.repositories.holds('lab/other', blob.digest)).toBe(false);
    expect((await mount('&from=lab%2Ftool')).status).toBe(201);
    expect(scene.store.repositories.holds('lab/other', blob.digest)).toBe(true);
  });

  it('offers what cosign keeps under tags as referrers', async () => {
    const image = buildImage({ seed: 'signed' });
    const signature = buildSignature(image);
    const artifact = buildArtifact({
      seed: 'sbom',
      artifactType: 'application/spdx+json',
      subject: descriptorOf(image),
    });
    await pushImage(to, image, ['latest']);
    await pushImage(to, signature, [cosignTag(image.digest)]);
    await pushImage(to, artifact);
    const list = async (query = '') => {
      const answer = await fetch(`${scene.url}/v2/${REPOSITORY}/referrers/${image.digest}${query}`);
      const { manifests } = (await answer.json()) as { manifests: { digest: string; artifactType: string }[] };
      return Object.fromEntries(manifests.map(({ digest, artifactType }) => [digest, artifactType]));
    };
    const [cosign, spdx] = ['application/vnd.dev.cosign.artifact.sig.v1+json', 'application/spdx+json'];
    expect(await list()).toEqual({ [signature.digest]: cosign, [artifact.digest]: spdx });
    expect(await list(`?artifactType=${encodeURIComponent(cosign)}`)).toEqual({ [signature.digest]: cosign });
  });

  it('answers a refused upload although its body is not read', async () => {
    const body = bytesOf('refused', 3_000_000);
    const answer = await new Promise<number>((resolve, reject) => {
      const { hostname, port } = new URL(scene.url);
      const outgoing = httpRequest({ hostname, port, method: 'PUT', path: `/v2/lab/tool/manifests/x` });
      outgoing.on('response', (response) => resolve(response.resume().statusCode ?? 0)).on('error', reject);
      outgoing.end(body);
    });
    expect(answer).toBe(401);
    const tooLarge = await send('PUT', 'lab/tool/manifests/x', {}, bytesOf('large', 5_000_000));
    expect([tooLarge.status, await codeOf(tooLarge)]).toEqual([413, 'MANIFEST_INVALID']);
  });

  it('keeps what came of a chunk whose client has broken off', async () => {
    const bytes = bytesOf('broken off', 300_000);
    const { digest } = contentOf('', bytes);
    const begun = await send('POST', `${REPOSITORY}/blobs/uploads/`);
    const location = begun.headers.get('location')?.slice('/v2/'.length) ?? '';
    const { hostname, port } = new URL(scene.url);
    const headers = { authorization: to.authorization ?? '', 'content-length': '300000' };
    const outgoing = httpRequest({ hostname, port, method: 'PATCH', path: `/v2/${location}`, headers });
    outgoing.on('error', () => undefined).write(bytes.subarray(0, 100_000));
    const range = async () => (await send('GET', location)).headers.get('range');
    await expect.poll(range).toBe('0-99999');
    outgoing.destroy();
    const rest = () => send('PATCH', location, { 'content-range': '100000-299999' }, bytes.subarray(100_000));
    // until it is seen that the connection is gone the upload is busy
    await expect.poll(async () => (await rest()).status).toBe(202);
    expect((await send('PUT', `${location}?digest=${digest}`)).status).toBe(201);
    expect(scene.logged).toEqual([]);
  });

  it('logs nothing of what clients do wrong', async () => {
    await send('PUT', 'lab/tool/manifests/x', {}, Buffer.from('{'));
    await send('GET', 'lab/%zz/manifests/x');
    expect(scene.logged).toEqual([]);
  });
});
