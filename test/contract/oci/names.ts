import { expect } from 'vitest';
import { buildImage } from '../../fixtures/image-builder.js';
import { contractCase, type Scene } from './case.js';
import { expectBytes, expectError, expectStatus, jsonOf, octets, withDigest } from './client.js';

const NAMES = [
  ...[
    'blobs',
    'manifests',
    'tags',
    'uploads',
    'referrers',
    'a/blobs/b',
    'a/manifests/b',
    'a/tags/list',
    'a/referrers/b',
  ],
  ...['blobs/uploads', 'a/blobs/uploads/b', 'v2', 'a__b/c.d/e-f/g---h', '0'],
];

/** Names of repositories that could be taken for other paths. */
export const nameCases = [
  ...NAMES.map((name) =>
    contractCase(`name-${name.replace(/[^a-z0-9]+/g, '-')}`, `a repository may be called ${name}`, async (scene) => {
      const { client, repository } = scene;
      const image = buildImage({ seed: name });
      await client.pushImage(repository(name), image, 'uploads', 'list');
      const base = `/v2/${repository(name)}`;
      const accept = { accept: image.mediaType };
      expectBytes(await client.get(`${base}/manifests/uploads`, accept), image.bytes);
      expectBytes(await client.get(`${base}/manifests/${image.digest}`, accept), image.bytes);
      for (const { digest, bytes } of image.blobs) expectBytes(await client.get(`${base}/blobs/${digest}`), bytes);
      const tags = jsonOf(await client.get(`${base}/tags/list`)) as { name: string; tags: string[] };
      expect({ ...tags, tags: tags.tags.toSorted() }).toEqual({ name: repository(name), tags: ['list', 'uploads'] });
      await expectUploads(scene, name);
      expectStatus(await client.send('DELETE', `${base}/manifests/${image.digest}`), 202);
    }),
  ),

  contractCase('name-long', 'a name may have 200 characters', async ({ client, repository }) => {
    const name = repository('a'.repeat(199 - repository().length));
    const image = buildImage({ seed: 'long' });
    await client.pushImage(name, image, '1');
    expectStatus(await client.get(`/v2/${name}/manifests/1`, { accept: image.mediaType }), 200);
  }),

  ...['UPPER', 'a_', '-a', 'a..b', 'a___b', 'ä'].map((name, index) =>
    contractCase(`name-bad-${index + 1}`, `no repository is called ${name}`, async ({ client, repository }) => {
      for (const path of ['manifests/1', 'tags/list']) {
        const answer = await client.get(`/v2/${repository(encodeURIComponent(name))}/${path}`);
        expectError(answer, [400, 404], 'NAME_INVALID', 'NAME_UNKNOWN');
      }
    }),
  ),
];

async function expectUploads({ client, repository }: Scene, name: string): Promise<void> {
  const { blobs } = buildImage({ seed: `uploads of ${name}` });
  for (const { bytes, digest } of blobs) {
    const location = await client.open(repository(name));
    expectStatus(await client.get(location), 204);
    expectStatus(await client.send('PUT', withDigest(location, digest), octets(bytes)), 201);
  }
}
