import { expect, test } from 'vitest';
import { digestOf } from '../../core/oci/digest.js';
import type { CreatedToken } from '../../server/control-tokens.js';
import { buildImage, type Image } from '../fixtures/image-builder.js';
import { pushImage, pushManifest } from '../fixtures/image-push.js';
import { startImageUpstream } from '../fixtures/image-upstream.js';
import { startProgram } from '../fixtures/program.js';
import { tempFolder } from '../fixtures/temp-folder.js';

const MOVES = 50;
const READS_A_MOVE = 2;

test('100 reads of a tag while it moves 50 times: each gets one of the images that it was, whole', async () => {
  const more = { registry: { push: ['lab/*'] } };
  const program = await startProgram(await tempFolder(), {}, {}, more);
  const { secret } = await program.control<CreatedToken>('POST', '/tokens', {
    ...{ name: 'ci', push: ['lab/*'], expires: null },
  });
  const authorization = `Basic ${Buffer.from(`ci:${secret}`).toString('base64')}`;
  const to = { url: program.url, repository: 'lab/app', authorization };
  const images = Array.from({ length: MOVES }, (_, n) => buildImage({ seed: `move ${n}`, layerSeeds: ['shared'] }));
  for (const image of images) await pushImage(to, image);
  const pushed = new Set(images.map(({ digest }) => digest));
  const [first] = images;
  if (first) await pushManifest(to, first, 'moving');

  const read = async (method: 'GET' | 'HEAD'): Promise<string> => {
    const answer = await fetch(`${program.url}/v2/lab/app/manifests/moving`, { method });
    const digest = answer.headers.get('docker-content-digest') ?? '';
    const bytes = Buffer.from(await answer.arrayBuffer());
    expect([answer.status, pushed.has(digest)]).toEqual([200, true]);
    if (method === 'GET') expect(digestOf(bytes)).toBe(digest);
    return digest;
  };
  const seen: string[] = [];
  for (const image of images) {
    const reads = Array.from({ length: READS_A_MOVE }, () => read('GET').then((digest) => seen.push(digest)));
    await Promise.all([...reads, pushManifest(to, image, 'moving'), read('HEAD')]);
    expect(await read('HEAD')).toBe(image.digest);
  }
  expect(seen.length).toBe(MOVES * READS_A_MOVE);
  expect(new Set(seen).size).toBeGreaterThan(MOVES / 2);
});

const TAGS = 1_000;
const NAME = 'up.test/library/many';

test('1,000 tags that did not move cost 1,000 HEADs and no GET of a manifest or a blob', async () => {
  const upstream = await startImageUpstream({ auth: { kind: 'bearer' } });
  const images: Image[] = [0, 1, 2].map((n) => buildImage({ seed: `many ${n}` }));
  for (const [index, image] of images.entries()) {
    const tags = Array.from({ length: TAGS }, (_, n) => `t${n}`).filter((_, n) => n % images.length === index);
    await upstream.push('library/many', image, ...tags);
  }
  const more = {
    registries: { 'up.test': upstream.settings() },
    images: [{ from: NAME, tags: ['*'], schedule: 'manual' }],
  };
  const program = await startProgram(await tempFolder(), {}, {}, more);
  const mirror = encodeURIComponent(NAME);
  expect(await program.sync(mirror)).toMatchObject({ outcome: 'updated' });
  expect(upstream.faulty.requests({ method: 'GET', kind: 'manifest' }).length).toBe(images.length);

  upstream.faulty.forgetRequests();
  expect(await program.sync(mirror)).toMatchObject({ outcome: 'unchanged' });
  const { faulty } = upstream;
  const accepted = faulty.requests({ method: 'HEAD', kind: 'manifest', status: 200 });
  expect(accepted.length).toBe(TAGS);
  expect(new Set(accepted.map(({ reference }) => reference)).size).toBe(TAGS);
  expect(faulty.requests({ method: 'GET', kind: 'manifest' })).toEqual([]);
  expect(faulty.requests({ kind: 'blob' })).toEqual([]);

  // and one that has moved costs one GET
  const moved = buildImage({ seed: 'moved' });
  await upstream.push('library/many', moved, 't7');
  faulty.forgetRequests();
  expect(await program.sync(mirror)).toMatchObject({ outcome: 'updated' });
  const gets = faulty.requests({ method: 'GET', kind: 'manifest' });
  expect(gets.map(({ reference }) => reference)).toEqual([moved.digest]);
  const served = await fetch(`${program.url}/v2/${NAME}/manifests/t7`);
  expect(served.headers.get('docker-content-digest')).toBe(moved.digest);
});
