import { expect } from 'vitest';
import { buildImage, bytesOf, contentOf } from '../../fixtures/image-builder.js';
import { contractCase } from './case.js';
import { expectBytes, expectError, expectHeadError, expectStatus, jsonOf, type Answer } from './client.js';

const WRONG_CREDENTIALS = `Basic ${Buffer.from('nobody:wrong').toString('base64')}`;

/** Row 1, and what holds of all rows: authentication, the form of errors, methods. */
export const baseCases = [
  contractCase('row-1-base', 'GET /v2/ says that the API is here', async ({ client }) => {
    const answer = await client.get('/v2/');
    expectStatus(answer, 200);
    expect(jsonOf(answer)).toEqual({});
    expect(answer.headers['docker-distribution-api-version']).toBe('registry/2.0');
  }),

  contractCase('row-1-no-slash', 'GET /v2 is the same', async ({ client }) => {
    const answer = await client.get('/v2');
    expectStatus(answer, 200);
    expect(jsonOf(answer)).toEqual({});
  }),

  contractCase('row-1-head', 'HEAD /v2/ has no body', async ({ client }) => {
    expectHeadError(await client.head('/v2/'), 200);
  }),

  contractCase('row-1-wrong-credentials', 'credentials that are wrong are refused with a challenge', async (scene) => {
    expectChallenge(await scene.client.as(WRONG_CREDENTIALS).get('/v2/'));
  }),

  contractCase('row-1-push-unauthorized', 'pushing and deleting without credentials is refused', async (scene) => {
    const { client, repository } = scene;
    const nobody = client.as(undefined);
    const blob = contentOf('', bytesOf('unauthorized', 10));
    await client.pushBlob(repository(), blob);
    const path = `/v2/${repository()}/blobs`;
    expectChallenge(await nobody.send('POST', `${path}/uploads/`));
    expectChallenge(await nobody.send('DELETE', `${path}/${blob.digest}`));
    expectChallenge(await nobody.send('PUT', `/v2/${repository()}/manifests/1`, { body: '{}' }));
    expectStatus(await client.head(`${path}/${blob.digest}`), 200);
  }),

  contractCase('row-1-upload-of-another', 'an upload is of no use to somebody without credentials', async (scene) => {
    const { client, repository } = scene;
    const location = await client.open(repository());
    const nobody = client.as(undefined);
    for (const method of ['GET', 'PATCH', 'PUT', 'DELETE']) expectChallenge(await nobody.send(method, location));
    expectStatus(await client.get(location), 204);
  }),

  contractCase('row-1-unknown-path', 'a path that is none of the API is 404', async ({ client }) => {
    expectStatus(await client.get('/v2/nothing'), 404);
    expectStatus(await client.get('/v2/a/b/c/unknown'), 404);
  }),

  contractCase('row-1-method', 'a method that a path does not have is 405', async ({ client, repository }) => {
    const { digest } = contentOf('', 'x');
    expectError(await client.send('POST', `/v2/${repository()}/blobs/${digest}`), 405, 'UNSUPPORTED');
    expectError(await client.send('PUT', `/v2/${repository()}/tags/list`), 405, 'UNSUPPORTED');
  }),

  contractCase('ns-unknown', 'ns is ignored, or a registry that is not known here is 404', async (scene) => {
    const { client, repository } = scene;
    const image = buildImage({ seed: 'ns' });
    await client.pushImage(repository(), image, '1');
    for (const ns of ['registry.invalid', '127.0.0.1:1', '']) {
      const path = `/v2/${repository()}/manifests/1?ns=${encodeURIComponent(ns)}`;
      const answer = await client.get(path, { accept: image.mediaType });
      expectStatus(answer, 200, 404);
      if (answer.status === 404) expectError(answer, 404, 'NAME_UNKNOWN', 'MANIFEST_UNKNOWN');
      else expectBytes(answer, image.bytes);
    }
  }),

  contractCase('row-1-errors', 'an error is JSON with a code and a message', async ({ client, repository }) => {
    const { digest } = contentOf('', 'not here');
    const answer = await client.get(`/v2/${repository()}/blobs/${digest}`);
    expectStatus(answer, 404);
    const { errors } = jsonOf(answer) as { errors: Record<string, unknown>[] };
    expect(errors).toHaveLength(1);
    expect(errors[0]?.['code']).toMatch(/^[A-Z_]+$/);
    expect(errors[0]?.['message']).toMatch(/./);
    expect(Object.keys(errors[0] ?? {}).filter((key) => !['code', 'message', 'detail'].includes(key))).toEqual([]);
  }),
];

function expectChallenge(answer: Answer): void {
  expectError(answer, 401, 'UNAUTHORIZED');
  expect(answer.headers['www-authenticate']).toMatch(/^(?:Bearer realm="|Basic realm=")/);
}
