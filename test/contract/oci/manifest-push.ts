import { expect } from 'vitest';
import {
  buildArtifact,
  buildImage,
  buildIndex,
  bytesOf,
  contentOf,
  descriptorOf,
  jsonContent,
  type Content,
  type Image,
} from '../../fixtures/image-builder.js';
import { DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST } from '../../../core/oci/media-types.js';
import { contractCase, type Scene } from './case.js';
import { expectBytes, expectError, expectHeadError, expectStatus, locationOf, type Answer } from './client.js';

const MIB = 1024 * 1024;
const SCHEMA_1 = 'application/vnd.docker.distribution.manifest.v1+prettyjws';

/** Row 7 and 7b. */
export const manifestPushCases = [
  contractCase('row-7-tag', 'PUT under a tag says where it is, and under which digest', async (scene) => {
    const image = await pushedBlobs(scene, buildImage({ seed: 'put-tag' }));
    const answer = await scene.client.putManifest(scene.repository(), image, 'v1.0_x-Y');
    expectStatus(answer, 201);
    expect(answer.headers['docker-content-digest']).toBe(image.digest);
    expect(answer.headers['oci-subject']).toBeUndefined();
    await expectManifest(scene, locationOf(answer), image);
    await expectManifest(scene, `/v2/${scene.repository()}/manifests/v1.0_x-Y`, image);
  }),

  contractCase('row-7-digest', 'PUT under a digest makes no tag', async (scene) => {
    const image = await pushedBlobs(scene, buildImage({ seed: 'put-digest' }));
    expectStatus(await scene.client.putManifest(scene.repository(), image), 201);
    await expectManifest(scene, `/v2/${scene.repository()}/manifests/${image.digest}`, image);
    expectHeadError(await scene.client.head(`/v2/${scene.repository()}/manifests/latest`), 404);
  }),

  contractCase('row-7-again', 'the same manifest may be put again', async (scene) => {
    const image = await pushedBlobs(scene, buildImage({ seed: 'put-again' }));
    for (const reference of ['1', '1', image.digest, '2'])
      expectStatus(await scene.client.putManifest(scene.repository(), image, reference), 201);
  }),

  contractCase('row-7-move', 'a tag moves, and what it named stays under its digest', async (scene) => {
    const first = await pushedBlobs(scene, buildImage({ seed: 'move-1' }));
    const second = await pushedBlobs(scene, buildImage({ seed: 'move-2' }));
    for (const image of [first, second])
      expectStatus(await scene.client.putManifest(scene.repository(), image, '1'), 201);
    await expectManifest(scene, `/v2/${scene.repository()}/manifests/1`, second);
    await expectManifest(scene, `/v2/${scene.repository()}/manifests/${first.digest}`, first);
  }),

  contractCase('row-7-parameters', 'parameters of the Content-Type are not kept', async (scene) => {
    const image = await pushedBlobs(scene, buildImage({ seed: 'parameters' }));
    const typed = { ...image, mediaType: `${image.mediaType}; charset=utf-8` };
    expectStatus(await scene.client.putManifest(scene.repository(), typed, '1'), 201);
    await expectManifest(scene, `/v2/${scene.repository()}/manifests/1`, image);
  }),

  contractCase('row-7-tag-length', 'a tag has 128 characters at most', async (scene) => {
    const image = await pushedBlobs(scene, buildImage({ seed: 'tag-length' }));
    expectStatus(await scene.client.putManifest(scene.repository(), image, 'a'.repeat(128)), 201);
    expectError(
      await scene.client.putManifest(scene.repository(), image, 'a'.repeat(129)),
      400,
      ...['TAG_INVALID', 'MANIFEST_INVALID'],
    );
  }),

  contractCase('row-7-wrong-digest', 'a manifest under a digest that is not its own is refused', async (scene) => {
    const image = await pushedBlobs(scene, buildImage({ seed: 'wrong-digest' }));
    const other = contentOf('', 'other').digest;
    expectError(await scene.client.putManifest(scene.repository(), image, other), 400, 'DIGEST_INVALID');
    expectHeadError(await scene.client.head(`/v2/${scene.repository()}/manifests/${other}`), 404);
  }),

  contractCase('row-7-bad-digest', 'a manifest under what is no digest is refused', async (scene) => {
    const image = await pushedBlobs(scene, buildImage({ seed: 'bad-digest' }));
    expectError(
      await scene.client.putManifest(scene.repository(), image, 'sha256:abc'),
      400,
      ...['DIGEST_INVALID', 'MANIFEST_INVALID'],
    );
  }),

  ...(
    [
      ['no-json', OCI_MANIFEST, '{"schemaVersion":2'],
      ['list', OCI_MANIFEST, '[]'],
      ['null', OCI_MANIFEST, 'null'],
      ['empty', OCI_MANIFEST, ''],
      ['no-layers', OCI_MANIFEST, '{"schemaVersion":2,"config":3}'],
      ['no-version', DOCKER_MANIFEST, `{"mediaType":"${DOCKER_MANIFEST}"}`],
      ['index-and-image', OCI_INDEX, '{"schemaVersion":2,"manifests":[],"layers":[],"config":{}}'],
      ['no-utf-8', OCI_MANIFEST, Buffer.from([0x7b, 0xff, 0xfe, 0x7d])],
    ] as const
  ).map(([id, mediaType, bytes]) =>
    contractCase(`row-7-invalid-${id}`, `what is no manifest of its type is refused: ${id}`, async (scene) => {
      const answer = await scene.client.putManifest(scene.repository(), contentOf(mediaType, bytes), '1');
      expectError(answer, 400, 'MANIFEST_INVALID');
    }),
  ),

  contractCase('row-7-media-type', 'a mediaType that is not the Content-Type is refused', async (scene) => {
    const image = await pushedBlobs(scene, buildImage({ seed: 'media-type' }));
    for (const mediaType of [DOCKER_MANIFEST, OCI_INDEX])
      expectError(
        await scene.client.putManifest(scene.repository(), { ...image, mediaType }, '1'),
        400,
        'MANIFEST_INVALID',
      );
  }),

  contractCase('row-7-unknown-type', 'a type that is none of a manifest is refused', async (scene) => {
    const image = await pushedBlobs(scene, buildImage({ seed: 'unknown-type' }));
    for (const mediaType of ['text/plain', 'application/json', '']) {
      const answer = await scene.client.putManifest(scene.repository(), { ...image, mediaType }, '1');
      expectError(answer, [400, 415], 'MANIFEST_INVALID');
    }
  }),

  contractCase('row-7-schema-1', 'manifests of schema 1 are refused', async (scene) => {
    const old = {
      schemaVersion: 1,
      name: scene.repository(),
      tag: '1',
      architecture: 'amd64',
      fsLayers: [],
      history: [],
    };
    const answer = await scene.client.putManifest(scene.repository(), jsonContent(SCHEMA_1, undefined, old), '1');
    expectError(answer, [400, 415], 'MANIFEST_INVALID', 'UNSUPPORTED');
  }),

  contractCase('row-7-blob-unknown', 'an image without its configuration or a layer is refused', async (scene) => {
    const image = buildImage({ seed: 'blob-unknown', layers: [10, 20] });
    for (const [index, missing] of image.blobs.entries()) {
      const repository = scene.repository(`without-${index}`);
      for (const blob of image.blobs) if (blob !== missing) await scene.client.pushBlob(repository, blob);
      const answer = await scene.client.putManifest(repository, image, '1');
      expectError(answer, 400, 'MANIFEST_BLOB_UNKNOWN');
      expectHeadError(await scene.client.head(`/v2/${repository}/manifests/1`), 404);
    }
  }),

  contractCase('row-7-sparse', 'an index may name images that are not here', async (scene) => {
    const present = buildImage({ seed: 'present' });
    const index = buildIndex([present, buildImage({ seed: 'absent', platform: 'linux/s390x' })]);
    await scene.client.pushImage(scene.repository(), present);
    expectStatus(await scene.client.putManifest(scene.repository(), index, '1'), 201);
    await expectManifest(scene, `/v2/${scene.repository()}/manifests/1`, index);
  }),

  contractCase('row-7-foreign', 'a layer that is not to be distributed may be missing', async (scene) => {
    const image = buildImage({ seed: 'foreign', format: 'docker', layers: [10] });
    const [config, layer] = image.blobs as [Content, Content];
    await scene.client.pushBlob(scene.repository(), config);
    const mediaType = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip';
    const layers = [{ ...descriptorOf(layer), mediaType, urls: ['https://example.org/layer'] }];
    const json = { schemaVersion: 2, mediaType: DOCKER_MANIFEST, config: descriptorOf(config), layers };
    const manifest = jsonContent(DOCKER_MANIFEST, undefined, json);
    expectStatus(await scene.client.putManifest(scene.repository(), manifest, '1'), 201);
  }),

  contractCase('row-7-large', 'a manifest of almost 4 MiB is taken', async (scene) => {
    const image = await pushedBlobs(scene, padded(4 * MIB - 1000));
    expectStatus(await scene.client.putManifest(scene.repository(), image, '1'), 201);
    await expectManifest(scene, `/v2/${scene.repository()}/manifests/1`, image);
  }),

  contractCase('row-7-too-large', 'a manifest that is larger than 4 MiB is refused with 413', async (scene) => {
    const image = await pushedBlobs(scene, padded(5 * MIB));
    const answer = await scene.client.putManifest(scene.repository(), image, '1');
    expectError(answer, 413, 'MANIFEST_INVALID', 'SIZE_INVALID', 'DENIED');
    expectHeadError(await scene.client.head(`/v2/${scene.repository()}/manifests/1`), 404);
  }),

  contractCase('row-7-subject', 'OCI-Subject says that the registry looked after the subject', async (scene) => {
    const subject = contentOf(OCI_MANIFEST, 'it need not be here');
    const image = await pushedBlobs(scene, buildArtifact({ seed: 'subject', subject: descriptorOf(subject) }));
    const answer = await scene.client.putManifest(scene.repository(), image);
    expectStatus(answer, 201);
    expect(answer.headers['oci-subject']).toBe(subject.digest);
  }),

  contractCase('row-7-subject-index', 'an index may have a subject as well', async (scene) => {
    const subject = contentOf(OCI_MANIFEST, 'it need not be here either');
    const index = buildIndex([], { subject: descriptorOf(subject), artifactType: 'application/vnd.example' });
    const answer = await scene.client.putManifest(scene.repository(), index);
    expectStatus(answer, 201);
    expect(answer.headers['oci-subject']).toBe(subject.digest);
  }),

  contractCase('row-7b-tags', 'PUT under a digest may give tags', async (scene) => {
    const image = await pushedBlobs(scene, buildImage({ seed: 'tags' }));
    const tags = Array.from({ length: 10 }, (_, index) => `t${index}`);
    const answer = await putWithTags(scene, image, tags);
    expectStatus(answer, 201);
    const told = [answer.headers['oci-tag'] ?? []].flat().flatMap((field) => field.split(/\s*,\s*/));
    expect(told.sort()).toEqual(tags);
    for (const tag of tags) await expectManifest(scene, `/v2/${scene.repository()}/manifests/${tag}`, image);
  }),

  contractCase('row-7b-bad-tag', 'PUT with what is no tag in its query gives no tag at all', async (scene) => {
    const image = await pushedBlobs(scene, buildImage({ seed: 'bad-tag' }));
    expectError(await putWithTags(scene, image, ['good', '.bad']), 400, 'TAG_INVALID', 'MANIFEST_INVALID');
    expectHeadError(await scene.client.head(`/v2/${scene.repository()}/manifests/good`), 404);
  }),

  contractCase('row-7b-many', 'PUT with a thousand tags is refused', async (scene) => {
    const image = await pushedBlobs(scene, buildImage({ seed: 'many-tags' }));
    const answer = await putWithTags(
      scene,
      image,
      Array.from({ length: 1000 }, (_, index) => `t${index}`),
    );
    expectStatus(answer, 414, 431);
  }),
];

async function pushedBlobs({ client, repository }: Scene, image: Image): Promise<Image> {
  for (const blob of image.blobs) await client.pushBlob(repository(), blob);
  return image;
}

/** An image whose manifest has so many bytes. */
function padded(size: number): Image {
  const build = (length: number): Image => {
    const padding = bytesOf('padding', length).toString('hex').slice(0, length);
    return buildImage({ seed: 'padded', annotations: { padding } });
  };
  return build(size - build(0).bytes.length);
}

function putWithTags({ client, repository }: Scene, image: Image, tags: readonly string[]): Promise<Answer> {
  const query = tags.map((tag) => `tag=${tag}`).join('&');
  return client.putManifest(repository(), image, `${image.digest}?${query}`);
}

async function expectManifest({ client }: Scene, path: string, image: Content): Promise<void> {
  const answer = await client.get(path, { accept: image.mediaType });
  expectStatus(answer, 200);
  expectBytes(answer, image.bytes);
  expect([answer.headers['docker-content-digest'], answer.headers['content-type']]).toEqual([
    image.digest,
    image.mediaType,
  ]);
}
