import { linkSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { mkdir, open, readFile, rename, rm, writeFile, type FileHandle } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { dirname } from 'node:path';
import { MillpondError, systemCode } from '../core/errors.js';
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
  readonly #work = new Set<Promise<void>>();
  /** Folders of blobs whose names are known to be on the disk, or are just being flushed to it. */
  readonly #folders = new Map<string, Promise<void>>();
  #isClosed = false;

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
   * @throws MillpondError unavailable, when the store was closed
   */
  adopt(from: string, { digest, size }: { digest: Digest; size: number }, record?: () => void): Promise<void> {
    return this.#taking(digest, () => this.#takeOver(from, { digest, size }, record));
  }

  /**
   * Stores bytes that are small enough to be in memory, a manifest. `record` runs in the same transaction. Where they are
   * stored already, the file is compared with them, and written anew when it is another.
   * @throws MillpondError unavailable, when the store was closed
   */
  async put(bytes: Buffer, digest: Digest, record?: () => void): Promise<void> {
    if (digestOf(bytes, digest.slice(0, digest.indexOf(':'))) !== digest) throw new Error(`not the bytes of ${digest}`);
    return this.#taking(digest, async () => {
      if (this.find(digest) && (await this.#isOnDisk(digest, bytes))) this.#record(digest, bytes.length, record);
      else await this.#write(bytes, digest, record);
    });
  }

  /** Nothing is stored, removed or set aside any more; resolves when what is under way has ended. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.allSettled(this.#work);
  }

  /**
   * Removes a blob if `mayGo` still says so, in the transaction that takes its record out. Synchronous as a whole:
   * between the question and the removal nothing else runs. The file goes aside first and comes back when the
   * transaction does not hold; a crash in between is settled by `reconcileBlobs`.
   * @throws MillpondError unavailable, when the store was closed
   */
  remove(digest: Digest, mayGo: () => boolean): boolean {
    this.#refuseClosed();
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
   * read, and when the store was closed. Synchronous as a whole, as `remove`.
   */
  setAside({ digest, checkedAt }: BlobRecord, reason: string): boolean {
    const { store, layout, clock } = this.options;
    if (this.#isClosed || this.#underWay.has(digest)) return false;
    mkdirSync(layout.asideFolder, { recursive: true });
    return store.transaction(() => {
      if (store.blobs.get(digest)?.checkedAt !== checkedAt) return false;
      store.badBlobs.add(digest, reason, clock());
      moveIfThere(layout.blob(digest), layout.aside(digest));
      return true;
    });
  }

  /** While `work` goes on its digest is as good as wanted, and `close` waits. */
  async #taking(digest: Digest, work: () => Promise<void>): Promise<void> {
    this.#refuseClosed();
    this.#underWay.set(digest, (this.#underWay.get(digest) ?? 0) + 1);
    const working = work();
    this.#work.add(working);
    try {
      await working;
    } finally {
      this.#work.delete(working);
      const left = (this.#underWay.get(digest) ?? 1) - 1;
      if (left > 0) this.#underWay.set(digest, left);
      else this.#underWay.delete(digest);
    }
  }

  #refuseClosed(): void {
    if (!this.#isClosed) return;
    throw new MillpondError('unavailable', 'Millpond is being stopped, and stores nothing any more', {
      hint: 'Try again when it has been started.',
    });
  }

  async #takeOver(
    from: string,
    { digest, size }: { digest: Digest; size: number },
    record?: () => void,
  ): Promise<void> {
    const { store, layout } = this.options;
    await flushFile(from);
    const target = layout.blob(digest);
    await this.#makeFolder(dirname(target));
    await rename(from, target); // over an equal one: readers of that keep it open
    await syncFolder(dirname(target));
    const wasBad = store.badBlobs.get(digest) !== undefined;
    this.#recordOrRemove({ digest, size }, record);
    if (wasBad) await rm(layout.aside(digest), { force: true });
  }

  async #write(bytes: Buffer, digest: Digest, record?: () => void): Promise<void> {
    const { layout } = this.options;
    const temporary = layout.upload(`put-${randomUUID()}`);
    await mkdir(layout.uploadsFolder, { recursive: true });
    try {
      await writeFile(temporary, bytes, { flag: 'wx', mode: 0o644 });
      await this.#takeOver(temporary, { digest, size: bytes.length }, record);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }

  async #isOnDisk(digest: Digest, bytes: Buffer): Promise<boolean> {
    try {
      return bytes.equals(await this.read(digest));
    } catch (error) {
      if (['ENOENT', 'EIO'].includes(systemCode(error) ?? '')) return false;
      throw error;
    }
  }

  /** A folder of blobs whose own name, and those above it, survive a crash: a name in it is worth no more than they are. */
  async #makeFolder(folder: string): Promise<void> {
    await mkdir(folder, { recursive: true });
    const flushing = this.#folders.get(folder) ?? this.#flushParents(folder);
    this.#folders.set(folder, flushing);
    try {
      await flushing;
    } catch (error) {
      this.#folders.delete(folder);
      throw error;
    }
  }

  async #flushParents(folder: string): Promise<void> {
    for (let each = dirname(folder); each.startsWith(this.options.layout.data); each = dirname(each))
      await syncFolder(each);
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
