import { expect } from 'vitest';
import { buildImage, buildIndex, bytesOf, contentOf } from '../../fixtures/image-builder.js';
import { contractCase, type Scene } from './case.js';
import { expectBytes, expectError, expectHeadError, expectStatus, jsonOf } from './client.js';

const ABSENT = contentOf('', 'this was never pushed').digest;

/** Rows 9 and 10. */
export const deletionCases = [
  contractCase('row-9-tag', 'deleting a tag leaves the manifest and other tags', async (scene) => {
    const image = buildImage({ seed: 'row-9-tag' });
    await scene.client.pushImage(scene.repository(), image, '1', '2');
    expectStatus(await remove(scene, 'manifests/1'), 202);
    expectError(await read(scene, 'manifests/1'), 404, 'MANIFEST_UNKNOWN');
    for (const reference of ['2', image.digest]) expectStatus(await read(scene, `manifests/${reference}`), 200);
    expect(jsonOf(await read(scene, 'tags/list'))).toMatchObject({ tags: ['2'] });
  }),

  contractCase('row-9-digest', 'deleting a digest takes all its tags along', async (scene) => {
    const image = buildImage({ seed: 'row-9-digest' });
    const other = buildImage({ seed: 'row-9-other' });
    await scene.client.pushImage(scene.repository(), image, '1', '2');
    await scene.client.pushImage(scene.repository(), other, '3');
    expectStatus(await remove(scene, `manifests/${image.digest}`), 202);
    for (const reference of ['1', '2', image.digest]) {
      expectError(await read(scene, `manifests/${reference}`), 404, 'MANIFEST_UNKNOWN');
      expectHeadError(await scene.client.head(`/v2/${scene.repository()}/manifests/${reference}`), 404);
    }
    expect(jsonOf(await read(scene, 'tags/list'))).toMatchObject({ tags: ['3'] });
  }),

  contractCase('row-9-last-tag', 'after the last tag the list is empty, not null', async (scene) => {
    await scene.client.pushImage(scene.repository(), buildImage({ seed: 'row-9-last-tag' }), '1');
    expectStatus(await remove(scene, 'manifests/1'), 202);
    const answer = await read(scene, 'tags/list');
    expectStatus(answer, 200);
    expect(jsonOf(answer)).toMatchObject({ tags: [] });
  }),

  contractCase('row-9-child', 'deleting an index leaves what it names', async (scene) => {
    const child = buildImage({ seed: 'row-9-child' });
    const index = buildIndex([child]);
    await scene.client.pushImage(scene.repository(), index, '1');
    expectStatus(await remove(scene, `manifests/${index.digest}`), 202);
    expectStatus(await read(scene, `manifests/${child.digest}`), 200);
  }),

  contractCase('row-9-again', 'what was deleted may be pushed again', async (scene) => {
    const image = buildImage({ seed: 'row-9-again' });
    for (let round = 0; round < 2; round += 1) {
      await scene.client.pushImage(scene.repository(), image, '1');
      expectBytes(await read(scene, 'manifests/1'), image.bytes);
      expectStatus(await remove(scene, `manifests/${image.digest}`), 202);
      expectError(await remove(scene, `manifests/${image.digest}`), 404, 'MANIFEST_UNKNOWN');
    }
  }),

  contractCase('row-9-unknown', 'deleting what is not here is 404', async (scene) => {
    await scene.client.pushImage(scene.repository(), buildImage({ seed: 'row-9-unknown' }), '1');
    for (const reference of ['2', ABSENT])
      expectError(await remove(scene, `manifests/${reference}`), 404, 'MANIFEST_UNKNOWN');
  }),

  contractCase(
    'row-9-name-unknown',
    'deleting in a repository that is not here is 404',
    async ({ client, repository }) => {
      const answer = await client.send('DELETE', `/v2/${repository('none')}/manifests/${ABSENT}`);
      expectError(answer, 404, 'NAME_UNKNOWN', 'MANIFEST_UNKNOWN');
    },
  ),

  contractCase('row-9-while-read', 'a tag may be read while its manifest is deleted', async (scene) => {
    const image = buildImage({ seed: 'row-9-while-read' });
    for (let round = 0; round < 5; round += 1) {
      await scene.client.pushImage(scene.repository(), image, '1');
      const reads = Array.from({ length: 10 }, () => read(scene, 'manifests/1'));
      const [removed, ...answers] = await Promise.all([remove(scene, `manifests/${image.digest}`), ...reads]);
      expectStatus(removed, 202);
      for (const answer of answers) {
        if (answer.status === 200) expectBytes(answer, image.bytes);
        else expectError(answer, 404, 'MANIFEST_UNKNOWN');
      }
      expectError(await read(scene, 'manifests/1'), 404, 'MANIFEST_UNKNOWN');
    }
  }),

  contractCase('row-10-blob', 'deleting a blob takes it from this repository only', async (scene) => {
    const { client, repository } = scene;
    const blob = contentOf('', bytesOf('row-10-blob', 100));
    for (const name of ['a', 'b']) await client.pushBlob(repository(name), blob);
    const path = (name: string) => `/v2/${repository(name)}/blobs/${blob.digest}`;
    expectStatus(await client.send('DELETE', path('a')), 202);
    expectError(await client.get(path('a')), 404, 'BLOB_UNKNOWN');
    expectHeadError(await client.head(path('a')), 404);
    expectError(await client.send('DELETE', path('a')), 404, 'BLOB_UNKNOWN');
    expectBytes(await client.get(path('b')), blob.bytes);
    await client.pushBlob(repository('a'), blob);
    expectBytes(await client.get(path('a')), blob.bytes);
  }),

  contractCase('row-10-unknown', 'deleting a blob that is not here is 404', async (scene) => {
    const { client, repository } = scene;
    await client.pushBlob(repository(), contentOf('', 'something'));
    expectError(await remove(scene, `blobs/${ABSENT}`), 404, 'BLOB_UNKNOWN');
    const none = await client.send('DELETE', `/v2/${repository('none')}/blobs/${ABSENT}`);
    expectError(none, 404, 'BLOB_UNKNOWN', 'NAME_UNKNOWN');
  }),

  contractCase('row-10-bad-digest', 'deleting what is no digest is refused', async (scene) => {
    expectError(await remove(scene, 'blobs/sha256:abc'), 400, 'DIGEST_INVALID');
  }),
];

function remove({ client, repository }: Scene, path: string) {
  return client.send('DELETE', `/v2/${repository()}/${path}`);
}

function read({ client, repository }: Scene, path: string) {
  const accept = ['application/vnd.oci.image.manifest.v1+json', 'application/vnd.oci.image.index.v1+json'];
  return client.get(`/v2/${repository()}/${path}`, { accept: accept.join(', ') });
}
