import { expect } from 'vitest';
import { bytesOf, contentOf, type Content } from '../../fixtures/image-builder.js';
import { contractCase, type Scene } from './case.js';
import {
  expectBytes,
  expectError,
  expectHeadError,
  expectStatus,
  locationOf,
  octets,
  withDigest,
  type Answer,
} from './client.js';

const blobOf = (seed: string, algorithm?: string): Content => contentOf('', bytesOf(seed, 1000), algorithm);

/** Rows 4a, 4b, 4c, 6 without chunks, and 11. */
export const uploadCases = [
  contractCase('row-4a', 'POST opens an upload', async ({ client, repository }) => {
    const answer = await client.send('POST', `/v2/${repository()}/blobs/uploads/`);
    expectStatus(answer, 202);
    expect(locationOf(answer)).toMatch(/^(?:http:\/\/127\.0\.0\.1:\d+)?\/v2\//);
    expect(answer.headers).toMatchObject({
      range: '0-0',
      'content-length': '0',
      'docker-upload-uuid': expect.stringMatching(/^[A-Za-z0-9-]{16,}$/) as string,
    });
  }),

  ...['UPPER', 'a..b', 'a/-b', 'a_', `${'a/'.repeat(150)}a`].map((name, index) =>
    contractCase(
      `row-4a-name-${index + 1}`,
      `no upload in what is no repository: ${name.slice(0, 10)}`,
      async (scene) => {
        const answer = await scene.client.send('POST', `/v2/${scene.repository()}/${name}/blobs/uploads/`);
        expectError(answer, [400, 404], 'NAME_INVALID', 'NAME_UNKNOWN');
      },
    ),
  ),

  contractCase('row-4b', 'POST with the whole blob ends with the blob', async ({ client, repository }) => {
    const blob = blobOf('row-4b');
    const answer = await post({ client, repository }, blob);
    expectStatus(answer, 201, 202);
    if (answer.status === 202)
      expectStatus(await client.send('PUT', withDigest(locationOf(answer), blob.digest), octets(blob.bytes)), 201);
    expectBytes(await client.get(`/v2/${repository()}/blobs/${blob.digest}`), blob.bytes);
  }),

  contractCase('row-4b-created', 'POST with the whole blob makes it at once', async (scene) => {
    const blob = blobOf('row-4b-created');
    const answer = await post(scene, blob);
    expectStatus(answer, 201);
    expect(answer.headers['docker-content-digest']).toBe(blob.digest);
    expectBytes(await scene.client.get(locationOf(answer)), blob.bytes);
  }),

  contractCase('row-4b-mismatch', 'POST with a blob of another digest is refused', async (scene) => {
    const { bytes } = blobOf('row-4b-mismatch');
    const { digest } = blobOf('another');
    expectError(await post(scene, { digest, bytes }), 400, 'DIGEST_INVALID');
    expectHeadError(await scene.client.head(`/v2/${scene.repository()}/blobs/${digest}`), 404);
  }),

  contractCase('row-4b-bad-digest', 'POST with a blob and what is no digest is refused', async (scene) => {
    const { bytes } = blobOf('row-4b-bad-digest');
    expectError(await post(scene, { digest: 'sha256:abc', bytes }), 400, 'DIGEST_INVALID');
  }),

  contractCase('row-4c', 'an upload may say that its digest will be of sha512', async ({ client, repository }) => {
    const blob = blobOf('row-4c', 'sha512');
    const answer = await client.send('POST', `/v2/${repository()}/blobs/uploads/?digest-algorithm=sha512`);
    expectStatus(answer, 202);
    const { bytes } = blob;
    const patched = await client.send('PATCH', locationOf(answer), octets(bytes, { 'content-range': '0-999' }));
    expectStatus(patched, 202);
    expectStatus(await client.send('PUT', withDigest(locationOf(patched), blob.digest)), 201);
    expectBytes(await client.get(`/v2/${repository()}/blobs/${blob.digest}`), bytes);
  }),

  contractCase(
    'row-6-monolithic',
    'PUT with the whole blob makes it, and says where',
    async ({ client, repository }) => {
      const blob = blobOf('row-6-monolithic');
      const location = await client.open(repository());
      const answer = await client.send('PUT', withDigest(location, blob.digest), octets(blob.bytes));
      expectStatus(answer, 201);
      expect(answer.headers['docker-content-digest']).toBe(blob.digest);
      expectBytes(await client.get(locationOf(answer)), blob.bytes);
      expectStatus(await client.head(`/v2/${repository()}/blobs/${blob.digest}`), 200);
    },
  ),

  contractCase(
    'row-6-sha512',
    'PUT with the whole blob may have a digest of sha512',
    async ({ client, repository }) => {
      const blob = blobOf('row-6-sha512', 'sha512');
      await client.pushBlob(repository(), blob);
      expectBytes(await client.get(`/v2/${repository()}/blobs/${blob.digest}`), blob.bytes);
    },
  ),

  contractCase('row-6-encoded', 'the digest in the query may be percent-encoded', async ({ client, repository }) => {
    const blob = blobOf('row-6-encoded');
    const location = withDigest(await client.open(repository()), encodeURIComponent(blob.digest));
    expectStatus(await client.send('PUT', location, octets(blob.bytes)), 201);
    expectStatus(await client.head(`/v2/${repository()}/blobs/${blob.digest}`), 200);
  }),

  contractCase('row-6-stream', 'the length need not be known before', async ({ client, repository }) => {
    const blob = blobOf('row-6-stream');
    const stream = [blob.bytes.subarray(0, 300), blob.bytes.subarray(300)];
    expectStatus(await client.send('PUT', withDigest(await client.open(repository()), blob.digest), { stream }), 201);
    expectBytes(await client.get(`/v2/${repository()}/blobs/${blob.digest}`), blob.bytes);
  }),

  contractCase('row-6-again', 'a blob that is here may be pushed again', async ({ client, repository }) => {
    const blob = blobOf('row-6-again');
    for (let round = 0; round < 2; round += 1) await client.pushBlob(repository(), blob);
    await Promise.all([1, 2, 3].map(() => client.pushBlob(repository(), blob)));
    expectBytes(await client.get(`/v2/${repository()}/blobs/${blob.digest}`), blob.bytes);
  }),

  contractCase('row-6-at-once', 'two may push the same new blob at the same time', async ({ client, repository }) => {
    const blob = blobOf('row-6-at-once');
    await Promise.all(['a', 'a', 'b'].map((name) => client.pushBlob(repository(name), blob)));
    for (const name of ['a', 'b'])
      expectBytes(await client.get(`/v2/${repository(name)}/blobs/${blob.digest}`), blob.bytes);
  }),

  contractCase('row-6-mismatch', 'bytes of another digest are refused, and the upload is gone', async (scene) => {
    const { client, repository } = scene;
    const blob = blobOf('row-6-mismatch');
    const location = await client.open(repository());
    const wrong = octets(bytesOf('wrong', 1000));
    expectError(await client.send('PUT', withDigest(location, blob.digest), wrong), 400, 'DIGEST_INVALID');
    expectHeadError(await client.head(`/v2/${repository()}/blobs/${blob.digest}`), 404);
    expectError(await client.get(location), 404, 'BLOB_UPLOAD_UNKNOWN');
    const again = await client.send('PUT', withDigest(location, blob.digest), octets(blob.bytes));
    expectError(again, 404, 'BLOB_UPLOAD_UNKNOWN');
  }),

  contractCase('row-6-no-digest', 'PUT without a digest is refused', async ({ client, repository }) => {
    const location = await client.open(repository());
    expectError(await client.send('PUT', location, octets(Buffer.from('x'))), 400, 'DIGEST_INVALID');
  }),

  contractCase('row-6-bad-digest', 'PUT with what is no digest is refused', async ({ client, repository }) => {
    for (const digest of ['', 'sha256:abc', 'md5:0cc175b9c0f1b6a831c399e269772661', 'latest']) {
      const location = withDigest(await client.open(repository()), digest);
      expectError(await client.send('PUT', location, octets(Buffer.from('a'))), 400, 'DIGEST_INVALID');
    }
  }),

  contractCase('row-6-twice', 'an upload ends once', async ({ client, repository }) => {
    const blob = blobOf('row-6-twice');
    const location = withDigest(await client.open(repository()), blob.digest);
    expectStatus(await client.send('PUT', location, octets(blob.bytes)), 201);
    expectError(await client.send('PUT', location, octets(blob.bytes)), 404, 'BLOB_UPLOAD_UNKNOWN');
  }),

  contractCase('row-11-from', 'a blob is mounted from another repository', async ({ client, repository }) => {
    const blob = blobOf('row-11-from');
    await client.pushBlob(repository('source'), blob);
    for (const encode of [String, encodeURIComponent]) {
      const to = repository(`target-${encode.name.toLowerCase()}`);
      const query = `mount=${encode(blob.digest)}&from=${encode(repository('source'))}`;
      const answer = await client.send('POST', `/v2/${to}/blobs/uploads/?${query}`);
      expectStatus(answer, 201);
      expect(answer.headers['docker-content-digest']).toBe(blob.digest);
      expectBytes(await client.get(locationOf(answer)), blob.bytes);
      expectBytes(await client.get(`/v2/${to}/blobs/${blob.digest}`), blob.bytes);
    }
  }),

  contractCase('row-11-no-from', 'without a source it is mounted, or an upload is opened', async (scene) => {
    const { client, repository } = scene;
    const blob = blobOf('row-11-no-from');
    await client.pushBlob(repository('source'), blob);
    const answer = await client.send('POST', `/v2/${repository('target')}/blobs/uploads/?mount=${blob.digest}`);
    expectStatus(answer, 201, 202);
    if (answer.status === 202) await expectUsable(scene, answer, blob);
  }),

  ...[
    ['absent', 'that it does not have', 'source'],
    ['no-repository', 'that is not here', 'nowhere'],
    ['bad-name', 'that is none', 'UPPER'],
  ].map(([id = '', what = '', source = '']) =>
    contractCase(`row-11-${id}`, `from a repository ${what} an upload is opened instead`, async (scene) => {
      const { client, repository } = scene;
      await client.pushBlob(repository('source'), blobOf('something'));
      const blob = blobOf(`row-11-${id}`);
      const query = `mount=${blob.digest}&from=${repository(source)}`;
      const answer = await client.send('POST', `/v2/${repository()}/blobs/uploads/?${query}`);
      expectStatus(answer, 202);
      await expectUsable(scene, answer, blob);
    }),
  ),

  contractCase('row-11-bad-digest', 'what is no digest cannot be mounted', async ({ client, repository }) => {
    const query = `mount=sha256:abc&from=${repository('source')}`;
    const answer = await client.send('POST', `/v2/${repository()}/blobs/uploads/?${query}`);
    expectStatus(answer, 202, 400);
    if (answer.status === 400) expectError(answer, 400, 'DIGEST_INVALID');
  }),
];

function post({ client, repository }: Pick<Scene, 'client' | 'repository'>, blob: Pick<Content, 'digest' | 'bytes'>) {
  return client.send('POST', `/v2/${repository()}/blobs/uploads/?digest=${blob.digest}`, octets(blob.bytes));
}

async function expectUsable({ client }: Scene, answer: Answer, blob: Content): Promise<void> {
  const location = withDigest(locationOf(answer), blob.digest);
  expectStatus(await client.send('PUT', location, octets(blob.bytes)), 201);
}
