import { expect } from 'vitest';
import { bytesOf, contentOf } from '../../fixtures/image-builder.js';
import { contractCase } from './case.js';
import { expectBytes, expectError, expectHeadError, expectSameHeaders, expectStatus } from './client.js';

const ABSENT = contentOf('', 'this was never pushed').digest;

/** Row 2 without Range. */
export const blobCases = [
  contractCase('row-2-get', 'GET of a blob gives its bytes and says what they are', async ({ client, repository }) => {
    const blob = contentOf('', bytesOf('row-2-get', 70_000));
    await client.pushBlob(repository(), blob);
    const answer = await client.get(`/v2/${repository()}/blobs/${blob.digest}`);
    expectStatus(answer, 200);
    expectBytes(answer, blob.bytes);
    expect(answer.headers).toMatchObject({
      'docker-content-digest': blob.digest,
      'content-length': '70000',
      'content-type': 'application/octet-stream',
      'accept-ranges': 'bytes',
      etag: expect.stringMatching(/^"[^"]+"$/) as string,
      'cache-control': expect.stringContaining('max-age=31536000') as string,
    });
  }),

  contractCase('row-2-immutable', 'a blob may be kept for ever', async ({ client, repository }) => {
    const blob = contentOf('', 'immutable');
    await client.pushBlob(repository(), blob);
    const { headers } = await client.get(`/v2/${repository()}/blobs/${blob.digest}`);
    expect(headers['cache-control']).toContain('immutable');
  }),

  contractCase('row-2-head', 'HEAD has the fields of GET', async ({ client, repository }) => {
    const blob = contentOf('', bytesOf('row-2-head', 1000));
    await client.pushBlob(repository(), blob);
    const path = `/v2/${repository()}/blobs/${blob.digest}`;
    expectSameHeaders(await client.head(path), await client.get(path));
  }),

  contractCase('row-2-empty', 'a blob may be empty', async ({ client, repository }) => {
    const blob = contentOf('', '');
    await client.pushBlob(repository(), blob);
    const path = `/v2/${repository()}/blobs/${blob.digest}`;
    expect((await client.get(path)).headers['content-length']).toBe('0');
    expectSameHeaders(await client.head(path), await client.get(path));
  }),

  contractCase('row-2-sha512', 'a blob may be named by sha512', async ({ client, repository }) => {
    const blob = contentOf('', bytesOf('row-2-sha512', 1000), 'sha512');
    await client.pushBlob(repository(), blob);
    const answer = await client.get(`/v2/${repository()}/blobs/${blob.digest}`);
    expectStatus(answer, 200);
    expectBytes(answer, blob.bytes);
    expect(answer.headers['docker-content-digest']).toBe(blob.digest);
  }),

  contractCase('row-2-no-coding', 'a blob is never sent in another coding', async ({ client, repository }) => {
    const blob = contentOf('', 'a'.repeat(10_000));
    await client.pushBlob(repository(), blob);
    const accept = { 'accept-encoding': 'zstd, gzip, deflate', accept: 'application/vnd.oci.image.layer.v1.tar+gzip' };
    const answer = await client.get(`/v2/${repository()}/blobs/${blob.digest}`, accept);
    expectStatus(answer, 200);
    expect(answer.headers['content-encoding']).toBeUndefined();
    expectBytes(answer, blob.bytes);
  }),

  contractCase('row-2-none-match', 'If-None-Match spares the bytes', async ({ client, repository }) => {
    const blob = contentOf('', bytesOf('row-2-none-match', 1000));
    await client.pushBlob(repository(), blob);
    const path = `/v2/${repository()}/blobs/${blob.digest}`;
    const etag = (await client.head(path)).headers.etag ?? '';
    for (const field of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const answer = await client.get(path, { 'if-none-match': field });
      expectStatus(answer, 304);
      expect([answer.body.length, answer.headers.etag]).toEqual([0, etag]);
    }
    expectStatus(await client.head(path, { 'if-none-match': etag }), 304);
    expectBytes(await client.get(path, { 'if-none-match': '"other"' }), blob.bytes);
  }),

  contractCase('row-2-unknown', 'a blob that is not here is 404', async ({ client, repository }) => {
    await client.pushBlob(repository(), contentOf('', 'something'));
    const path = `/v2/${repository()}/blobs/${ABSENT}`;
    expectError(await client.get(path), 404, 'BLOB_UNKNOWN');
    expectHeadError(await client.head(path), 404);
  }),

  contractCase(
    'row-2-name-unknown',
    'a blob in a repository that is not here is 404',
    async ({ client, repository }) => {
      const path = `/v2/${repository('none')}/blobs/${ABSENT}`;
      expectError(await client.get(path), 404, 'BLOB_UNKNOWN', 'NAME_UNKNOWN');
      expectHeadError(await client.head(path), 404);
    },
  ),

  contractCase('row-2-other', 'a blob that only another repository has is 404', async ({ client, repository }) => {
    const blob = contentOf('', bytesOf('row-2-other', 10));
    await client.pushBlob(repository('a'), blob);
    await client.pushBlob(repository('b'), contentOf('', 'something'));
    const path = `/v2/${repository('b')}/blobs/${blob.digest}`;
    expectError(await client.get(path), 404, 'BLOB_UNKNOWN');
    expectHeadError(await client.head(path), 404);
  }),

  ...[
    ['short', 'sha256:abc'],
    ['upper-case', ABSENT.toUpperCase().replace('SHA256', 'sha256')],
    ['algorithm', `md5:${'0'.repeat(32)}`],
    ['no-hex', `sha256:${'x'.repeat(64)}`],
    ['no-algorithm', 'a'.repeat(64)],
  ].map(([id = '', digest = '']) =>
    contractCase(`row-2-digest-${id}`, `what is no digest is refused: ${id}`, async ({ client, repository }) => {
      await client.pushBlob(repository(), contentOf('', 'something'));
      expectError(await client.get(`/v2/${repository()}/blobs/${digest}`), 400, 'DIGEST_INVALID');
      expectHeadError(await client.head(`/v2/${repository()}/blobs/${digest}`), 400);
    }),
  ),
];
