import { existsSync, readdirSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Layout } from '../../content/layout.js';
import type { Digest } from '../../core/oci/digest.js';
import type { Run } from '../../core/run.js';
import type { CreatedToken } from '../../server/control-tokens.js';
import { openStore } from '../../store/open.js';
import { buildImage, contentsOf, type Content, type Image } from '../fixtures/image-builder.js';
import { pushManifest, readImage } from '../fixtures/image-push.js';
import { startImageUpstream, type ImageUpstream } from '../fixtures/image-upstream.js';
import { startProgram, type Program } from '../fixtures/program.js';
import { tempFolder } from '../fixtures/temp-folder.js';

const KILLS = 30;
/** Milliseconds after which a program is killed at the latest. */
const LATEST = 500;
const MIRRORED = 'up.test/library/mirrored';
const CACHED = 'up.test/library/cached';
const PUSHED = 'lab/app';
const TAGS = 3;

/** Numbers from 0 to 1 that are the same for the same seed. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

/** One layer is large, one is shared with all. */
function imageNumber(what: string, n: number): Image {
  return buildImage({
    seed: `${what} ${n}`,
    ...{ layers: [1_500_000, 20_000], layerSeeds: [`${what} layer ${n}`, 'shared'] },
  });
}

/** A client that pushes slowly enough to be caught at it, and keeps what it was told. */
class Pusher {
  /** Sessions that were opened, with what was to come. */
  readonly sessions = new Map<string, Content>();
  /** What the registry has said that it has. */
  readonly acknowledged = new Map<string, Digest>();
  /** What was asked for and not answered, by tag: it may have happened. */
  readonly asked = new Map<string, Set<Digest>>();

  constructor(private readonly authorization: string) {}

  async push(url: string, image: Image, tag: string): Promise<void> {
    for (const blob of contentsOf(image).blobs) await this.#pushBlob(url, blob);
    this.asked.set(tag, (this.asked.get(tag) ?? new Set()).add(image.digest));
    await pushManifest({ url, repository: PUSHED, authorization: this.authorization }, image, tag);
    this.acknowledged.set(tag, image.digest);
    this.asked.delete(tag);
  }

  /** Takes up every session that was not ended: what was received counts, the rest follows. */
  async finishAll(url: string): Promise<number> {
    let resumed = 0;
    for (const [path, blob] of this.sessions) {
      const status = await this.#ask(url, path, 'GET');
      if (status.status === 404) continue; // it was finished, or found abandoned
      expect(status.status).toBe(204);
      const received = Number(/^0-(\d+)$/.exec(status.headers.get('range') ?? '')?.[1] ?? -1);
      const from = received === 0 ? 0 : received + 1; // 0-0 is one of no bytes
      expect(from).toBeLessThanOrEqual(blob.bytes.length);
      const rest = new Uint8Array(blob.bytes.subarray(from));
      const location = `${path}?digest=${encodeURIComponent(blob.digest)}`;
      const range = { 'content-range': `${from}-${blob.bytes.length - 1}` };
      const put = await this.#ask(url, location, 'PUT', { body: rest, ...(rest.length > 0 ? { headers: range } : {}) });
      expect([put.status, await put.text()]).toEqual([201, '']);
      if (from > 0) resumed++;
    }
    this.sessions.clear();
    return resumed;
  }

  async #pushBlob(url: string, blob: Content): Promise<void> {
    const opened = await this.#ask(url, `/v2/${PUSHED}/blobs/uploads/`, 'POST');
    const path = new URL(opened.headers.get('location') ?? '', url).pathname;
    this.sessions.set(path, blob);
    const patched = await this.#ask(url, path, 'PATCH', { body: slowly(blob.bytes), duplex: 'half' });
    const put = await this.#ask(url, `${path}?digest=${encodeURIComponent(blob.digest)}`, 'PUT');
    if (patched.status !== 202 || put.status !== 201) throw new Error(`${patched.status}, ${put.status}`);
    this.sessions.delete(path);
  }

  #ask(url: string, path: string, method: string, init: RequestInit & { duplex?: 'half' } = {}): Promise<Response> {
    const headers = { ...init.headers, authorization: this.authorization };
    return fetch(new URL(path, url), { ...init, method, headers });
  }
}

function slowly(bytes: Buffer): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    async pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(new Uint8Array(bytes.subarray(at, at + 50_000)));
      at += 50_000;
      await delay(8);
    },
  });
}

/**
 * One garbage collection, as `millpond images gc` asks for it: `ended` says whether it came to its end, and `begun`
 * resolves when it has told the first thing that goes, before that is removed from the disk.
 */
function collect(program: Program): { begun: Promise<void>; ended: Promise<boolean> } {
  const socketPath = join(program.data, 'run', 'control.sock');
  const headers = { 'content-type': 'application/json' };
  const asked = request({ socketPath, headers, method: 'POST', path: '/images/gc' });
  const ended = new Promise<boolean>((resolve) => {
    asked.once('response', (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (part: string) => (text += part));
      answer.once('close', () => resolve(text.trim().split('\n').at(-1)?.includes('"type":"end"') ?? false));
    });
    asked.once('error', () => resolve(false));
  });
  const begun = new Promise<void>((resolve) => {
    asked.once('response', (answer) => answer.once('data', () => resolve()));
    void ended.then(() => resolve());
  });
  asked.end('{}');
  return { begun, ended };
}

async function tagsOf({ url }: Program, repository: string): Promise<string[]> {
  const answer = await fetch(`${url}/v2/${repository}/tags/list`);
  if (answer.status === 404) return [];
  expect(answer.status).toBe(200);
  return ((await answer.json()) as { tags: string[] }).tags;
}

/** Reads every tag to its last byte, all compared with their digests, and gives all that was found. */
async function readAll(program: Program): Promise<Set<Digest>> {
  const found = new Set<Digest>();
  for (const repository of [MIRRORED, CACHED, PUSHED])
    for (const tag of await tagsOf(program, repository)) {
      const { has, lacks } = await readImage({ url: program.url, repository }, tag);
      expect(lacks, `${repository}:${tag}`).toEqual([]);
      for (const digest of has) found.add(digest);
    }
  return found;
}

/** What unfinished fetches have left on the disk, in bytes. */
function partials(data: string): Map<Digest, number> {
  const folder = new Layout(data).uploadsFolder;
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.startsWith('fetch-')) : [];
  const sizes = names.map((name): [Digest, number] => [
    name.replace(/^fetch-(\w+)-/, '$1:'),
    statSync(join(folder, name)).size,
  ]);
  return new Map(sizes.filter(([, size]) => size > 0));
}

function namesBelow(folder: string): string[] {
  const entries = readdirSync(folder, { withFileTypes: true, recursive: true });
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
}

async function newestRun(program: Program): Promise<Run | undefined> {
  const runs = await program.control<Run[]>('GET', `/mirrors/${encodeURIComponent(MIRRORED)}/runs?limit=1`);
  return runs[0];
}

/** Whether the rest alone of what was broken off came from upstream, and how many such there were. */
function expectResumed({ upstream, sizes }: Scene, broken: ReadonlyMap<Digest, number>): number {
  let resumed = 0;
  for (const [digest, here] of broken) {
    const requests = upstream.faulty.requests({ method: 'GET', reference: digest });
    const bytes = requests.reduce((sum, one) => sum + one.bytes, 0);
    expect(requests.map(({ headers }) => headers.range)).toEqual(requests.map(() => `bytes=${here}-`));
    expect(bytes).toBe(requests.length === 0 ? 0 : (sizes.get(digest) ?? 0) - here);
    if (requests.length > 0) resumed++;
  }
  return resumed;
}

interface Scene {
  readonly upstream: ImageUpstream;
  readonly pusher: Pusher;
  /** Of all blobs that upstream has been given. */
  readonly sizes: Map<Digest, number>;
  readonly counts: { fetches: number; pushes: number; collections: number };
  start(): Promise<Program>;
}

async function openScene(): Promise<{ scene: Scene; program: Program }> {
  const folder = await tempFolder();
  const upstream = await startImageUpstream();
  upstream.faulty.inject({ on: { kind: 'blob' }, action: { do: 'slow', bytesPerSecond: 6_000_000 } });
  const more = {
    registries: { 'up.test': upstream.settings() },
    images: [{ from: MIRRORED, tags: ['*'], schedule: 'manual' }],
    registry: { push: ['lab/*'], keep: { untagged: '1s', history: 0, grace: '1s' } },
  };
  const start = (): Promise<Program> => startProgram(folder, {}, {}, more);
  const program = await start();
  const { secret } = await program.control<CreatedToken>('POST', '/tokens', {
    ...{ name: 'ci', push: ['lab/*'], expires: null },
  });
  const pusher = new Pusher(`Basic ${Buffer.from(`ci:${secret}`).toString('base64')}`);
  const counts = { fetches: 0, pushes: 0, collections: 0 };
  return { program, scene: { upstream, pusher, sizes: new Map(), counts, start } };
}

/** One in three is pulled by its tag and stays, the others are pulled by their digest and are garbage soon. */
function cachedReference(n: number): string {
  return n % TAGS === 0 ? `t${n}` : imageNumber('cached', n).digest;
}

async function offer({ upstream, sizes }: Scene, what: 'mirrored' | 'cached', n: number): Promise<void> {
  const image = imageNumber(what, n);
  for (const blob of image.blobs) sizes.set(blob.digest, blob.bytes.length);
  await upstream.push(`library/${what}`, image, what === 'cached' ? `t${n}` : `t${n % TAGS}`);
}

/** Kills the program while it syncs, fetches for a client and takes a push; every other time also while it collects. */
async function killAtWork(scene: Scene, program: Program, n: number, random: () => number): Promise<void> {
  const { url } = program;
  const work = [
    program.trigger(encodeURIComponent(MIRRORED)),
    readImage({ url, repository: CACHED }, cachedReference(n)),
    scene.pusher.push(url, imageNumber('pushed', n), `t${n % TAGS}`),
  ].map((each) => each.catch(() => undefined));
  await delay(random() * LATEST);
  const collection = n % 2 === 0 ? collect(program) : null;
  await collection?.begun;
  await program.end('SIGKILL');
  await Promise.all(work);
  if ((await collection?.ended) === false) scene.counts.collections++;
}

/** What was broken off is taken up: by the program its run, by the clients what they want. */
async function takeUp({ pusher, counts }: Scene, program: Program, n: number): Promise<void> {
  await expect.poll(async () => (await newestRun(program))?.phase ?? 'ended', { timeout: 30_000 }).toBe('ended');
  expect(['updated', 'unchanged']).toContain((await program.sync(encodeURIComponent(MIRRORED))).outcome);
  const whole = await readImage({ url: program.url, repository: CACHED }, cachedReference(n));
  expect(whole.lacks).toEqual([]);
  expect(await readAll(program)).toContain(imageNumber('mirrored', n).digest);
  counts.pushes += await pusher.finishAll(program.url);
}

async function expectAcknowledged({ pusher }: Scene, { url }: Program): Promise<void> {
  for (const [tag, digest] of pusher.acknowledged) {
    const answer = await fetch(`${url}/v2/${PUSHED}/manifests/${tag}`, { method: 'HEAD' });
    expect([digest, ...(pusher.asked.get(tag) ?? [])]).toContain(answer.headers.get('docker-content-digest'));
  }
}

/** Ends the program; what tags need is all that is on the disk and in the records then. */
async function expectNothingLeft(program: Program): Promise<void> {
  const kept = await readAll(program);
  const hexOf = (digest: Digest): string => digest.slice(digest.indexOf(':') + 1);
  // also what was read a moment ago has its grace
  await expect
    .poll(async () => {
      await collect(program).ended;
      return namesBelow(join(program.data, 'blobs')).sort();
    })
    .toEqual([...kept].map(hexOf).sort());
  expect(await readAll(program)).toEqual(kept);
  expect(readdirSync(join(program.data, 'uploads'))).toEqual([]);
  expect(await program.end('SIGTERM')).toBe(0);
  const store = openStore(new Layout(program.data).stateDb);
  const recorded = store.blobs.page('', 10_000).map(({ digest }) => digest);
  store.close();
  expect(recorded.sort()).toEqual([...kept].sort());
}

test(`${KILLS} times kill -9 in fetches, pushes and collections: no wrong byte, fetches go on, nothing is lost or left`, async () => {
  const seed = Number(process.env['KILL_SEED'] ?? Date.now() % 100_000);
  console.log(`seed ${seed} (KILL_SEED)`);
  const random = seeded(seed);
  const opened = await openScene();
  const { scene } = opened;
  let { program } = opened;
  for (let kills = 0; kills < KILLS; kills++) {
    await offer(scene, 'mirrored', kills);
    await offer(scene, 'cached', kills);
    await killAtWork(scene, program, kills, random);
    const broken = partials(program.data);
    scene.upstream.faulty.forgetRequests();
    program = await scene.start();
    await readAll(program);
    await expectAcknowledged(scene, program);
    await takeUp(scene, program, kills);
    scene.counts.fetches += expectResumed(scene, broken);
    expect([...partials(program.data).keys()]).toEqual([]);
  }
  console.log('broken off and taken up:', scene.counts);
  for (const count of Object.values(scene.counts)) expect(count).toBeGreaterThan(KILLS / 15);
  await scene.pusher.push(program.url, imageNumber('pushed', KILLS), 'last');
  await expectNothingLeft(program);
}, 300_000);
