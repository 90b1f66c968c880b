import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { FileHashes, type HashedFile } from '../../content/file-hashes.js';
import { HashAhead } from '../../content/hash-ahead.js';
import { Layout } from '../../content/layout.js';
import { PublishedTrees } from '../../content/published-trees.js';
import type { SlotName } from '../../core/generation.js';
import { openStore, type Store } from '../../store/open.js';

const MIB = 1024 * 1024;

let layout: Layout;
let store: Store;
let hashes: FileHashes;
let warnings: string[];

beforeEach(() => {
  const folder = mkdtempSync(join(tmpdir(), 'millpond-hashes-'));
  layout = new Layout(folder);
  store = openStore(layout.stateDb);
  warnings = [];
  hashes = new FileHashes({ store, clock: Date.now, log });
  onTestFinished(async () => {
    await hashes.stop();
    store.close();
    rmSync(folder, { recursive: true });
  });
});

const log = { warn: (_: object, message: string) => void warnings.push(message) };

function write(path: string, content: Buffer | string, slot: SlotName = 'a'): string {
  const file = join(layout.slot('pond', slot), path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  return file;
}

async function opened(path: string, slot: SlotName = 'a'): Promise<HashedFile> {
  const handle = await open(join(layout.slot('pond', slot), path));
  return { mirror: 'pond', segments: path.split('/'), stats: await handle.stat(), handle };
}

function sha256(content: Buffer | string): Buffer {
  return createHash('sha256').update(content).digest();
}

describe('FileHashes', () => {
  test('computes once for all who ask at the same time, and never again', async () => {
    const content = randomBytes(5 * MIB + 1);
    write('f', content);
    const files = await Promise.all([opened('f'), opened('f'), opened('f')]);
    const known: string[] = [];
    hashes.onKnown((mirror, segments) => known.push(`${mirror}/${segments.join('/')}`));
    const [first, ...others] = await Promise.all(files.map((file) => hashes.compute(file).hash));
    expect(others.every((hash) => hash === first)).toBe(true);
    expect(first?.sha256).toEqual(sha256(content));
    expect(known).toEqual(['pond/f']);
    expect(files.map(({ handle }) => handle.fd)).toEqual([-1, -1, -1]);
    const again = await opened('f');
    expect(hashes.known(again)).toEqual(first);
    expect(hashes.sha256(again)).toEqual(first?.sha256);
    await again.handle.close();
  });

  test('knows nothing of a file that took the place of another of equal size and time', async () => {
    const file = write('f', 'one');
    utimesSync(file, 1000, 1000);
    await hashes.compute(await opened('f')).hash;
    // both are there at a time, so that they are two inodes
    const next = write('g', 'two');
    utimesSync(next, 1000, 1000);
    const { handle, stats } = await opened('g');
    await handle.close();
    expect(hashes.sha256({ mirror: 'pond', segments: ['f'], stats })).toBeUndefined();
  });

  test('keeps the hashes of two versions of a file', async () => {
    const identities = [];
    for (const content of ['1', '12', '123']) {
      write('f', content);
      const file = await opened('f');
      identities.push(file);
      await hashes.compute(file).hash;
    }
    expect(identities.map((file) => hashes.sha256(file) !== undefined)).toEqual([false, true, true]);
  });

  test('tells no hash of a file that was written into meanwhile', async () => {
    const file = write('f', randomBytes(MIB));
    const asked = await opened('f');
    utimesSync(file, 1000, 1000);
    await expect(hashes.compute(asked).hash).rejects.toMatchObject({
      code: 'conflict',
      message: '"f" changed while its hashes were computed.',
    });
    expect(hashes.sha256(asked)).toBeUndefined();
  });

  test('tells that a file became shorter', async () => {
    const file = write('f', randomBytes(MIB));
    const asked = await opened('f');
    writeFileSync(file, 'short');
    await expect(hashes.compute(asked).hash).rejects.toThrow('the file became shorter while it was read');
  });

  test('refuses more than may wait, in one sentence', async () => {
    hashes = new FileHashes({ store, clock: Date.now, log, mostWaiting: 1 });
    for (const name of ['a', 'b', 'c', 'd']) write(name, randomBytes(20 * MIB));
    const files = await Promise.all(['a', 'b', 'c', 'd'].map((name) => opened(name)));
    const [a, b, c, d] = files as [HashedFile, HashedFile, HashedFile, HashedFile];
    const computed = [a, b, c].map((file) => hashes.compute(file).hash);
    expect(() => hashes.compute(d)).toThrow('Too many files wait for their hashes to be computed.');
    await Promise.all(computed);
    expect(files.map(({ handle }) => handle.fd)).toEqual([-1, -1, -1, -1]);
  });

  test('does not let small files wait for large ones', async () => {
    for (const name of ['large', 'other']) write(name, Buffer.alloc(300 * MIB));
    write('small', 'small');
    const order: string[] = [];
    const asked = ['large', 'other', 'small'].map(async (name) => {
      await hashes.compute(await opened(name)).hash;
      order.push(name);
    });
    await Promise.all(asked);
    expect(order[0]).toBe('small');
  });

  test('says how far it is, and rejects what is stopped', async () => {
    write('f', Buffer.alloc(400 * MIB));
    const asked = await opened('f');
    const pending = hashes.compute(asked);
    expect(pending.secondsLeft()).toBeGreaterThan(0);
    await expect.poll(() => pending.done()).toBeGreaterThan(0);
    expect(pending.done()).toBeLessThan(400 * MIB);
    await hashes.stop();
    await expect(pending.hash).rejects.toMatchObject({ code: 'unavailable', message: 'Millpond is being stopped.' });
    expect(asked.handle.fd).toBe(-1);
    write('g', 'g');
    const late = await opened('g');
    expect(() => hashes.compute(late)).toThrow('Millpond is being stopped.');
  });
});

describe('HashAhead', () => {
  let trees: PublishedTrees;
  let generation: number;
  let over: number | null;
  beforeEach(() => {
    trees = new PublishedTrees();
    generation = 0;
    over = MIB;
  });

  function publish(live: SlotName, previous: SlotName | null = null): void {
    const before = trees.get('pond')?.live;
    const id = ++generation;
    const made = {
      ...{ id, mirror: 'pond', runId: id, slot: live, state: 'live' as const, files: 1, bytes: 1 },
      ...{ markerValue: null, markerTime: null, verification: null, publishedAt: 0, confirmedAt: 0 },
    };
    const former = previous && before ? before : null;
    trees.set('pond', { live: { generation: made, root: layout.slot('pond', live) }, previous: former });
  }

  function begin(rate = 10 ** 10): HashAhead {
    const settings = () => ({ over, rate });
    const ahead = new HashAhead({ store, layout, trees, hashes, log, settings, mirrors: () => ['pond'] });
    ahead.start();
    onTestFinished(() => ahead.stop());
    return ahead;
  }

  async function isKnown(path: string, slot: SlotName = 'a'): Promise<boolean> {
    const file = await opened(path, slot);
    await file.handle.close();
    return hashes.sha256(file) !== undefined;
  }

  const isDone = (id: number) => vi.waitFor(() => expect(store.fileHashes.ahead('pond')?.generation).toBe(id), 20_000);

  test('hashes what is large in a tree, and what is large among the changes of the next', async () => {
    write('x/large', randomBytes(2 * MIB));
    write('small', 'small');
    publish('a');
    begin();
    await isDone(1);
    expect([await isKnown('x/large'), await isKnown('small')]).toEqual([true, false]);

    write('x/new', randomBytes(2 * MIB), 'b');
    write('x/unlisted', randomBytes(2 * MIB), 'b');
    mkdirSync(dirname(layout.changes('pond', 'b')), { recursive: true });
    writeFileSync(layout.changes('pond', 'b'), '2026/11/23 23:42:26 [3169] >f+++++++++ 2097152 x/new\n');
    publish('b', 'a');
    await isDone(2);
    expect([await isKnown('x/new', 'b'), await isKnown('x/unlisted', 'b')]).toEqual([true, false]);
    expect(warnings).toEqual([]);
  });

  test('forgets what neither tree has any more, and mirrors that are gone', async () => {
    const file = write('gone', 'gone');
    await hashes.compute(await opened('gone')).hash;
    const gone = await opened('gone');
    await gone.handle.close();
    await hashes.compute({ ...(await opened('gone')), mirror: 'former' }).hash;
    rmSync(file);
    write('stays', 'stays');
    await hashes.compute(await opened('stays')).hash;
    publish('a');
    begin();
    await isDone(1);
    expect(hashes.sha256(gone)).toBeUndefined();
    expect(hashes.sha256({ ...gone, mirror: 'former' })).toBeUndefined();
    expect(await isKnown('stays')).toBe(true);
  });

  test('goes on after a stop with what is not known yet, and does nothing twice', async () => {
    write('large', Buffer.alloc(8 * MIB));
    publish('a');
    const slow = begin(1_000_000);
    await slow.stop();
    expect(store.fileHashes.ahead('pond')).toBeUndefined();
    expect(await isKnown('large')).toBe(false);
    begin();
    await isDone(1);
    expect(await isKnown('large')).toBe(true);
  });

  test('hurries where somebody asks for what it has just begun', async () => {
    write('large', Buffer.alloc(64 * MIB));
    publish('a');
    begin(1_000_000); // a minute
    const asked = await opened('large');
    // whichever of both was first, nobody waits for the other's pace
    expect((await hashes.compute(asked).hash).size).toBe(64 * MIB);
    await isDone(1);
  });

  test('does nothing where nothing is to be hashed ahead, until that is changed', async () => {
    write('large', randomBytes(2 * MIB));
    over = null;
    publish('a');
    const ahead = begin();
    await ahead.stop();
    expect(await isKnown('large')).toBe(false);
    over = MIB;
    begin().lookAgain();
    await isDone(1);
    expect(await isKnown('large')).toBe(true);
  });
});
