import fc from 'fast-check';
import { expect } from 'vitest';
import { buildImage, bytesOf, contentOf } from '../../fixtures/image-builder.js';
import { DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST } from '../../../core/oci/media-types.js';
import { contractCase, type Scene } from './case.js';
import { errorCodes, octets, withDigest, type Answer } from './client.js';

const RUNS = 40;
const METHODS = ['GET', 'HEAD', 'PUT', 'DELETE'];

/** What may stand in a path without ending it, and what a careless server would decode to a way out of its folder. */
const piece = fc.oneof(
  fc.constantFrom('..', '.', '%2e%2e', '%2f', '%2F..%2F', '%00', '%ff', '%', '%zz', '%25', '\\', '~', ':', '@', ';'),
  fc.constantFrom('sha256:', 'sha512:', 'blobs', 'manifests', 'uploads', 'tags', '_', '__', '-', 'A', 'a', '0', '\'"'),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }).map((text) => encodeURIComponent(text)),
);
const segment = fc.array(piece, { minLength: 1, maxLength: 5 }).map((pieces) => pieces.join(''));
const name = fc.array(segment, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));
const hex = fc.stringMatching(/^[0-9a-fA-Fx]{0,70}$/);
const digest = fc.oneof(
  fc.tuple(fc.constantFrom('sha256', 'sha512', 'SHA256', 'md5', '', 'sha256+b64'), hex).map((parts) => parts.join(':')),
  segment,
);
const contentRange = fc.oneof(
  fc.tuple(fc.integer({ min: -2, max: 30 }), fc.integer({ min: -2, max: 30 })).map((ends) => ends.join('-')),
  fc.stringMatching(/^[0-9a-z*/ =-]{0,20}$/),
  fc.bigInt({ min: 0n }).map((start) => `${start}-${start + 9n}`),
);

/** Whatever is sent: no answer but those of the catalogue, and never a 5xx. */
export const fuzzCases = [
  contractCase('fuzz-names', 'names of repositories', ({ client, repository }) =>
    check([fc.constantFrom(...METHODS), name], [['GET', 'UPPER']], async (method, text) => {
      for (const rest of ['manifests/1', 'blobs/uploads/', 'tags/list'])
        expectInCatalogue(method, await client.send(method, `/v2/${repository()}/${text}/${rest}`));
    }),
  ),

  contractCase('fuzz-digests', 'digests', async ({ client, repository }) => {
    await client.pushImage(repository(), buildImage({ seed: 'fuzz' }), '1');
    await check([fc.constantFrom(...METHODS), digest], [['GET', 'sha256:abc']], async (method, text) => {
      for (const kind of ['blobs', 'manifests', 'referrers'])
        expectInCatalogue(method, await client.send(method, `/v2/${repository()}/${kind}/${text}`));
    });
  }),

  contractCase('fuzz-references', 'tags', async ({ client, repository }) => {
    const image = buildImage({ seed: 'fuzz' });
    await client.pushImage(repository(), image, '1');
    await check([segment], [['.hidden']], async (text) => {
      const path = `/v2/${repository()}/manifests/${text}`;
      const sent = { headers: { 'content-type': image.mediaType }, body: image.bytes };
      expectInCatalogue('PUT', await client.send('PUT', path, sent));
      for (const method of ['GET', 'DELETE']) expectInCatalogue(method, await client.send(method, path));
    });
  }),

  contractCase('fuzz-queries', 'queries of lists and uploads', async ({ client, repository }) => {
    await client.pushImage(repository(), buildImage({ seed: 'fuzz' }), '1');
    const key = fc.constantFrom(
      'n',
      'last',
      'digest',
      'mount',
      'from',
      'artifactType',
      'tag',
      'ns',
      'digest-algorithm',
    );
    const query = fc.array(
      fc.tuple(key, segment).map((pair) => pair.join('=')),
      { maxLength: 4 },
    );
    await check([query], [[['n=-1']]], async (parts) => {
      const search = parts.join('&');
      expectInCatalogue('GET', await client.get(`/v2/${repository()}/tags/list?${search}`));
      expectInCatalogue('GET', await client.get(`/v2/_catalog?${search}`));
      expectInCatalogue('POST', await client.send('POST', `/v2/${repository()}/blobs/uploads/?${search}`));
    });
  }),

  contractCase('fuzz-content-range', 'Content-Range of chunks', async ({ client, repository }) => {
    await check([fc.array(contentRange, { minLength: 1, maxLength: 3 })], [[['0-9', '5-3']]], async (ranges) => {
      const location = await client.open(repository());
      for (const range of ranges) {
        const sent = octets(bytesOf('chunk', 10), { 'content-range': range.trim() });
        expectInCatalogue('PATCH', await client.send('PATCH', location, sent));
      }
      expectInCatalogue('DELETE', await client.send('DELETE', location));
    });
  }),

  contractCase('fuzz-range', 'Range of blobs', async ({ client, repository }) => {
    const blob = contentOf('', bytesOf('fuzz-range', 20));
    await client.pushBlob(repository(), blob);
    const range = fc.array(contentRange, { maxLength: 4 }).map((ranges) => `bytes=${ranges.join(',')}`);
    await check([range], [['bytes=20-']], async (text) => {
      const answer = await client.get(`/v2/${repository()}/blobs/${blob.digest}`, { range: text });
      expect([200, 206, 400, 416]).toContain(answer.status);
      const [, first, last] = /^bytes (\d+)-(\d+)\/20$/.exec(answer.headers['content-range'] ?? '') ?? [];
      if (answer.status === 200) expect(answer.body.equals(blob.bytes)).toBe(true);
      if (first !== undefined)
        expect(answer.body.equals(blob.bytes.subarray(Number(first), Number(last) + 1))).toBe(true);
    });
  }),

  contractCase('fuzz-manifests', 'JSON of manifests', async ({ client, repository }) => {
    const image = buildImage({ seed: 'fuzz' });
    await client.pushImage(repository(), image);
    const good = JSON.parse(image.bytes.toString()) as Record<string, unknown>;
    const keys = [...Object.keys(good), 'manifests', 'subject', 'artifactType', 'annotations', '__proto__'];
    const changed = fc.tuple(fc.constantFrom(...keys), fc.jsonValue({ maxDepth: 3 })).map(([key, value]) => {
      return JSON.stringify({ ...good, [key]: value });
    });
    const body = fc.oneof(changed, fc.json(), fc.string());
    const type = fc.constantFrom(OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST);
    await check([type, body], [[OCI_MANIFEST, 'null']], async (mediaType, text) => {
      const answer = await client.putManifest(repository(), contentOf(mediaType, text), 'fuzz');
      expectInCatalogue('PUT', answer);
    });
  }),

  contractCase('fuzz-locations', 'Locations that were changed, or are used again', async (scene) => {
    const blob = contentOf('', bytesOf('fuzz-locations', 10));
    const step = fc.tuple(fc.constantFrom('GET', 'PATCH', 'PUT', 'DELETE'), fc.nat({ max: 4 }), fc.boolean());
    const spoil = fc.option(fc.tuple(fc.nat({ max: 400 }), piece));
    const example: [[string, number, boolean][], [number, string] | null] = [[['GET', 0, true]], [4, '%20']];
    await check([fc.array(step, { minLength: 1, maxLength: 6 }), spoil], [example], async (steps, spoiled) => {
      const locations = [await scene.client.open(scene.repository()), await scene.client.open(scene.repository('b'))];
      for (const [method, index, isSpoiled] of steps) {
        let location = pathOf(scene, locations[index % locations.length] ?? '');
        if (isSpoiled && spoiled)
          location = `${location.slice(0, spoiled[0])}${spoiled[1]}${location.slice(spoiled[0])}`;
        if (!location.startsWith('/v2/')) continue;
        const path = method === 'PUT' ? withDigest(location, blob.digest) : location;
        const answer = await scene.client.send(
          method,
          path,
          ['PUT', 'PATCH'].includes(method) ? octets(blob.bytes) : {},
        );
        expectInCatalogue(method, answer);
        if (answer.status === 202 && answer.headers.location !== undefined) locations.push(answer.headers.location);
      }
    });
  }),
];

function pathOf({ client }: Scene, location: string): string {
  const { origin } = new URL(client.url);
  return location.startsWith(origin) ? location.slice(origin.length) : location;
}

function expectInCatalogue(method: string, answer: Answer): void {
  expect(answer.status, answer.body.toString('utf8').slice(0, 300)).toBeLessThan(500);
  if (answer.status >= 400 && method !== 'HEAD') errorCodes(answer);
}

/** Runs the examples first. A counterexample is told as a failed expectation; anything else that goes wrong is passed on as it is. */
async function check<T extends unknown[]>(
  arbitraries: { [K in keyof T]: fc.Arbitrary<T[K]> },
  examples: T[],
  predicate: (...values: T) => Promise<void>,
): Promise<void> {
  const property = fc.asyncProperty(fc.tuple(...arbitraries), (values) => predicate(...(values as T)));
  const details = await fc.check(property, {
    examples: examples.map((values): [T] => [values]),
    numRuns: RUNS,
    interruptAfterTimeLimit: 20_000,
  });
  if (!details.failed) return;
  const { errorInstance, counterexample, seed, counterexamplePath } = details;
  if (!(errorInstance instanceof Error) || errorInstance.name !== 'AssertionError') throw errorInstance;
  const how = `seed ${seed}, path ${counterexamplePath}`;
  expect.fail(`${errorInstance.message}\nwith ${fc.stringify(counterexample)} (${how})`);
}
