import { existsSync, linkSync, mkdirSync, readdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Candidate } from '../../content/collect-garbage.js';
import { markBlobsSettled, reconcileBlobs, removeStaleFetches } from '../../content/reconcile-blobs.js';
import { contentOf, type Content } from '../fixtures/image-builder.js';
import { DAY, ImageStore } from './image-store.js';

let here: ImageStore;
let logged: string[];
beforeEach(async () => {
  here = await ImageStore.open();
  logged = [];
});

const blob = contentOf('application/octet-stream', 'the bytes of a blob');
const other = contentOf('application/octet-stream', 'others');

function start(): Promise<void> {
  const write = (message: string): void => void logged.push(message);
  return reconcileBlobs({ ...here, clock: here.clock, log: { info: write, warn: write } });
}

function put(path: string, content: Content | string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, typeof content === 'string' ? content : content.bytes);
}

function uploads(): string[] {
  return existsSync(here.layout.uploadsFolder) ? readdirSync(here.layout.uploadsFolder) : [];
}

describe('reconcileBlobs after a kill while a blob is stored', () => {
  test('removes the part of a manifest that was being written', async () => {
    put(here.layout.upload('put-0d1e'), 'half of a mani');
    await start();
    expect(uploads()).toEqual([]);
  });

  test('keeps what a fetch had received, and what a push had sent, to go on from', async () => {
    here.store.uploads.add({ id: 'a-push', repository: 'lab/app', algorithm: 'sha256', at: here.now });
    put(here.layout.upload('a-push'), 'half of a push');
    put(here.layout.fetch(blob.digest), 'half of a fetch');
    await start();
    expect(uploads().sort()).toEqual(['a-push', here.layout.fetch(blob.digest).split('/').at(-1)]);
    expect(here.store.uploads.get('a-push')).toBeDefined();
  });

  test('removes a push without a session, and leaves a session without a file, which has no bytes', async () => {
    here.store.uploads.add({ id: 'no-file', repository: 'lab/app', algorithm: 'sha256', at: here.now });
    put(here.layout.upload('no-session'), 'bytes');
    await start();
    expect(uploads()).toEqual([]);
    expect(here.store.uploads.get('no-file')).toBeDefined();
  });

  test('removes the file that had its name, but was not recorded', async () => {
    await here.pushBlob('lab/app', other);
    put(here.layout.blob(blob.digest), blob);
    await start();
    expect(existsSync(here.layout.blob(blob.digest))).toBe(false);
    expect(here.has(other.digest)).toBe(true);
    expect(logged).toEqual([`${blob.digest} was not recorded when the program ended; its file is removed`]);
  });

  test('leaves the blob that an equal file was put over', async () => {
    await here.pushBlob('lab/app', blob);
    put(here.layout.blob(blob.digest), blob);
    await start();
    expect(here.has(blob.digest)).toBe(true);
    expect(logged).toEqual([]);
  });

  test('removes a fetch that was recorded in the last moment', async () => {
    await here.pushBlob('lab/app', blob);
    put(here.layout.fetch(blob.digest), blob);
    await start();
    expect(uploads()).toEqual([]);
  });
});

describe('reconcileBlobs after a kill while a blob is removed', () => {
  beforeEach(async () => {
    await here.pushBlob('lab/app', blob);
    mkdirSync(here.layout.asideFolder, { recursive: true });
  });
  const file = (): string => here.layout.blob(blob.digest);
  const aside = (): string => here.layout.aside(blob.digest);
  const recordRemoved = (): void => {
    here.store.repositories.unlink('lab/app', blob.digest);
    here.store.blobs.remove(blob.digest);
  };

  test('leaves one that has both its names and its record', async () => {
    linkSync(file(), aside());
    await start();
    expect(here.has(blob.digest)).toBe(true);
    expect(existsSync(aside())).toBe(false);
  });

  test('puts one back whose record had not gone', async () => {
    renameSync(file(), aside());
    await start();
    expect(here.has(blob.digest)).toBe(true);
    expect(existsSync(aside())).toBe(false);
    expect(logged).toEqual([`the removal of ${blob.digest} had not happened; it is back in its place`]);
  });

  test('ends the removal of one whose record has gone', async () => {
    renameSync(file(), aside());
    recordRemoved();
    await start();
    expect(here.has(blob.digest)).toBe(false);
    expect(existsSync(aside())).toBe(false);
  });

  test('removes a file whose record has gone, when the disk forgot the last rename', async () => {
    recordRemoved();
    await start();
    expect(here.has(blob.digest)).toBe(false);
  });

  test('calls one bad whose file is nowhere, keeps what refers to it, and takes it back when it is stored again', async () => {
    rmSync(file());
    await start();
    expect(here.store.blobs.get(blob.digest)).toBeUndefined();
    expect(here.store.repositories.holds('lab/app', blob.digest)).toBe(true);
    expect(here.store.badBlobs.list(10)).toMatchObject([{ digest: blob.digest, reason: 'its file is missing' }]);
    await here.pushBlob('lab/app', blob);
    expect(here.has(blob.digest)).toBe(true);
    expect(here.store.badBlobs.count()).toBe(0);
  });
});

describe('reconcileBlobs after a kill in the scrub', () => {
  const aside = (): string => here.layout.aside(blob.digest);
  beforeEach(() => here.pushBlob('lab/app', blob));

  test('leaves a bad blob aside', async () => {
    here.store.badBlobs.add(blob.digest, 'wrong', here.now);
    put(aside(), 'wrong bytes');
    rmSync(here.layout.blob(blob.digest));
    await start();
    expect(existsSync(aside())).toBe(true);
    expect(here.has(blob.digest)).toBe(false);
  });

  test('puts a bad blob back that was not recorded as such: it is found again', async () => {
    renameSync(here.layout.blob(blob.digest), (put(aside(), ''), aside()));
    await start();
    expect(here.has(blob.digest)).toBe(true);
  });

  test('removes the bad bytes once the blob is right again', async () => {
    put(aside(), 'wrong bytes');
    await start();
    expect(existsSync(aside())).toBe(false);
    expect(here.has(blob.digest)).toBe(true);
  });
});

describe('reconcileBlobs after a clean stop', () => {
  test('looks through nothing, and only once', async () => {
    await start();
    await markBlobsSettled(here);
    put(here.layout.blob(blob.digest), blob);
    await start();
    expect(existsSync(here.layout.blob(blob.digest))).toBe(true);
    await start();
    expect(existsSync(here.layout.blob(blob.digest))).toBe(false);
  });

  test('looks through all when the records are others than those at the stop', async () => {
    await here.pushBlob('lab/app', other);
    await start();
    await markBlobsSettled(here);
    put(here.layout.blob(blob.digest), blob);
    here.store.repositories.unlink('lab/app', other.digest);
    here.store.blobs.remove(other.digest);
    await start();
    expect(existsSync(here.layout.blob(blob.digest))).toBe(false);
    expect(here.has(other.digest)).toBe(false);
  });

  test('does nothing in a folder that was never used, and leaves what is not a blob', async () => {
    put(`${dirname(here.layout.blob(blob.digest))}/README`, 'somebody else');
    put(`${here.layout.asideFolder}/README`, 'somebody else');
    await start();
    expect(existsSync(`${dirname(here.layout.blob(blob.digest))}/README`)).toBe(true);
    expect(existsSync(`${here.layout.asideFolder}/README`)).toBe(true);
    expect(logged).toEqual([]);
  });
});

describe('BlobStore.adopt', () => {
  test('leaves no file when the transaction does not hold, and the blob when it was there before', async () => {
    const refuse = (): never => {
      throw new Error('not like this');
    };
    const adopt = async (): Promise<void> => {
      put(here.layout.upload('one'), blob);
      await here.blobs.adopt(here.layout.upload('one'), { digest: blob.digest, size: blob.bytes.length }, refuse);
    };
    await expect(adopt()).rejects.toThrow('not like this');
    expect(here.has(blob.digest)).toBe(false);
    await here.pushBlob('lab/app', blob);
    await expect(adopt()).rejects.toThrow('not like this');
    expect(here.has(blob.digest)).toBe(true);
    expect(uploads()).toEqual([]);
  });
});

describe('removeStaleFetches', () => {
  test('removes what nothing was added to for long, and nothing that is being pushed', async () => {
    for (const [path, age] of [
      [here.layout.fetch(blob.digest), 9 * DAY],
      [here.layout.fetch(other.digest), DAY],
      [here.layout.upload('a-push'), 9 * DAY],
    ] as const) {
      put(path, 'part');
      utimesSync(path, (here.now - age) / 1000, (here.now - age) / 1000);
    }
    const options = { layout: here.layout, clock: () => here.now };
    const why = 'an unfinished fetch from upstream that nobody has gone on with for 9 d';
    const gone = { kind: 'fetch', repository: null, digest: blob.digest, bytes: 4, why };
    for (const dryRun of [true, false]) {
      const found: Candidate[] = [];
      const onCandidate = (candidate: Candidate): void => void found.push(candidate);
      expect(uploads()).toHaveLength(3);
      expect(await removeStaleFetches(options, 7 * DAY, { dryRun, onCandidate })).toBe(1);
      expect(found).toEqual([gone]);
    }
    expect(uploads().sort()).toEqual(['a-push', here.layout.fetch(other.digest).split('/').at(-1)]);
  });
});
