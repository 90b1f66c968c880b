import { mkdir, rm, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { digestOf } from '../../../../core/oci/digest.js';
import type { BlobReader } from '../../../../core/oci/on-demand.js';
import { BlobFetches } from '../../../../sync/upstreams/oci/fetch-blobs.js';
import type { BlobRequest } from '../../../../sync/upstreams/oci/image-source.js';
import { buildImage, bytesOf, type Content } from '../../../fixtures/image-builder.js';
import { tempFolder } from '../../../fixtures/temp-folder.js';
import {
  layerOf,
  NAME,
  REPOSITORY,
  startPond,
  startUpstream,
  unfinished,
  type Pond,
  type Upstream,
} from './image-scene.js';
import { startWebServer } from './registry-scene.js';

const SIZE = 6_000_000;

/** A pond beside an upstream that has one large layer, which is not here yet. */
async function scene(options: { size?: number; folder?: string } = {}) {
  const upstream = await startUpstream();
  const image = buildImage({ seed: 'large', layers: [options.size ?? SIZE] });
  await upstream.push(image, 'latest');
  const pond = await startPond(upstream.faulty.url, options.folder === undefined ? {} : { folder: options.folder });
  pond.store.repositories.ensure(NAME, 'cached', 0);
  const layer = layerOf(image);
  return { upstream, pond, layer, request: requestFor(pond, layer) };
}

function requestFor({ images, settings }: Pond, { digest, bytes }: Content): BlobRequest {
  const registry = settings.registries.get('up.test');
  if (!registry) throw new Error('no registry');
  const source = images.services.sourceOf(registry);
  return { source, upstreamRepository: REPOSITORY, repository: NAME, digest, size: bytes.length };
}

/** Reads all of it, and whether it is what it should be. */
async function isRead(reader: BlobReader | null, { bytes }: Content): Promise<boolean> {
  if (!reader) return false;
  let at = 0;
  for await (const chunk of reader.read(0, reader.size - 1)) {
    if (!chunk.equals(bytes.subarray(at, at + chunk.length))) return false;
    at += chunk.length;
  }
  return at === bytes.length;
}

/** How much a reader has got, and how it ended. */
function follow(reader: BlobReader | null): { got: number; end: unknown } {
  const state: { got: number; end: unknown } = { got: 0, end: null };
  void (async () => {
    if (reader) for await (const chunk of reader.read(0, reader.size - 1)) state.got += chunk.length;
    state.end = 'whole';
  })().catch((error: unknown) => (state.end = error));
  return state;
}

function blobRequests({ faulty }: Upstream, { digest }: Content) {
  return faulty.requests({ kind: 'blob', reference: digest, method: 'GET' });
}

async function isStored({ store }: Pond, { digest }: Content): Promise<void> {
  await expect.poll(() => store.blobs.get(digest) && store.repositories.holds(NAME, digest)).toBe(true);
}

describe('BlobFetches', () => {
  it('fetches a cold blob of 95 MB once for 50 readers, each of which gets all of it', async () => {
    const { upstream, pond, layer, request } = await scene({ size: 95_000_000 });
    const readers = await Promise.all(Array.from({ length: 50 }, () => pond.images.services.fetches.open(request)));
    expect(await Promise.all(readers.map((reader) => isRead(reader, layer)))).toEqual(Array(50).fill(true));
    await isStored(pond, layer);
    expect(blobRequests(upstream, layer)).toHaveLength(1);
    expect(upstream.faulty.bytesDown({ reference: layer.digest })).toBe(layer.bytes.length);
    expect(await pond.images.services.fetches.open(request)).toBeNull();
    expect(unfinished(pond)).toEqual([]);
  });

  it('goes on when the only client leaves', async () => {
    const { upstream, pond, layer, request } = await scene();
    const reader = await pond.images.services.fetches.open(request);
    if (reader) for await (const chunk of reader.read(0, reader.size - 1)) if (chunk.length > 0) break;
    await isStored(pond, layer);
    expect(blobRequests(upstream, layer)).toHaveLength(1);
  });

  it('resumes a body that breaks where it broke, and no reader sees it', async () => {
    const { upstream, pond, layer, request } = await scene();
    for (const after of [1_500_000, 3_000_000])
      upstream.faulty.inject({
        ...{ on: { reference: layer.digest }, times: 1 },
        action: { do: 'cut', after, of: 'blob' },
      });
    const reader = await pond.images.services.fetches.open(request);
    expect(await isRead(reader, layer)).toBe(true);
    const requests = blobRequests(upstream, layer);
    expect(requests.length).toBeGreaterThan(1);
    expect(requests.slice(1).every(({ status }) => status === 206)).toBe(true);
    expect(requests[1]?.headers['range']).toMatch(/^bytes=\d+-$/);
    expect(upstream.faulty.bytesDown({ reference: layer.digest })).toBeLessThan(layer.bytes.length + 1_000_000);
  });

  it('skips what it has when the registry cannot resume', async () => {
    const { upstream, pond, layer, request } = await scene();
    upstream.faulty.inject({ on: { reference: layer.digest }, action: { do: 'ignore-range' } });
    upstream.faulty.inject({ on: { reference: layer.digest }, action: { do: 'cut', after: 2_000_000 }, times: 1 });
    const reader = await pond.images.services.fetches.open(request);
    expect(await isRead(reader, layer)).toBe(true);
    await isStored(pond, layer);
    expect(blobRequests(upstream, layer).map(({ status }) => status)).toEqual([200, 200]);
  });

  it('never gives wrong bytes as a whole, and asks once more for right ones', async () => {
    const { upstream, pond, layer, request } = await scene();
    upstream.faulty.inject({ on: { reference: layer.digest }, action: { do: 'corrupt', at: 5_999_999 }, times: 1 });
    const first = follow(await pond.images.services.fetches.open(request));
    await expect.poll(() => first.end).toMatchObject({ message: expect.stringContaining('other bytes') as string });
    expect(first.got).toBeLessThan(layer.bytes.length);
    await isStored(pond, layer);
    expect(blobRequests(upstream, layer)).toHaveLength(2);
  });

  it('gives up on a registry that sends wrong bytes again, and keeps none of them', async () => {
    const { upstream, pond, layer, request } = await scene();
    upstream.faulty.inject({ on: { reference: layer.digest }, action: { do: 'corrupt', at: 10 } });
    const { signal } = new AbortController();
    const fetching = pond.images.services.fetches.complete(request, { signal });
    await expect(fetching).rejects.toMatchObject({ kind: 'invalid' });
    expect(blobRequests(upstream, layer)).toHaveLength(2);
    expect(pond.store.blobs.get(layer.digest)).toBeUndefined();
    expect(unfinished(pond)).toEqual([]);
  });

  it('goes on after a restart from the bytes that are on the disk', async () => {
    const folder = await tempFolder();
    const { upstream, pond, layer, request } = await scene({ folder });
    upstream.faulty.inject({ on: { reference: layer.digest }, action: { do: 'stall', after: 2_000_000 }, times: 1 });
    const reader = follow(await pond.images.services.fetches.open(request));
    await expect.poll(() => reader.got).toBeGreaterThan(1_900_000);
    await pond.stop();
    expect(reader.end).toMatchObject({ kind: 'unavailable' });
    upstream.faulty.forgetRequests();
    const again = await startPond(upstream.faulty.url, { folder });
    const rest = await again.images.services.fetches.open(requestFor(again, layer));
    expect(await isRead(rest, layer)).toBe(true);
    expect(blobRequests(upstream, layer).map(({ status }) => status)).toEqual([206]);
    expect(upstream.faulty.bytesDown({ reference: layer.digest })).toBeLessThanOrEqual(layer.bytes.length - 1_900_000);
  });

  it('fetches anew what is damaged on the disk', async () => {
    const { upstream, pond, layer, request } = await scene();
    await mkdir(pond.layout.uploadsFolder, { recursive: true });
    await writeFile(pond.layout.fetch(layer.digest), bytesOf('torn', 1_000_000));
    const { signal } = new AbortController();
    expect(await pond.images.services.fetches.complete(request, { signal })).toBe(true);
    expect(blobRequests(upstream, layer).map(({ status }) => status)).toEqual([206, 200]);
    await isStored(pond, layer);
  });

  it('ends with the last sync that waits, and goes on for one that comes then', async () => {
    const { upstream, pond, layer, request } = await scene();
    const { fetches } = pond.images.services;
    upstream.faulty.inject({ on: { reference: layer.digest }, action: { do: 'stall', after: 500_000 }, times: 1 });
    const [one, two] = [new AbortController(), new AbortController()];
    const first = fetches.complete(request, { signal: one.signal });
    const second = fetches.complete(request, { signal: two.signal });
    await expect.poll(() => upstream.faulty.bytesDown({ reference: layer.digest })).toBe(500_000);
    one.abort(new Error('the first one leaves'));
    await expect(first).rejects.toThrow('the first one leaves');
    two.abort(new Error('the second one leaves'));
    await expect(second).rejects.toThrow('the second one leaves');
    expect(await fetches.complete(request, { signal: new AbortController().signal })).toBe(true);
    expect(blobRequests(upstream, layer)).toHaveLength(2);
  });

  it('goes on for a client when the sync that began it is cancelled', async () => {
    const { upstream, pond, layer, request } = await scene();
    const { fetches } = pond.images.services;
    upstream.faulty.inject({ on: { reference: layer.digest }, action: { do: 'stall', after: 500_000 }, times: 1 });
    const sync = new AbortController();
    const run = fetches.complete(request, { signal: sync.signal });
    await expect.poll(() => upstream.faulty.bytesDown({ reference: layer.digest })).toBe(500_000);
    const reader = await fetches.open(request);
    sync.abort(new Error('cancelled'));
    await expect(run).rejects.toThrow('cancelled');
    upstream.faulty.resume();
    expect(await isRead(reader, layer)).toBe(true);
    expect(blobRequests(upstream, layer)).toHaveLength(1);
  });

  it('does not let a client wait behind the fetches of a sync', async () => {
    const { upstream, pond } = await scene({ size: 10 });
    const { fetches } = pond.images.services;
    const image = buildImage({ seed: 'several', layers: [70_000, 70_001, 70_002, 70_003, 70_004, 70_005] });
    await upstream.push(image);
    const [, ...layers] = image.blobs;
    const stop = upstream.faulty.inject({ on: { kind: 'blob', method: 'GET' }, action: { do: 'hang' } });
    const sync = new AbortController();
    const runs = layers.map((one) => fetches.complete(requestFor(pond, one), { signal: sync.signal }));
    await expect.poll(() => upstream.faulty.requests({ kind: 'blob', method: 'GET' })).toHaveLength(4);
    stop();
    const last = layers.at(-1) ?? layerOf(image);
    expect(await isRead(await fetches.open(requestFor(pond, last)), last)).toBe(true);
    sync.abort(new Error('enough'));
    await Promise.allSettled(runs);
    expect(blobRequests(upstream, layerOf(image))).toHaveLength(1);
  });

  it('does not let one upstream speak for another that is asked for the same blob', async () => {
    const { upstream, pond, layer, request } = await scene({ size: 200_000 });
    const { fetches } = pond.images.services;
    const elsewhere = { ...request, upstreamRepository: 'library/other' };
    for (const ask of [
      async (): Promise<boolean> => isRead(await fetches.open(request), layer),
      () => fetches.complete({ ...request, size: null }, { signal: new AbortController().signal }),
    ]) {
      const refused = fetches.open(elsewhere);
      const given = ask();
      await expect(refused).rejects.toMatchObject({ kind: 'not-found' });
      expect(await given).toBe(true);
      await isStored(pond, layer);
      pond.store.transaction(() => pond.store.repositories.unlink(NAME, layer.digest));
      expect(pond.blobs.remove(layer.digest, () => true)).toBe(true);
    }
    expect(upstream.faulty.requests({ repository: 'library/other', kind: 'blob' })).toHaveLength(2);
  });

  it('fetches again what is recorded and gone from the disk', async () => {
    const { upstream, pond, layer, request } = await scene({ size: 2_000 });
    const { fetches } = pond.images.services;
    const { signal } = new AbortController();
    await fetches.complete(request, { signal });
    await rm(pond.layout.blob(layer.digest));
    expect(await fetches.complete(request, { signal })).toBe(true);
    await writeFile(pond.layout.blob(layer.digest), 'short');
    expect(await isRead(await fetches.open(request), layer)).toBe(true);
    expect(blobRequests(upstream, layer)).toHaveLength(3);
  });

  it('does not give a repository that follows an upstream what was only pushed here', async () => {
    const { upstream, pond, layer, request } = await scene({ size: 2_000 });
    pond.store.repositories.ensure('lab/secret', 'hosted', 0);
    await pond.blobs.put(layer.bytes, layer.digest, () => pond.store.repositories.link('lab/secret', layer.digest, 0));
    upstream.faulty.inject({ on: { reference: layer.digest }, action: { do: 'answer', status: 404 } });
    await expect(pond.images.services.fetches.open(request)).rejects.toMatchObject({ kind: 'not-found' });
    expect(pond.store.repositories.holds(NAME, layer.digest)).toBe(false);
    upstream.faulty.heal();
    expect(await isRead(await pond.images.services.fetches.open(request), layer)).toBe(true);
    await isStored(pond, layer);
  });

  it('ends a large blob for a client before the disk is full', async () => {
    const { pond, layer, request } = await scene({ size: 70_000_000 });
    let asked = 0;
    const fetches = new BlobFetches({
      ...{ store: pond.store, blobs: pond.blobs, layout: pond.layout, clock: Date.now },
      hasRoom: () => Promise.resolve(++asked > 1),
    });
    const reader = await fetches.open(request);
    expect(fetches.bytesLeft).toBeGreaterThan(0);
    const followed = follow(reader);
    await expect.poll(() => followed.end, { timeout: 20_000 }).toMatchObject({ code: 'ENOSPC' });
    expect(asked).toBe(1);
    expect(pond.store.blobs.get(layer.digest)).toBeUndefined();
    await fetches.close();
    expect(fetches.bytesLeft).toBe(0);
    expect(unfinished(pond)).toEqual([]);
  });

  it('tells at once that upstream does not have it or cannot be reached', async () => {
    const { upstream, pond, request } = await scene();
    const { fetches } = pond.images.services;
    const other = { ...request, digest: digestOf('nothing') };
    await expect(fetches.open(other)).rejects.toMatchObject({ kind: 'not-found' });
    await upstream.faulty.offline();
    await expect(fetches.open(request)).rejects.toMatchObject({ kind: 'connect' });
    expect(unfinished(pond)).toEqual([]);
  });

  it('compares by sha512 where the digest is one', async () => {
    const bytes = bytesOf('sha512', 200_000);
    const server = await startWebServer((_asked, response) => void response.end(bytes));
    const pond = await startPond(server.url);
    pond.store.repositories.ensure(NAME, 'cached', 0);
    const { signal } = new AbortController();
    const content = { mediaType: '', digest: digestOf(bytes, 'sha512'), bytes };
    await pond.images.services.fetches.complete(requestFor(pond, content), { signal });
    await isStored(pond, content);
    const wrong = requestFor(pond, { ...content, digest: digestOf('other', 'sha512') });
    await expect(pond.images.services.fetches.complete(wrong, { signal })).rejects.toMatchObject({ kind: 'invalid' });
  });

  it('stores a blob whose length nobody tells', async () => {
    const bytes = bytesOf('chunked', 200_000);
    const server = await startWebServer((_asked, response) => {
      response.writeHead(200, { 'content-type': 'application/octet-stream' });
      response.write(bytes.subarray(0, 1000));
      response.end(bytes.subarray(1000));
    });
    const pond = await startPond(server.url);
    pond.store.repositories.ensure(NAME, 'cached', 0);
    const content = { mediaType: '', digest: digestOf(bytes), bytes };
    expect(await pond.images.services.fetches.open({ ...requestFor(pond, content), size: null })).toBeNull();
    await isStored(pond, content);
  });
});
