import { linkSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { mkdir, open, readFile, rename, rm, type FileHandle } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { dirname } from 'node:path';
import { systemCode } from '../core/errors.js';
import { digestOf, hasherOf, type Digest } from '../core/oci/digest.js';
import { syncFolder } from '../platform/atomic-write.js';
import type { BlobRecord } from '../store/blobs.js';
import type { Store } from '../store/open.js';
import type { Layout } from './layout.js';

const HASH_CHUNK = 1024 * 1024;

export interface BlobStoreOptions {
  readonly store: Store;
  readonly layout: Layout;
  readonly clock: () => number;
}

/**
 * Whole bytes under the name of their digest. A blob exists when it is recorded, and it is recorded when its bytes are
 * hashed, named and flushed: whoever finds the record finds the file. Removal goes the other way round, in one step of
 * the event loop, so that nobody can come to need a blob while it is being removed.
 */
export class BlobStore {
  /** Digests that are being taken over, with how often: they are as good as wanted. */
  readonly #underWay = new Map<Digest, number>();

  constructor(private readonly options: BlobStoreOptions) {}

  find(digest: Digest): BlobRecord | undefined {
    return this.options.store.blobs.get(digest);
  }

  /** The bytes of a recorded blob, for reading. The handle is the caller's to close. @throws system errors */
  open(digest: Digest): Promise<FileHandle> {
    return open(this.options.layout.blob(digest), 'r');
  }

  /** All bytes of a recorded blob that is known to be small. */
  read(digest: Digest): Promise<Buffer> {
    return readFile(this.options.layout.blob(digest));
  }

  /**
   * Takes over the file `from`, whose bytes were hashed and are those of `digest`. They are flushed before the name is,
   * and the name before `record` runs, in the transaction that records the blob. The file is gone from `from`.
   */
  async adopt(from: string, { digest, size }: { digest: Digest; size: number }, record?: () => void): Promise<void> {
    this.#underWay.set(digest, (this.#underWay.get(digest) ?? 0) + 1);
    try {
      await flushFile(from);
      const target = this.options.layout.blob(digest);
      await mkdir(dirname(target), { recursive: true });
      await rename(from, target); // over an equal one: readers of that keep it open
      await syncFolder(dirname(target));
      const wasBad = this.options.store.badBlobs.get(digest) !== undefined;
      this.#recordOrRemove({ digest, size }, record);
      if (wasBad) await rm(this.options.layout.aside(digest), { force: true });
    } finally {
      const left = (this.#underWay.get(digest) ?? 1) - 1;
      if (left > 0) this.#underWay.set(digest, left);
      else this.#underWay.delete(digest);
    }
  }

  /** Stores bytes that are small enough to be in memory, a manifest. `record` runs in the same transaction. */
  async put(bytes: Buffer, digest: Digest, record?: () => void): Promise<void> {
    if (digestOf(bytes, digest.slice(0, digest.indexOf(':'))) !== digest) throw new Error(`not the bytes of ${digest}`);
    const { layout } = this.options;
    if (this.find(digest)) return this.#record(digest, bytes.length, record);
    const temporary = layout.upload(`put-${randomUUID()}`);
    await mkdir(layout.uploadsFolder, { recursive: true });
    const file = await open(temporary, 'wx', 0o644);
    try {
      await file.writeFile(bytes);
    } finally {
      await file.close();
    }
    await this.adopt(temporary, { digest, size: bytes.length }, record);
  }

  /**
   * Removes a blob if `mayGo` still says so, in the transaction that takes its record out. Synchronous as a whole:
   * between the question and the removal nothing else runs. The file goes aside first and comes back when the
   * transaction does not hold; a crash in between is settled by `reconcileBlobs`.
   */
  remove(digest: Digest, mayGo: () => boolean): boolean {
    if (this.#underWay.has(digest)) return false;
    const { store, layout } = this.options;
    const [file, aside] = [layout.blob(digest), layout.aside(digest)];
    mkdirSync(layout.asideFolder, { recursive: true });
    let wentAside = false;
    try {
      const gone = store.transaction(() => {
        if (!mayGo()) return false;
        store.manifests.remove(digest);
        store.blobs.remove(digest);
        wentAside = moveIfThere(file, aside);
        return true;
      });
      if (wentAside) rmSync(aside, { force: true });
      return gone;
    } catch (error) {
      if (wentAside) renameSync(aside, file);
      throw error;
    }
  }

  /**
   * Takes a blob whose bytes were hashed and are wrong, or cannot be read, out of the way. Its record and all that refers
   * to it stay, but it is not found until it is stored again. False when it was stored anew or removed since `record` was
   * read. Synchronous as a whole, as `remove`.
   */
  setAside({ digest, checkedAt }: BlobRecord, reason: string): boolean {
    const { store, layout, clock } = this.options;
    if (this.#underWay.has(digest)) return false;
    mkdirSync(layout.asideFolder, { recursive: true });
    return store.transaction(() => {
      if (store.blobs.get(digest)?.checkedAt !== checkedAt) return false;
      store.badBlobs.add(digest, reason, clock());
      moveIfThere(layout.blob(digest), layout.aside(digest));
      return true;
    });
  }

  /** Hashes a recorded blob from the disk; false when its bytes are not those of its digest, or cannot be read. */
  async isIntact(digest: Digest, signal?: AbortSignal): Promise<boolean> {
    const record = this.find(digest);
    if (!record) return false;
    try {
      const { hash, size } = await hashFile(this.options.layout.blob(digest), digest, signal);
      return size === record.size && hash === digest;
    } catch (error) {
      signal?.throwIfAborted();
      if (['ENOENT', 'EIO'].includes(systemCode(error) ?? '')) return false;
      throw error;
    }
  }

  /** A file that is not recorded after all does not stay, unless somebody else is just storing the same. */
  #recordOrRemove({ digest, size }: { digest: Digest; size: number }, record?: () => void): void {
    const { store, layout } = this.options;
    try {
      this.#record(digest, size, record);
    } catch (error) {
      if (!store.blobs.get(digest) && this.#underWay.get(digest) === 1) rmSync(layout.blob(digest), { force: true });
      throw error;
    }
  }

  #record(digest: Digest, size: number, record?: () => void): void {
    const { store, clock } = this.options;
    store.transaction(() => {
      store.blobs.add(digest, size, clock());
      record?.();
    });
  }
}

/**
 * The digest, by the algorithm of `like`, and the size of a file. `pace` is awaited after each so many bytes.
 * @throws system errors, the signal's reason
 */
export async function hashFile(
  path: string,
  like: Digest,
  signal?: AbortSignal,
  pace?: (bytes: number) => Promise<void>,
): Promise<{ hash: Digest; size: number }> {
  const hasher = hasherOf(like);
  const file = await open(path, 'r');
  try {
    const buffer = Buffer.allocUnsafe(HASH_CHUNK);
    let size = 0;
    for (;;) {
      signal?.throwIfAborted();
      const { bytesRead } = await file.read(buffer, 0, HASH_CHUNK, size);
      if (bytesRead === 0) break;
      hasher.update(buffer.subarray(0, bytesRead));
      size += bytesRead;
      await pace?.(bytesRead);
    }
    return { hash: `${like.slice(0, like.indexOf(':'))}:${hasher.digest('hex')}`, size };
  } finally {
    await file.close();
  }
}

async function flushFile(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.datasync();
  } finally {
    await file.close();
  }
}

function moveIfThere(from: string, to: string): boolean {
  try {
    rmSync(to, { force: true });
    linkSync(from, to); // a link first: at no moment has the file no name
    rmSync(from);
    return true;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false;
    throw error;
  }
}
