import fc from 'fast-check';
import { expect, it } from 'vitest';
import { OciError } from '../../../../core/oci/errors.js';
import { OCI_INDEX, OCI_MANIFEST } from '../../../../core/oci/media-types.js';
import { RegistryFailure } from '../../../../sync/upstreams/oci/registry-failure.js';
import { buildImage } from '../../../fixtures/image-builder.js';
import { asking, clientOf, startWebServer } from './registry-scene.js';

const RUNS = 200;
const IMAGE = buildImage({ seed: 'fuzz' });
/** Longer than a registry is left alone, and than a limit that it tells holds. Milliseconds. */
const LONGEST_MEMORY = 32 * 24 * 3_600_000;
const OTHER = `sha256:${'0'.repeat(64)}`;

/** Header fields that a registry is believed, with values that it should not send. */
const field = fc.tuple(
  fc.constantFrom(
    ...['content-type', 'docker-content-digest', 'content-range', 'link', 'location', 'www-authenticate'],
    ...['retry-after', 'ratelimit-limit', 'ratelimit-remaining', 'etag', '__proto__'],
  ),
  fc.oneof(
    fc.constantFrom(OCI_INDEX, OCI_MANIFEST, 'application/json', 'text/html', IMAGE.digest, OTHER, 'sha256:../../x'),
    fc.constantFrom('bytes 5-9/10', 'bytes 0-0/*', 'bytes 9-5/3', 'bytes */10', '100;w=21600', '-1;w=0', '1e99', 'NaN'),
    fc.constantFrom('</v2/_catalog?n=1>; rel="next"', '<>; rel=next', '<::>; rel="next"', '/', '//', 'file:///etc/x'),
    fc.constantFrom('Bearer', 'Bearer realm="x",service', 'Basic realm="', 'Bearer realm="file:///x",scope=";"'),
    fc.string({ maxLength: 20, unit: 'grapheme-ascii' }).map((text) => text.replace(/[^\x20-\x7e]/g, '')),
  ),
);
const good = JSON.parse(IMAGE.bytes.toString()) as Record<string, unknown>;
const body = fc.oneof(
  fc.constant(IMAGE.bytes.toString()),
  fc
    .tuple(fc.constantFrom('tags', 'manifests', 'layers', 'config', 'name'), fc.jsonValue({ maxDepth: 3 }))
    .map(([key, value]) => JSON.stringify({ ...good, [key]: value })),
  fc.json(),
  fc.string({ maxLength: 30 }),
);
interface Given {
  readonly status: number;
  readonly fields: readonly [string, string][];
  readonly body: string;
}
const answer: fc.Arbitrary<Given> = fc.record({
  status: fc.constantFrom(200, 200, 200, 201, 204, 206, 301, 307, 400, 401, 403, 404, 405, 416, 429, 500, 503),
  fields: fc.array(field, { maxLength: 4 }),
  body,
});

it('an upstream registry that answers anything makes a failure of the registry, never one of this program', async () => {
  let answers: readonly Given[] = [];
  let next = 0;
  const server = await startWebServer((_, response) => {
    const given = answers[next++ % answers.length];
    response.statusCode = given?.status ?? 500;
    for (const [name, value] of given?.fields ?? []) response.setHeader(name, value);
    response.end(given?.body);
  });
  const { client, clock } = clientOf(server.url);
  const [how, name] = [asking(), 'library/pond'];
  const questions = [
    () => client.listTags(name, how),
    () => client.headManifest(name, 'latest', how),
    () => client.getManifest(name, IMAGE.digest, how),
    () => client.getManifest(name, 'latest', how),
    () => client.referrers(name, IMAGE.digest, how),
    () => client.ping(how),
  ];
  let succeeded = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.nat({ max: questions.length - 1 }),
      fc.array(answer, { minLength: 1, maxLength: 3 }),
      async (index, given) => {
        [answers, next] = [given, 0];
        clock.now += LONGEST_MEMORY; // one 429 would keep all questions that follow from being asked
        const error: unknown = await questions[index]?.().then(
          () => void succeeded++,
          (reason: unknown) => reason,
        );
        const isTold = error === undefined || error instanceof RegistryFailure || error instanceof OciError;
        expect(isTold, error instanceof Error ? error.stack : '').toBe(true);
        expect(next, 'requests that one question makes').toBeLessThan(100);
      },
    ),
    { numRuns: RUNS },
  );
  expect(succeeded).toBeGreaterThan(RUNS / 100);
});
