import { expect } from 'vitest';
import { OCI_MANIFEST } from '../../../core/oci/media-types.js';
import { buildArtifact, buildImage, buildIndex, contentOf, type Image } from '../../fixtures/image-builder.js';
import { contractCase } from './case.js';
import { expectBytes, expectError, expectHeadError, expectSameHeaders, expectStatus } from './client.js';

const ABSENT = contentOf('', 'this was never pushed').digest;
const nested = (): Image => buildIndex([buildIndex([buildImage({ seed: 'nested' })]), buildImage({ seed: 'beside' })]);
const dockerList = (): Image =>
  buildIndex([buildImage({ seed: 'list', format: 'docker', platform: 'linux/arm/v7' })], { format: 'docker' });

/** Row 3. */
export const manifestCases = [
  ...(
    [
      ['oci', () => buildImage({ seed: 'oci' })],
      ['docker', () => buildImage({ seed: 'docker', format: 'docker' })],
      ['index', () => buildIndex([buildImage({ seed: 'a' }), buildImage({ seed: 'b', platform: 'linux/arm64' })])],
      ['docker-list', dockerList],
      ['nested', nested],
      ['artifact', () => buildArtifact({ seed: 'artifact', artifactType: 'application/vnd.example' })],
      ['sha512', () => buildImage({ seed: 'sha512', algorithm: 'sha512' })],
    ] as const
  ).map(([id, build]) =>
    contractCase(`row-3-${id}`, `a manifest comes back as it was pushed: ${id}`, async ({ client, repository }) => {
      const image = build();
      await client.pushImage(repository(), image, '1');
      const references = id === 'sha512' ? [image.digest] : [image.digest, '1'];
      for (const reference of references) {
        const path = `/v2/${repository()}/manifests/${reference}`;
        const answer = await client.get(path, { accept: image.mediaType });
        expectStatus(answer, 200);
        expectBytes(answer, image.bytes);
        expect(answer.headers).toMatchObject({
          'content-type': image.mediaType,
          'content-length': String(image.bytes.length),
          'docker-content-digest': image.digest,
        });
        expectSameHeaders(await client.head(path, { accept: image.mediaType }), answer);
      }
    }),
  ),

  contractCase('row-3-spaces', 'not one byte of a manifest is changed', async ({ client, repository }) => {
    const image = buildImage({ seed: 'spaces' });
    await client.pushImage(repository(), image);
    const text = `\n  ${JSON.stringify(JSON.parse(image.bytes.toString()), null, 5)}\r\n\t `;
    const odd = contentOf(image.mediaType, text);
    expectStatus(await client.putManifest(repository(), odd, 'odd'), 201);
    const answer = await client.get(`/v2/${repository()}/manifests/odd`, { accept: image.mediaType });
    expectBytes(answer, odd.bytes);
    expect(answer.headers['docker-content-digest']).toBe(odd.digest);
  }),

  contractCase('row-3-accept', 'nothing is converted, whatever a client accepts', async ({ client, repository }) => {
    const image = buildImage({ seed: 'accept', format: 'docker' });
    const index = buildIndex([buildImage({ seed: 'accept' })]);
    await client.pushImage(repository(), image, 'image');
    await client.pushImage(repository(), index, 'index');
    for (const [reference, pushed] of [['image', image] as const, ['index', index] as const]) {
      for (const accept of [undefined, '*/*', OCI_MANIFEST, 'text/plain']) {
        const headers: Record<string, string> = accept === undefined ? {} : { accept };
        const answer = await client.get(`/v2/${repository()}/manifests/${reference}`, headers);
        expectStatus(answer, 200, 406);
        if (answer.status === 200) expectBytes(answer, pushed.bytes);
      }
    }
  }),

  contractCase('row-3-cache', 'a tag may move, a digest may not', async ({ client, repository }) => {
    const image = buildImage({ seed: 'cache' });
    await client.pushImage(repository(), image, '1');
    const accept = { accept: image.mediaType };
    const tag = await client.get(`/v2/${repository()}/manifests/1`, accept);
    const digest = await client.get(`/v2/${repository()}/manifests/${image.digest}`, accept);
    expect(tag.headers['cache-control'] ?? '').toContain('no-cache');
    expect(digest.headers['cache-control'] ?? '').toContain('immutable');
  }),

  contractCase('row-3-none-match', 'If-None-Match spares the manifest', async ({ client, repository }) => {
    const image = buildImage({ seed: 'none-match' });
    await client.pushImage(repository(), image, '1');
    const path = `/v2/${repository()}/manifests/1`;
    const { etag = '' } = (await client.head(path, { accept: image.mediaType })).headers;
    expect(etag).toMatch(/^"[^"]+"$/);
    expectStatus(await client.get(path, { accept: image.mediaType, 'if-none-match': etag }), 304);
    expectStatus(await client.get(path, { accept: image.mediaType, 'if-none-match': '"other"' }), 200);
  }),

  contractCase('row-3-unknown', 'a tag or digest that is not here is 404', async ({ client, repository }) => {
    await client.pushImage(repository(), buildImage({ seed: 'unknown' }), '1');
    for (const reference of ['2', ABSENT]) {
      const path = `/v2/${repository()}/manifests/${reference}`;
      expectError(await client.get(path), 404, 'MANIFEST_UNKNOWN');
      expectHeadError(await client.head(path), 404);
    }
  }),

  contractCase(
    'row-3-name-unknown',
    'a tag in a repository that is not here is 404',
    async ({ client, repository }) => {
      const path = `/v2/${repository('none')}/manifests/1`;
      expectError(await client.get(path), 404, 'NAME_UNKNOWN', 'MANIFEST_UNKNOWN');
      expectHeadError(await client.head(path), 404);
    },
  ),

  contractCase('row-3-other', 'a manifest that only another repository has is 404', async ({ client, repository }) => {
    const image = buildImage({ seed: 'other' });
    await client.pushImage(repository('a'), image, '1');
    await client.pushImage(repository('b'), buildImage({ seed: 'mine' }), '2');
    for (const reference of ['1', image.digest])
      expectError(await client.get(`/v2/${repository('b')}/manifests/${reference}`), 404, 'MANIFEST_UNKNOWN');
  }),

  ...[
    ['digest', 'sha256:abc', 'DIGEST_INVALID'],
    ['algorithm', `md5:${'0'.repeat(32)}`, 'DIGEST_INVALID'],
    ['tag', '.hidden', 'TAG_INVALID'],
    ['long', 'a'.repeat(129), 'TAG_INVALID'],
  ].map(([id = '', reference = '', code = '']) =>
    contractCase(`row-3-reference-${id}`, `what is neither tag nor digest is refused: ${id}`, async (scene) => {
      const { client, repository } = scene;
      await client.pushImage(repository(), buildImage({ seed: 'reference' }), '1');
      const path = `/v2/${repository()}/manifests/${reference}`;
      expectError(await client.get(path), [400, 404], code, 'MANIFEST_INVALID', 'MANIFEST_UNKNOWN');
      expectHeadError(await client.head(path), 400, 404);
    }),
  ),

  contractCase('row-3-while-moving', 'a tag can be read while it moves', async ({ client, repository }) => {
    const images = [buildImage({ seed: 'moving a' }), buildImage({ seed: 'moving b' })];
    for (const image of images) await client.pushImage(repository(), image, '1');
    const move = async (): Promise<void> => {
      for (let round = 0; round < 20; round += 1)
        for (const image of images) expectStatus(await client.putManifest(repository(), image, '1'), 201);
    };
    const read = async (): Promise<void> => {
      for (let round = 0; round < 40; round += 1) {
        const answer = await client.get(`/v2/${repository()}/manifests/1`, { accept: OCI_MANIFEST });
        expectStatus(answer, 200);
        expect(images.some(({ bytes }) => bytes.equals(answer.body))).toBe(true);
      }
    };
    const outcomes = await Promise.allSettled([move(), read(), read(), read()]);
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  }),
];
