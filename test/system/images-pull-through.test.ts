import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { Agent, request, type IncomingMessage } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import { Layout } from '../../content/layout.js';
import type { Digest } from '../../core/oci/digest.js';
import { buildImage, type Content, type Image, type ImageOptions } from '../fixtures/image-builder.js';
import { readImage } from '../fixtures/image-push.js';
import { startImageUpstream, type ImageUpstream } from '../fixtures/image-upstream.js';
import { startProgram, type Program } from '../fixtures/program.js';
import { tempFolder } from '../fixtures/temp-folder.js';

const REGISTRY = 'up.test';
const UPSTREAM_NAME = 'library/pond';
const NAME = `${REGISTRY}/${UPSTREAM_NAME}`;
const CLIENTS = 50;
const MEGABYTE = 1_000_000;

interface Scene {
  readonly upstream: ImageUpstream;
  readonly program: Program;
  readonly image: Image;
  /** The one layer of the image. */
  readonly layer: Content;
  /** Upstream sends so many bytes of the layer and then nothing; `go` waits until that has come true, and lets it go on. */
  hold(after: number): { go(): Promise<void> };
  /** Requests for the layer that arrived at upstream. */
  fetches(): { range: string; bytes: number }[];
}

/** A program that knows the manifest of an image, and nothing of its layer. */
async function scene(options: Omit<ImageOptions, 'seed'>): Promise<Scene> {
  const upstream = await startImageUpstream({ auth: { kind: 'bearer' } });
  const image = buildImage({ seed: 'cold', ...options });
  await upstream.push(UPSTREAM_NAME, image, '1');
  const program = await startProgram(await tempFolder(), {}, {}, { registries: { [REGISTRY]: upstream.settings() } });
  const answer = await get(program, 'manifests/1');
  expect((await buffer(answer)).equals(image.bytes)).toBe(true);
  const layer = image.blobs[1];
  if (!layer) throw new Error('the image has no layer');
  const fetches: Scene['fetches'] = () =>
    upstream.faulty
      .requests({ method: 'GET', reference: layer.digest })
      .filter(({ status }) => status !== 401)
      .map(({ headers, bytes }) => ({ range: String(headers['range'] ?? ''), bytes }));
  const { faulty } = upstream;
  const hold: Scene['hold'] = (after) => {
    faulty.inject({ on: { reference: layer.digest }, action: { do: 'stall', after } });
    const sent = (): number => faulty.bytesDown({ reference: layer.digest, status: 200 });
    return {
      async go() {
        await expect.poll(sent).toBe(after);
        faulty.resume();
      },
    };
  };
  return { upstream, program, image, layer, hold, fetches };
}

const agent = new Agent({ maxSockets: Infinity });

function get(
  program: Program,
  path: string,
  headers: Record<string, string> = {},
  name = NAME,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const asked = request(`${program.url}/v2/${name}/${path}`, { headers, agent }, resolve);
    asked.on('error', reject).end();
  });
}

/** The digest of what comes, and how it ended. */
async function drain(answer: IncomingMessage): Promise<{ digest: Digest; isWhole: boolean }> {
  const hash = createHash('sha256');
  let isWhole = true;
  try {
    for await (const chunk of answer) hash.update(chunk as Buffer);
  } catch {
    isWhole = false;
  }
  return { digest: `sha256:${hash.digest('hex')}`, isWhole };
}

/** Resolves when a byte of the body has come; none is taken away. */
async function firstByte(answer: IncomingMessage): Promise<IncomingMessage> {
  if (answer.readableLength === 0) await once(answer, 'readable');
  return answer;
}

test(`${CLIENTS} clients of one cold blob of 95 MB: one fetch, and each has its first bytes before upstream has sent all`, async () => {
  const { upstream, program, layer, hold, fetches } = await scene({ layers: [95 * MEGABYTE] });
  const held = hold(20 * MEGABYTE);
  const path = `blobs/${layer.digest}`;
  const answers = await Promise.all(Array.from({ length: CLIENTS }, () => get(program, path)));
  for (const answer of answers) {
    expect(answer.statusCode).toBe(200);
    expect(answer.headers['content-length']).toBe(String(layer.bytes.length));
    await firstByte(answer);
  }
  expect(upstream.faulty.requests({ reference: layer.digest, status: 200 })).toMatchObject([{ whole: false }]);
  await held.go();
  const ends = await Promise.all(answers.map(drain));
  expect(ends).toEqual(answers.map(() => ({ digest: layer.digest, isWhole: true })));
  expect(fetches()).toEqual([{ range: '', bytes: layer.bytes.length }]);
  const warm = await drain(await get(program, path));
  expect(warm).toEqual({ digest: layer.digest, isWhole: true });
  expect(fetches().length).toBe(1);
}, 180_000);

test('clients that leave do not stop a fetch', async () => {
  const { program, layer, hold, fetches } = await scene({ layers: [3 * MEGABYTE] });
  const held = hold(MEGABYTE);
  for (let clients = 0; clients < 3; clients++) {
    const leaving = await firstByte(await get(program, `blobs/${layer.digest}`));
    leaving.destroy();
  }
  await held.go();
  const file = new Layout(program.data).blob(layer.digest);
  await expect.poll(() => existsSync(file)).toBe(true);
  expect(await drain(await get(program, `blobs/${layer.digest}`))).toEqual({ digest: layer.digest, isWhole: true });
  expect(fetches()).toEqual([{ range: '', bytes: layer.bytes.length }]);
});

test('ranges of a blob that is still coming are answered as soon as their bytes are here', async () => {
  const { program, layer, hold, fetches } = await scene({ layers: [3 * MEGABYTE] });
  const held = hold(MEGABYTE);
  const size = layer.bytes.length;
  const range = async (first: number, last: number): Promise<IncomingMessage> => {
    const answer = await get(program, `blobs/${layer.digest}`, { range: `bytes=${first}-${last}` });
    expect([answer.statusCode, answer.headers['content-range']]).toEqual([206, `bytes ${first}-${last}/${size}`]);
    return answer;
  };
  const here = await buffer(await range(1_000, 499_999));
  expect(here.equals(layer.bytes.subarray(1_000, 500_000))).toBe(true);
  const partly = await firstByte(await range(500_000, 1_999_999));
  const beyond = get(program, `blobs/${layer.digest}`, { range: 'bytes=-1000' });
  const outside = await get(program, `blobs/${layer.digest}`, { range: `bytes=${size}-` });
  expect([outside.statusCode, outside.headers['content-range']]).toEqual([416, `bytes */${size}`]);
  outside.resume();
  await held.go();
  expect((await buffer(partly)).equals(layer.bytes.subarray(500_000, 2_000_000))).toBe(true);
  expect((await buffer(await beyond)).equals(layer.bytes.subarray(-1000))).toBe(true);
  expect(fetches().length).toBe(1);
});

test('an upstream that breaks off twice is asked for the rest, and no client sees it', async () => {
  const { upstream, program, layer, fetches } = await scene({ layers: [6 * MEGABYTE] });
  for (const after of [2 * MEGABYTE, 4 * MEGABYTE])
    upstream.faulty.inject({ on: { reference: layer.digest }, action: { do: 'cut', after, of: 'blob' }, times: 2 });
  const answers = await Promise.all([1, 2, 3].map(() => get(program, `blobs/${layer.digest}`)));
  const ends = await Promise.all(answers.map(drain));
  expect(ends).toEqual(answers.map(() => ({ digest: layer.digest, isWhole: true })));
  const [first, ...resumed] = fetches();
  expect([first?.range, resumed.length > 0]).toEqual(['', true]);
  for (const { range } of resumed) expect(range).toMatch(/^bytes=[1-9]\d*-$/);
  // what was under way when the connection broke is lost
  expect(fetches().reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThan(layer.bytes.length + MEGABYTE);
});

test('wrong bytes from upstream are nobody’s whole answer, and the right ones are fetched when it has them again', async () => {
  const { upstream, program, layer } = await scene({ layers: [2 * MEGABYTE] });
  upstream.faulty.inject({ on: { reference: layer.digest }, action: { do: 'corrupt', at: MEGABYTE } });
  const answers = await Promise.all(Array.from({ length: 5 }, () => get(program, `blobs/${layer.digest}`)));
  for (const answer of answers) {
    const { isWhole } = await drain(answer);
    expect([answer.statusCode, isWhole]).not.toEqual([200, true]);
    expect(answer.statusCode).not.toBe(404);
  }
  expect(existsSync(new Layout(program.data).blob(layer.digest))).toBe(false);
  upstream.faulty.heal();
  // a fetch that began before may still bring the wrong ones
  await expect
    .poll(async () => drain(await get(program, `blobs/${layer.digest}`)))
    .toEqual({ digest: layer.digest, isWhole: true });
});

test('without its upstream: what is here is served and says so, the rest is unavailable and never unknown', async () => {
  const upstream = await startImageUpstream({ auth: { kind: 'bearer' } });
  const [cached, cold, mirrored] = ['cached', 'cold', 'mirrored'].map((seed) => buildImage({ seed }));
  if (!cached || !cold || !mirrored) throw new Error('three images are needed');
  await upstream.push(UPSTREAM_NAME, cached, 'cached');
  await upstream.push(UPSTREAM_NAME, cold, 'cold');
  await upstream.push('library/mirrored', mirrored, '1');
  const MIRRORED = `${REGISTRY}/library/mirrored`;
  const on_demand = { allow: ['**'], keep: '1GB', recheck: '10s' };
  const more = {
    registries: { [REGISTRY]: upstream.settings({ on_demand }) },
    images: [{ from: MIRRORED, tags: ['*'], schedule: 'manual' }],
  };
  const folder = await tempFolder();
  let program = await startProgram(folder, {}, {}, more);
  expect(await program.sync(encodeURIComponent(MIRRORED))).toMatchObject({ outcome: 'updated' });
  const from = { url: program.url, repository: NAME };
  expect((await readImage(from, 'cached')).lacks).toEqual([]);
  expect((await get(program, 'manifests/cold')).resume().statusCode).toBe(200);

  await upstream.faulty.offline();
  const expectServed = async (): Promise<void> => {
    expect(await readImage({ url: program.url, repository: NAME }, cached.digest)).toMatchObject({ lacks: [] });
    expect(await readImage({ url: program.url, repository: MIRRORED }, '1')).toMatchObject({ lacks: [] });
    for (const path of ['manifests/never', `manifests/sha256:${'0'.repeat(64)}`, `blobs/${cold.blobs[1]?.digest}`]) {
      const answer = await get(program, path);
      const told = JSON.parse((await buffer(answer)).toString()) as { errors: { code: string; message: string }[] };
      expect([answer.statusCode, told.errors[0]?.code], path).toEqual([503, 'UNAVAILABLE']);
      expect(Number(answer.headers['retry-after']), path).toBeGreaterThan(0);
    }
  };
  await expectServed();

  expect(await program.end('SIGTERM')).toBe(0);
  program = await startProgram(folder, {}, {}, more); // with every upstream down
  await expectServed();
  // until then it was compared with upstream a moment ago
  await expect
    .poll(async () => (await get(program, 'manifests/cached')).resume().headers['warning'])
    .toMatch(/^299 - "/);
  const stale = await get(program, 'manifests/cached');
  expect([stale.statusCode, stale.headers['docker-content-digest']]).toEqual([200, cached.digest]);
  expect((await buffer(stale)).equals(cached.bytes)).toBe(true);
  const mirrors = await get(program, 'manifests/1', {}, MIRRORED);
  expect([mirrors.resume().statusCode, mirrors.headers['warning']]).toEqual([200, stale.headers['warning']]);

  await upstream.faulty.online();
  await expect.poll(async () => (await get(program, 'manifests/never')).resume().statusCode).toBe(404);
  expect((await readImage({ url: program.url, repository: NAME }, 'cold')).lacks).toEqual([]);
});

test('a client cannot make it connect to anywhere: names are keys into the configuration', async () => {
  let connections = 0;
  const listener = createServer((socket) => {
    connections++;
    socket.destroy();
  }).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  onTestFinished(() => void listener.close());
  const { port } = listener.address() as AddressInfo;
  const upstream = await startImageUpstream();
  const more = {
    registries: {
      [REGISTRY]: upstream.settings(),
      // it stands in the configuration, and is at an address that the configuration does not allow
      'private.test': { ...upstream.settings({ url: `http://127.0.0.1:${port}` }), private_addresses: false },
    },
  };
  const program = await startProgram(await tempFolder(), {}, {}, more);
  const hosts = [
    `127.0.0.1:${port}`,
    `localhost:${port}`,
    'localhost',
    '127.0.0.1',
    'other.test',
    `http://127.0.0.1:${port}`,
  ];
  for (const host of hosts)
    for (const what of ['manifests/1', `blobs/sha256:${'0'.repeat(64)}`, 'tags/list']) {
      const answer = await get(program, `${what}?ns=${encodeURIComponent(host)}`, {}, 'library/pond');
      expect(answer.resume().statusCode, `${what} of ${host}`).toBe(404);
    }
  for (const name of [`127.0.0.1%3A${port}/library/pond`, `localhost:${port}/library/pond`, 'localhost/library/pond'])
    expect([400, 404], name).toContain((await get(program, 'manifests/1', {}, name)).resume().statusCode);
  const forbidden = await get(program, 'manifests/1', {}, 'private.test/library/pond');
  expect([403, 503]).toContain(forbidden.resume().statusCode);
  expect(connections).toBe(0);
  expect(upstream.faulty.requests()).toEqual([]);
});
