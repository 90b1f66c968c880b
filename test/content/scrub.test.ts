import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { beforeEach, describe, expect, test } from 'vitest';
import { scrubBlobs, type ScrubFinding, type ScrubHow, type ScrubReport } from '../../content/scrub.js';
import type { Digest } from '../../core/oci/digest.js';
import { buildImage, contentOf, type Content } from '../fixtures/image-builder.js';
import { DAY, HOUR, ImageStore } from './image-store.js';

let here: ImageStore;
let upstream: Map<Digest, Content>;
let asked: { digest: Digest; repositories: readonly string[] }[];
let waited: number[];
let logged: string[];
beforeEach(async () => {
  here = await ImageStore.open();
  upstream = new Map();
  asked = [];
  waited = [];
  logged = [];
});

const image = buildImage({ seed: 'one', layers: [5000, 100] });
const [config, layer] = image.blobs as [Content, Content, Content];

async function refetch(digest: Digest, repositories: readonly string[]): Promise<boolean> {
  asked.push({ digest, repositories });
  const content = upstream.get(digest);
  if (content) await here.pushBlob(repositories[0] ?? '', content);
  return content !== undefined;
}

async function scrub(how: ScrubHow = {}): Promise<ScrubReport & { findings: ScrubFinding[] }> {
  const findings: ScrubFinding[] = [];
  const write = (_details: object, message: string): void => void logged.push(message);
  const report = await scrubBlobs(
    {
      ...{ store: here.store, layout: here.layout, blobs: here.blobs, clock: here.clock, refetch },
      log: { warn: write, info: write },
      budget: { rate: 1_000_000, share: 0.5 },
      wait: (ms) => Promise.resolve(void waited.push(ms)),
    },
    { onFound: (finding) => void findings.push(finding), ...how },
  );
  return { ...report, findings };
}

function spoil(content: Content): void {
  writeFileSync(here.layout.blob(content.digest), Buffer.alloc(content.bytes.length, 7));
}

describe('scrubBlobs', () => {
  test('hashes what is due and nothing else, within its budget', async () => {
    await here.push('lab/app', image, { tags: ['latest'] });
    here.now += 31 * DAY;
    const late = contentOf('application/octet-stream', Buffer.alloc(3000));
    await here.pushBlob('lab/app', late);
    const bytes = here.store.blobs.total().bytes - late.bytes.length;
    expect(await scrub()).toMatchObject({ checked: 4, bytes, found: 0, repaired: 0 });
    expect(waited.reduce((sum, ms) => sum + ms, 0)).toBeLessThanOrEqual(bytes / 1000);
    expect(await scrub()).toMatchObject({ checked: 0 });
    here.now += 1;
    expect(await scrub({ all: true })).toMatchObject({ checked: 5 });
  });

  test('waits for what it has read, and stops when it is told to', async () => {
    const large = contentOf('application/octet-stream', Buffer.alloc(3_000_000));
    await here.pushBlob('lab/app', large);
    here.now += 31 * DAY;
    await scrub();
    expect(waited.map(Math.round)).toEqual([1049, 1049, 903]);
    here.now += 1;
    const reason = new Error('stopped');
    await expect(scrub({ all: true, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  test('sets a bad blob aside, fetches it again by its digest, and removes the bad bytes', async () => {
    await here.push('lab/app', image, { tags: ['latest'] });
    await here.push('lab/other', image, { tags: ['latest'] });
    upstream.set(layer.digest, layer);
    spoil(layer);
    here.now += 31 * DAY;
    const repositories = ['lab/app', 'lab/other'];
    const { findings, ...report } = await scrub();
    expect(report).toMatchObject({ checked: 4, found: 1, repaired: 1 });
    expect(asked).toEqual([{ digest: layer.digest, repositories }]);
    expect(findings).toMatchObject([{ digest: layer.digest, repositories, repaired: true }]);
    expect(here.isWhole('lab/app', image)).toBe(true);
    expect(existsSync(here.layout.aside(layer.digest))).toBe(false);
    expect(here.store.badBlobs.count()).toBe(0);
    expect(logged.join('\n')).toMatch(/a blob was set aside: its bytes are sha256:[0-9a-f]{64}\n.* is right again/);
  });

  test('keeps all that refers to a bad blob that nobody has, does not find it, and asks again after an hour', async () => {
    await here.push('lab/app', image, { tags: ['latest'] });
    rmSync(here.layout.blob(config.digest));
    spoil(image);
    here.now += 31 * DAY;
    expect(await scrub()).toMatchObject({ checked: 4, found: 2, repaired: 0 });
    expect(here.store.badBlobs.list(10).map(({ reason }) => reason)).toContain('its file is missing');
    expect([here.has(config.digest), here.has(image.digest), here.has(layer.digest)]).toEqual([false, false, true]);
    expect(existsSync(here.layout.aside(image.digest))).toBe(true);
    expect(here.store.tags.get('lab/app', 'latest')?.digest).toBe(image.digest);
    await here.collect();
    expect(here.store.badBlobs.count()).toBe(2);
    await scrub();
    expect(asked).toHaveLength(2);
    upstream.set(image.digest, image).set(config.digest, config);
    here.now += 2 * HOUR;
    expect(await scrub()).toMatchObject({ found: 0, repaired: 2 });
    expect(here.isWhole('lab/app', image)).toBe(true);
  });

  test('takes a bad manifest back from whoever pushes it again', async () => {
    await here.push('lab/app', image, { tags: ['latest'] });
    spoil(image);
    here.now += 31 * DAY;
    await scrub();
    await here.pushManifest('lab/app', image, { tags: ['latest'] });
    expect(here.isWhole('lab/app', image)).toBe(true);
    expect(existsSync(here.layout.aside(image.digest))).toBe(false);
  });

  test('asks nobody for a bad blob whose right bytes are in their place', async () => {
    await here.push('lab/app', image, { tags: ['latest'] });
    here.store.badBlobs.add(layer.digest, 'wrong', here.now);
    here.now += HOUR;
    expect(await scrub()).toMatchObject({ repaired: 1 });
    expect(asked).toEqual([]);
    expect(here.isWhole('lab/app', image)).toBe(true);
  });

  test('goes on when upstream cannot be asked', async () => {
    await here.push('lab/app', image, { tags: ['latest'] });
    spoil(layer);
    here.now += 31 * DAY;
    const options = { ...here, clock: here.clock, log: { warn: () => undefined, info: () => undefined } };
    const down = (): Promise<boolean> => Promise.reject(new Error('connection refused'));
    expect(await scrubBlobs({ ...options, refetch: down })).toMatchObject({ checked: 4, found: 1, repaired: 0 });
  });

  test('ends what it fetches again when it is told to stop', async () => {
    await here.push('lab/app', image, { tags: ['latest'] });
    spoil(layer);
    here.now += 31 * DAY;
    const stop = new AbortController();
    const options = { ...here, clock: here.clock, log: { warn: () => undefined, info: () => undefined } };
    const slow = (_digest: Digest, _repositories: readonly string[], signal?: AbortSignal): Promise<boolean> => {
      stop.abort(new Error('stopped'));
      return signal?.aborted ? Promise.reject(signal.reason as Error) : Promise.resolve(false);
    };
    await expect(scrubBlobs({ ...options, refetch: slow }, { signal: stop.signal })).rejects.toThrow('stopped');
    expect(here.store.badBlobs.list(9)).toMatchObject([{ digest: layer.digest }]);
  });

  test('does not set aside what was stored anew, or removed, while it was read', async () => {
    await here.push('lab/app', image, { tags: ['latest'] });
    const record = here.store.blobs.get(layer.digest);
    if (!record) throw new Error('no record');
    here.now += 1;
    await here.pushBlob('lab/app', layer);
    expect(here.blobs.setAside(record, 'wrong')).toBe(false);
    expect(here.has(layer.digest)).toBe(true);
    here.store.repositories.unlink('lab/app', layer.digest);
    here.blobs.remove(layer.digest, () => true);
    expect(here.blobs.setAside(record, 'wrong')).toBe(false);
    expect(here.store.badBlobs.count()).toBe(0);
  });

  test('leaves what no repository has to the collection', async () => {
    await here.push('lab/app', image);
    here.store.repositories.remove('lab/app');
    spoil(layer);
    here.now += 31 * DAY;
    expect(await scrub()).toMatchObject({ checked: 0 });
    expect(await here.collect()).toMatchObject({ removed: 4 });
  });
});
