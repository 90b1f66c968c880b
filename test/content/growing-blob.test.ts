import { readFile, rename, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { GrowingBlob, waitingBytes } from '../../content/growing-blob.js';
import { digestOf } from '../../core/oci/digest.js';
import { bytesOf } from '../fixtures/image-builder.js';
import { tempFolder } from '../fixtures/temp-folder.js';

const SIZE = 300_000;
const HELD_BACK = 64 * 1024;
const bytes = bytesOf('growing', SIZE);
const digest = digestOf(bytes);

async function newBlob(size: number | null = SIZE): Promise<{ blob: GrowingBlob; path: string }> {
  const path = join(await tempFolder(), 'uploads', 'fetch-x');
  return { blob: await GrowingBlob.open(path, { digest, size, largest: 2 * SIZE }), path };
}

async function all(blob: GrowingBlob, first = 0, last = SIZE - 1): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of blob.read(first, last)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** What a reader has got by now, and how it ended. */
function follow(blob: GrowingBlob): { got: number; error: Error | null } {
  const state: { got: number; error: Error | null } = { got: 0, error: null };
  void (async () => {
    for await (const chunk of blob.read(0, SIZE - 1)) state.got += chunk.length;
  })().catch((error: unknown) => (state.error = error as Error));
  return state;
}

describe('GrowingBlob', () => {
  it('gives its readers what has come, each at its own pace, and a range of it', async () => {
    const { blob } = await newBlob();
    const whole = all(blob);
    const part = all(blob, 100_000, 199_999);
    for (let at = 0; at < SIZE; at += 70_000) await blob.append(bytes.subarray(at, at + 70_000));
    expect(blob.verify()).toBe(true);
    expect((await whole).equals(bytes)).toBe(true);
    expect((await part).equals(bytes.subarray(100_000, 200_000))).toBe(true);
    expect((await all(blob, SIZE - 1)).equals(bytes.subarray(SIZE - 1))).toBe(true);
    await blob.close();
  });

  it('holds the last bytes back until the whole was compared with its digest', async () => {
    const { blob } = await newBlob();
    const reader = follow(blob);
    await blob.append(bytes);
    await expect.poll(() => reader.got).toBe(SIZE - HELD_BACK);
    blob.verify();
    await expect.poll(() => reader.got).toBe(SIZE);
    await blob.close();
  });

  it('never gives wrong bytes as a whole, and readers that have seen some of them end with an error', async () => {
    const { blob } = await newBlob();
    const reader = follow(blob);
    const wrong = Buffer.from(bytes);
    wrong[5] = (wrong[5] ?? 0) ^ 1;
    await blob.append(wrong);
    await expect.poll(() => reader.got).toBeGreaterThan(0);
    expect(blob.verify()).toBe(false);
    await blob.startAnew(new Error('the bytes were wrong'));
    await expect.poll(() => reader.error?.message).toBe('the bytes were wrong');
    expect(reader.got).toBeLessThan(SIZE);
    const later = all(blob);
    await blob.append(bytes);
    expect(blob.verify()).toBe(true);
    expect((await later).equals(bytes)).toBe(true);
    await blob.close();
  });

  it('lets readers that have seen nothing go on when it begins anew', async () => {
    const { blob } = await newBlob();
    const reader = all(blob);
    await blob.append(bytes.subarray(0, 0));
    await blob.startAnew(new Error('nobody saw it'));
    await blob.append(bytes);
    blob.verify();
    expect((await reader).equals(bytes)).toBe(true);
    await blob.close();
  });

  it('takes up what is on the disk and hashes it again', async () => {
    const { blob, path } = await newBlob();
    await blob.append(bytes.subarray(0, 123_456));
    await blob.close();
    expect(await waitingBytes(path)).toBe(123_456);
    await utimes(path, 1, 1);
    const again = await GrowingBlob.open(path, { digest, size: SIZE });
    expect(again.received).toBe(123_456);
    expect((await stat(path)).mtimeMs).toBeGreaterThan(Date.UTC(2025, 0, 1)); // no more one that was given up
    await again.append(bytes.subarray(123_456));
    expect(again.verify()).toBe(true);
    await again.close();
    expect((await readFile(path)).equals(bytes)).toBe(true);
  });

  it('throws away what is on the disk and larger than it may be, and takes no more than its size', async () => {
    const path = join(await tempFolder(), 'fetch-x');
    await writeFile(path, Buffer.alloc(SIZE + 1));
    const blob = await GrowingBlob.open(path, { digest, size: SIZE });
    expect(blob.received).toBe(0);
    await blob.append(bytes);
    await expect(blob.append(Buffer.alloc(1))).rejects.toThrow(RangeError);
    await blob.close();
    expect(await waitingBytes(join(path, '..', 'none'))).toBe(0);
  });

  it('ends its readers with the error of a fetch that failed, after what is here', async () => {
    const { blob } = await newBlob();
    const reader = follow(blob);
    await blob.append(bytes.subarray(0, 100_000));
    blob.fail(new Error('upstream is gone'));
    await expect.poll(() => reader.error?.message).toBe('upstream is gone');
    expect(reader.got).toBe(100_000);
    await blob.close();
  });

  it('learns its size late', async () => {
    const { blob } = await newBlob(null);
    expect(blob.isSizeKnown).toBe(false);
    expect(() => blob.size).toThrow('not known');
    const reader = all(blob);
    await blob.append(bytes);
    blob.endHere();
    expect(blob.size).toBe(SIZE);
    expect(blob.verify()).toBe(true);
    expect((await reader).equals(bytes)).toBe(true);
    await blob.close();
  });

  it('is read by several hundred at once, also while it is renamed, closed and opened by its new name', async () => {
    const { blob, path } = await newBlob();
    const readers = Array.from({ length: 300 }, () => all(blob));
    for (let at = 0; at < SIZE; at += 50_000) await blob.append(bytes.subarray(at, at + 50_000));
    blob.verify();
    const target = `${path}.kept`;
    await rename(path, target);
    blob.movedTo(target);
    const closed = blob.close();
    const late = all(blob);
    for (const got of await Promise.all([...readers, late])) expect(got.equals(bytes)).toBe(true);
    await closed;
    expect((await all(blob)).equals(bytes)).toBe(true);
  });

  it('does not hold its file for a reader that has left', async () => {
    const { blob } = await newBlob();
    await blob.append(bytes);
    for await (const chunk of blob.read(0, SIZE - 1)) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
    await blob.close();
    await blob.remove();
  });
});
