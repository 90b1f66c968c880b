import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { BlobStore } from '../../content/blobs.js';
import type * as AtomicWrite from '../../platform/atomic-write.js';
import { contentOf } from '../fixtures/image-builder.js';
import { ImageStore } from './image-store.js';

const flushed: string[] = [];
vi.mock('../../platform/atomic-write.js', async (original) => {
  const real = await original<typeof AtomicWrite>();
  const syncFolder = (folder: string): Promise<void> => {
    flushed.push(folder);
    return real.syncFolder(folder);
  };
  return { ...real, syncFolder };
});

const ONE = contentOf('application/json', '{"one":1}');
const STOPPED = { code: 'unavailable', message: 'Millpond is being stopped, and stores nothing any more' };

describe('BlobStore', () => {
  let here: ImageStore;
  let blobs: BlobStore;
  beforeEach(async () => {
    here = await ImageStore.open();
    blobs = here.blobs;
    flushed.length = 0;
  });

  function bytesOnDisk(): string {
    return readFileSync(here.layout.blob(ONE.digest), 'utf8');
  }

  it('compares what is put again with the file, and writes it anew when that is another or gone', async () => {
    await blobs.put(ONE.bytes, ONE.digest);
    for (const spoil of [
      () => writeFileSync(here.layout.blob(ONE.digest), 'spoiled!!'),
      () => rmSync(here.layout.blob(ONE.digest)),
    ]) {
      spoil();
      here.now += 1000;
      await blobs.put(ONE.bytes, ONE.digest);
      expect(bytesOnDisk()).toBe('{"one":1}');
      expect(blobs.find(ONE.digest)?.checkedAt).toBe(here.now);
    }
    expect(readdirSync(here.layout.uploadsFolder)).toEqual([]);
  });

  it('does not remove what is just being compared', async () => {
    await blobs.put(ONE.bytes, ONE.digest);
    const putting = blobs.put(ONE.bytes, ONE.digest);
    expect(blobs.remove(ONE.digest, () => true)).toBe(false);
    await putting;
    expect(here.has(ONE.digest)).toBe(true);
  });

  it('leaves no temporary file when it cannot store', async () => {
    const folder = dirname(here.layout.blob(ONE.digest));
    await mkdir(dirname(folder), { recursive: true });
    writeFileSync(folder, 'a file is in the way');
    await expect(blobs.put(ONE.bytes, ONE.digest)).rejects.toThrow(/EEXIST|ENOTDIR/);
    expect(readdirSync(here.layout.uploadsFolder)).toEqual([]);
    rmSync(folder);
    await blobs.put(ONE.bytes, ONE.digest);
    expect(bytesOnDisk()).toBe('{"one":1}');
  });

  it('flushes the name of a new folder before a blob in it is recorded', async () => {
    const { layout } = here;
    const folder = dirname(layout.blob(ONE.digest));
    let before: string[] = [];
    await blobs.put(ONE.bytes, ONE.digest, () => void (before = [...flushed]));
    expect(before).toEqual(expect.arrayContaining([folder, dirname(folder), layout.blobsFolder, layout.data]));
  });

  it('takes nothing once it is closed, and closes when what is under way has been recorded', async () => {
    const storing = blobs.put(ONE.bytes, ONE.digest);
    let isClosed = false;
    const closing = blobs.close().then(() => void (isClosed = true));
    await expect(blobs.put(ONE.bytes, ONE.digest)).rejects.toMatchObject(STOPPED);
    await expect(blobs.adopt('/nowhere', { digest: ONE.digest, size: 1 })).rejects.toMatchObject(STOPPED);
    expect(isClosed).toBe(false);
    await closing;
    expect(here.has(ONE.digest)).toBe(true);
    await storing;
    const record = blobs.find(ONE.digest);
    expect(record && blobs.setAside(record, 'too late')).toBe(false);
    expect(() => blobs.remove(ONE.digest, () => true)).toThrow(STOPPED.message);
    expect(existsSync(here.layout.blob(ONE.digest))).toBe(true);
  });
});
