import { expect } from 'vitest';
import { bytesOf, contentOf, type Content } from '../../fixtures/image-builder.js';
import { contractCase, type Scene } from './case.js';
import { expectBytes, expectError, expectStatus, locationOf, octets, withDigest, type Answer } from './client.js';

const UPLOAD_UNKNOWN = 'BLOB_UPLOAD_UNKNOWN';
const blobOf = (seed: string): Content => contentOf('', bytesOf(seed, 1000));

/** Rows 5, 6 with chunks, 13 and 14. */
export const chunkCases = [
  contractCase('row-5-chunks', 'chunks in order make a blob', async (scene) => {
    const blob = blobOf('row-5-chunks');
    let location = await scene.client.open(scene.repository());
    for (const [first, last] of [
      [0, 299],
      [300, 300],
      [301, 999],
    ] as const) {
      const answer = await chunk(scene, location, blob, first, last);
      expectStatus(answer, 202);
      expect(answer.headers).toMatchObject({
        ...{ range: `0-${last}`, 'content-length': '0' },
        'docker-upload-uuid': expect.stringMatching(/./) as string,
      });
      location = locationOf(answer);
    }
    await expectEnds(scene, location, blob);
  }),

  contractCase('row-5-gap', 'a chunk that leaves a gap is refused, and the upload goes on', async (scene) => {
    const blob = blobOf('row-5-gap');
    const location = locationOf(await chunk(scene, await scene.client.open(scene.repository()), blob, 0, 299));
    expectError(await chunk(scene, location, blob, 301, 999), 416, 'RANGE_INVALID', 'BLOB_UPLOAD_INVALID');
    await expectGoesOn(scene, location, blob, 300);
  }),

  contractCase('row-5-repeat', 'a chunk that is here already is refused, and the upload goes on', async (scene) => {
    const blob = blobOf('row-5-repeat');
    const location = locationOf(await chunk(scene, await scene.client.open(scene.repository()), blob, 0, 299));
    for (const [first, last] of [
      [0, 299],
      [200, 499],
    ] as const)
      expectError(await chunk(scene, location, blob, first, last), 416, 'RANGE_INVALID', 'BLOB_UPLOAD_INVALID');
    await expectGoesOn(scene, location, blob, 300);
  }),

  contractCase('row-5-not-first', 'a first chunk that does not begin at 0 is refused', async (scene) => {
    const blob = blobOf('row-5-not-first');
    const location = await scene.client.open(scene.repository());
    expectError(await chunk(scene, location, blob, 1, 999), 416, 'RANGE_INVALID', 'BLOB_UPLOAD_INVALID');
    await expectGoesOn(scene, location, blob, 0);
  }),

  contractCase('row-5-stream', 'a stream without Content-Range is appended', async ({ client, repository }) => {
    const blob = blobOf('row-5-stream');
    let location = await client.open(repository());
    for (const [first, end] of [
      [0, 400],
      [400, 1000],
    ] as const) {
      const stream = [blob.bytes.subarray(first, first + 100), blob.bytes.subarray(first + 100, end)];
      const answer = await client.send('PATCH', location, { stream });
      expectStatus(answer, 202);
      expect(answer.headers.range).toBe(`0-${end - 1}`);
      location = locationOf(answer);
    }
    expectStatus(await client.send('PUT', withDigest(location, blob.digest)), 201);
    expectBytes(await client.get(`/v2/${repository()}/blobs/${blob.digest}`), blob.bytes);
  }),

  contractCase('row-5-unknown', 'an upload that was never opened is 404', async ({ client, repository }) => {
    const location = (await client.open(repository())).replace(/[0-9a-f](?=[^/]*$)/, (digit) =>
      digit === '0' ? '1' : '0',
    );
    expectError(await client.send('PATCH', location, octets(Buffer.from('x'))), [404, 400], UPLOAD_UNKNOWN);
    const made = `/v2/${repository()}/blobs/uploads/00000000-0000-4000-8000-000000000000`;
    for (const method of ['GET', 'PATCH', 'PUT', 'DELETE'])
      expectError(await client.send(method, withDigest(made, blobOf('x').digest)), 404, UPLOAD_UNKNOWN);
  }),

  contractCase('row-5-other', 'an upload of another repository is 404', async ({ client, repository }) => {
    const location = await client.open(repository('a'));
    await client.open(repository('b'));
    const moved = location.replace(repository('a'), repository('b'));
    const sent = octets(Buffer.from('x'), { 'content-range': '0-0' });
    expectError(await client.send('PATCH', moved, sent), 404, UPLOAD_UNKNOWN);
    expectStatus(await client.send('PATCH', location, sent), 202);
  }),

  ...['bytes 0-999/1000', 'x', '999-0', '0-', '-1', '0-999-', '1e2-3', '99999999999999999999-99999999999999999999'].map(
    (range, index) =>
      contractCase(`row-5-content-range-${index + 1}`, `Content-Range: ${range} is refused`, async (scene) => {
        const { client, repository } = scene;
        const blob = blobOf(`row-5-content-range-${index}`);
        const location = await client.open(repository());
        const answer = await client.send('PATCH', location, octets(blob.bytes, { 'content-range': range }));
        expectError(answer, [400, 416], 'BLOB_UPLOAD_INVALID', 'RANGE_INVALID', 'SIZE_INVALID');
        await expectGoesOn(scene, location, blob, 0);
      }),
  ),

  contractCase('row-5-length', 'a chunk that is not as long as it says is refused', async (scene) => {
    const { client, repository } = scene;
    const sent = octets(Buffer.alloc(5), { 'content-range': '0-9' });
    const answer = await client.send('PATCH', await client.open(repository()), sent);
    expectError(answer, [400, 416], 'SIZE_INVALID', 'RANGE_INVALID', 'BLOB_UPLOAD_INVALID');
  }),

  contractCase('row-6-last-chunk', 'PUT may carry the last chunk', async (scene) => {
    const { client, repository } = scene;
    for (const range of [undefined, '300-999']) {
      const blob = blobOf(`row-6-last-chunk ${range}`);
      const location = locationOf(await chunk(scene, await client.open(repository()), blob, 0, 299));
      const headers: Record<string, string> = range === undefined ? {} : { 'content-range': range };
      const sent = octets(blob.bytes.subarray(300), headers);
      expectStatus(await client.send('PUT', withDigest(location, blob.digest), sent), 201);
      expectBytes(await client.get(`/v2/${repository()}/blobs/${blob.digest}`), blob.bytes);
    }
  }),

  contractCase('row-6-gap', 'PUT with a last chunk that leaves a gap is refused', async (scene) => {
    const { client, repository } = scene;
    const blob = blobOf('row-6-gap');
    const location = locationOf(await chunk(scene, await client.open(repository()), blob, 0, 299));
    const sent = octets(blob.bytes.subarray(301), { 'content-range': '301-999' });
    const answer = await client.send('PUT', withDigest(location, blob.digest), sent);
    expectError(answer, 416, 'RANGE_INVALID', 'BLOB_UPLOAD_INVALID');
  }),

  contractCase('row-13-fresh', 'GET of an upload that has nothing', async ({ client, repository }) => {
    const answer = await client.get(await client.open(repository()));
    expectStatus(answer, 204);
    expect(answer.headers.range).toBe('0-0');
    locationOf(answer);
  }),

  contractCase('row-13-resume', 'GET of an upload tells where to go on', async (scene) => {
    const { client, repository } = scene;
    const blob = blobOf('row-13-resume');
    const opened = await client.open(repository());
    const location = locationOf(await chunk(scene, opened, blob, 0, 299));
    const status = await client.get(location);
    expectStatus(status, 204);
    expect(status.headers.range).toBe('0-299');
    const again = locationOf(await client.get(location));
    await expectGoesOn(scene, again, blob, 300);
  }),

  contractCase('row-13-older', 'GET of the first Location of an upload tells where to go on', async (scene) => {
    const blob = blobOf('row-13-older');
    const opened = await scene.client.open(scene.repository());
    expectStatus(await chunk(scene, opened, blob, 0, 299), 202);
    await expectGoesOn(scene, opened, blob, 300);
  }),

  contractCase('row-13-ended', 'GET of an upload that has ended is 404', async ({ client, repository }) => {
    const blob = blobOf('row-13-ended');
    const location = await client.open(repository());
    expectStatus(await client.send('PUT', withDigest(location, blob.digest), octets(blob.bytes)), 201);
    expectError(await client.get(location), 404, UPLOAD_UNKNOWN);
  }),

  contractCase('row-14-cancel', 'DELETE ends an upload for good', async ({ client, repository }) => {
    const location = await client.open(repository());
    expectStatus(await client.send('DELETE', location), 204);
    expectError(await client.get(location), 404, UPLOAD_UNKNOWN);
    expectError(await client.send('PATCH', location, octets(Buffer.from('x'))), 404, UPLOAD_UNKNOWN);
    expectError(await client.send('DELETE', location), 404, UPLOAD_UNKNOWN);
  }),
];

function chunk({ client }: Scene, location: string, blob: Content, first: number, last: number): Promise<Answer> {
  const sent = octets(blob.bytes.subarray(first, last + 1), { 'content-range': `${first}-${last}` });
  return client.send('PATCH', location, sent);
}

async function expectEnds(scene: Scene, location: string, blob: Content): Promise<void> {
  const { client, repository } = scene;
  expectStatus(await client.send('PUT', withDigest(location, blob.digest)), 201);
  expectBytes(await client.get(`/v2/${repository()}/blobs/${blob.digest}`), blob.bytes);
}

/** That the upload still has `held` bytes and takes the rest. */
async function expectGoesOn(scene: Scene, location: string, blob: Content, held: number): Promise<void> {
  const status = await scene.client.get(location);
  expectStatus(status, 204);
  expect(status.headers.range).toBe(`0-${Math.max(0, held - 1)}`);
  const answer = await chunk(scene, locationOf(status), blob, held, 999);
  expectStatus(answer, 202);
  await expectEnds(scene, locationOf(answer), blob);
}
