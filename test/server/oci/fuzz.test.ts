import fc from 'fast-check';
import { readdir } from 'node:fs/promises';
import { request } from 'node:http';
import { join, sep } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { digestOf } from '../../../core/oci/digest.js';
import { OCI_ERRORS } from '../../../core/oci/errors.js';
import { OCI_MANIFEST } from '../../../core/oci/media-types.js';
import { buildImage } from '../../fixtures/image-builder.js';
import { pushImage } from '../../fixtures/image-push.js';
import { basic, DOCKER_HUB, openRegistry, type RegistryScene } from './registry-scene.js';

const IMAGE = buildImage({ seed: 'fuzz' });
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/** What a registry is asked, with a mistake here and there. */
const word = fc.oneof(
  fc.constantFrom(
    ...[
      'a',
      'lab',
      'tool',
      'blobs',
      'uploads',
      'manifests',
      'tags',
      'list',
      'referrers',
      'latest',
      '_catalog',
      'token',
    ],
    ...[
      '..',
      '.',
      '',
      '%2e%2e',
      '%2f',
      '%00',
      '%zz',
      '__proto__',
      'constructor',
      'docker.io',
      'library',
      '*',
      'A',
      'a%20b',
    ],
    ...[IMAGE.digest, 'sha256:', `sha256:${'0'.repeat(64)}`, `sha512:${'0'.repeat(128)}`, 'sha256:../../x'],
    '01234567-89ab-cdef-0123-456789abcdef',
  ),
  fc.string({ maxLength: 20 }).map(encodeURIComponent),
);
const query = fc.array(
  fc.tuple(
    fc.constantFrom(
      'n',
      'last',
      'ns',
      'digest',
      'mount',
      'from',
      'tag',
      'artifactType',
      'scope',
      'digest-algorithm',
      '__proto__',
    ),
    word,
  ),
  { maxLength: 3 },
);
const header = fc.tuple(
  fc.constantFrom(
    'range',
    'content-range',
    'content-type',
    'if-none-match',
    'if-match',
    'if-range',
    'x-forwarded-host',
  ),
  fc.oneof(
    fc.constantFrom(
      'bytes=0-1',
      'bytes=-1',
      '0-1',
      '5-1',
      '99999999999999999999-0',
      `"${IMAGE.digest}"`,
      '*',
      OCI_MANIFEST,
    ),
    fc.string({ maxLength: 20, unit: 'grapheme-ascii' }),
  ),
);
const question = fc.record({
  method: fc.constantFrom(...METHODS),
  path: fc.array(word, { maxLength: 7 }).map((words) => words.join('/')),
  query,
  headers: fc.array(header, { maxLength: 2 }),
  body: fc.oneof(fc.constant(''), fc.json(), fc.string({ maxLength: 50 })),
  isKnown: fc.boolean(),
});

/** One request to an upload that was begun, or to what its Location has become on the way. */
const step = fc.record({
  method: fc.constantFrom('PATCH', 'PATCH', 'PUT', 'GET', 'DELETE'),
  way: fc.oneof(fc.constant(''), fc.constantFrom('/..', '/../..', '%2f..', '/', '%00', 'x')),
  range: fc.option(fc.constantFrom('0-3', '4-7', '0-', '3-0', '0-99999999999999999999', 'bytes 0-3/4', '-1-2')),
  body: fc.constantFrom('', 'abcd', 'efgh'),
  digest: fc.constantFrom(
    ...[digestOf(Buffer.from('abcd')), digestOf(Buffer.from('abcdefgh'), 'sha512'), IMAGE.digest],
    ...['sha256:../../../x', 'sha256:', '%2e%2e', `sha256:${'A'.repeat(64)}`],
  ),
});

describe('the registry, asked anything', () => {
  let scene: RegistryScene;
  let authorization: string;
  beforeAll(async () => {
    const limits = { all: 20, repository: 10 };
    scene = await openRegistry({ registries: [DOCKER_HUB], registry: { immutable: ['v*'] }, limits });
    authorization = basic(scene.addToken('fuzz', ['**']));
    await pushImage({ url: scene.url, repository: 'lab/tool', authorization }, IMAGE, ['latest']);
  });
  afterAll(() => scene.close());

  it('answers in the words of its catalogue, never with 5xx, and makes no file outside of its store', async () => {
    await fc.assert(
      fc.asyncProperty(question, async (asked) => {
        const text = asked.query.map(([name, value]) => `${name}=${value}`).join('&');
        const path = `/v2/${asked.path}${text ? `?${text}` : ''}`;
        const answer = await send(asked.method, path, asked);
        expect([path, answer.status < 500]).toEqual([path, true]);
        if (answer.status < 400 || asked.method === 'HEAD') return;
        const { errors } = JSON.parse(answer.body.toString()) as { errors: { code: string }[] };
        expect(Object.keys(OCI_ERRORS)).toContain(errors[0]?.code);
      }),
      { numRuns: 1500 },
    );
    await expectNothingOutside();
  });

  it('takes the steps of pushes in any order and place, and makes no file outside of its store', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 6 }), async (steps) => {
        const opened = await send('POST', '/v2/lab/tool/blobs/uploads/', { headers: [], body: '', isKnown: true });
        const location = new URL(opened.location, scene.url);
        for (const { method, way, range, body, digest } of steps) {
          const path = `${location.pathname}${way}${method === 'PUT' ? `?digest=${digest}` : ''}`;
          const headers: [string, string][] = range === null ? [] : [['content-range', range]];
          const answer = await send(method, path, { headers, body, isKnown: true });
          expect([method, path, answer.status < 500]).toEqual([method, path, true]);
          if (answer.status < 400) continue;
          const { errors } = JSON.parse(answer.body.toString()) as { errors: { code: string }[] };
          expect(Object.keys(OCI_ERRORS)).toContain(errors[0]?.code);
        }
        await send('DELETE', location.pathname, { headers: [], body: '', isKnown: true }); // few may be open at a time
      }),
      { numRuns: 200 },
    );
    await expectNothingOutside();
  });

  async function expectNothingOutside(): Promise<void> {
    expect(scene.logged).toEqual([]);
    const inside =
      /^(?:state\.db.*|registry\.key|uploads\/[0-9a-f-]{36}|blobs\/sha(?:256|512)\/[0-9a-f]{2}\/[0-9a-f]+)$/;
    expect((await filesIn(scene.folder)).filter((file) => !inside.test(file))).toEqual([]);
  }

  it('is not moved by a target in another form, nor by a header field that is not one', async () => {
    for (const path of [
      '/v2/lab/tool/manifests/latest#x',
      '/v2/lab/tool/../../../etc/passwd',
      '/v2/%2e%2e/%2e%2e/manifests/x',
    ])
      expect((await send('GET', path, { headers: [], body: '', isKnown: false })).status).toBeLessThan(500);
  });

  function send(
    method: string,
    path: string,
    { headers, body, isKnown }: { headers: [string, string][]; body: string; isKnown: boolean },
  ): Promise<{ status: number; body: Buffer; location: string }> {
    const { hostname, port } = new URL(scene.url);
    const fields: Record<string, string> = { 'content-length': String(Buffer.byteLength(body)) };
    for (const [name, value] of headers) fields[name] = value.replace(/[^\x20-\x7e]/g, '');
    if (isKnown) fields['authorization'] = authorization;
    return new Promise((resolve, reject) => {
      const outgoing = request({ hostname, port, method, path, headers: fields });
      outgoing.on('error', reject).on('response', (response) => {
        const { statusCode: status = 0, headers } = response;
        const location = headers.location ?? '';
        buffer(response).then((bytes) => resolve({ status, body: bytes, location }), reject);
      });
      outgoing.end(body);
    });
  }
});

/** Paths of all files below a folder, relative to it. */
async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + sep.length));
}
