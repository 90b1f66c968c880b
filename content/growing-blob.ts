import { mkdir, open, rm, stat, type FileHandle } from 'node:fs/promises';
import type { Hash } from 'node:crypto';
import { dirname } from 'node:path';
import { systemCode } from '../core/errors.js';
import { hasherOf, type Digest } from '../core/oci/digest.js';
import type { BlobReader } from '../core/oci/on-demand.js';

/** Each reader holds one piece in memory: several hundred of them stay small. */
const READ_CHUNK = 64 * 1024;
const HASH_CHUNK = 1024 * 1024;
/** The end of every blob that no reader gets before the whole was compared with its digest. Bytes. */
const HELD_BACK = 64 * 1024;

export interface GrowingBlobOptions {
  readonly digest: Digest;
  /** Bytes of the whole; null until `learnSize` or `endHere`. */
  readonly size: number | null;
  /** Bytes that it may have where its size is not known. */
  readonly largest?: number;
}

/**
 * A file that is being filled from the front, its running hash, and its readers, each of which follows at its own pace.
 * What an earlier program had received of it is hashed again and kept. Nobody reads the last bytes before all of them
 * were compared with the digest: wrong bytes end as a broken answer, never as a whole one.
 */
export class GrowingBlob implements BlobReader {
  #hash: Hash;
  #size: number | null;
  #failure: Error | null = null;
  #isVerified = false;
  /** Grows when all that came was thrown away; readers that had seen some of it end with `#thrownAwayFor`. */
  #beginning = 0;
  #thrownAwayFor: Error | null = null;
  #readers = 0;
  #isClosed = false;
  #idle: (() => void)[] = [];
  #change = newSignal();
  #received = 0;

  private constructor(
    private readonly options: GrowingBlobOptions,
    private path: string,
    private readonly file: FileHandle,
  ) {
    this.#hash = hasherOf(options.digest);
    this.#size = options.size;
  }

  /** Opens the file at `path`, creates it where there is none. @throws system errors */
  static async open(path: string, options: GrowingBlobOptions): Promise<GrowingBlob> {
    await mkdir(dirname(path), { recursive: true });
    const file = await open(path, 'a+', 0o644);
    const blob = new GrowingBlob(options, path, file);
    try {
      await blob.#takeUp();
    } catch (error) {
      await file.close();
      throw error;
    }
    return blob;
  }

  get digest(): Digest {
    return this.options.digest;
  }

  /** Bytes of the whole blob. @throws Error while that is not known */
  get size(): number {
    if (this.#size === null) throw new Error(`the size of ${this.digest} is not known yet`);
    return this.#size;
  }

  get isSizeKnown(): boolean {
    return this.#size !== null;
  }

  /** Bytes that are here. */
  get received(): number {
    return this.#received;
  }

  /** Adds what comes next. @throws system errors; RangeError when it would become larger than it may be */
  async append(chunk: Buffer): Promise<void> {
    const most = this.#most();
    if (this.#received + chunk.length > most) throw new RangeError(`more than ${most} bytes came`);
    for (let done = 0; done < chunk.length;) {
      const { bytesWritten } = await this.file.write(chunk, done, chunk.length - done, null);
      done += bytesWritten;
    }
    this.#hash.update(chunk);
    this.#received += chunk.length;
    this.#tell();
  }

  /** Upstream says how large it is. More than that which is here already cannot be of it: `startAnew` must follow. */
  learnSize(size: number): void {
    this.#size ??= size;
    this.#tell();
  }

  /** All has come that will come: where the size was not known, this is it. */
  endHere(): void {
    this.learnSize(this.#received);
  }

  /** Forgets all that has come: it was not what it should be. Readers that have seen some of it end with `why`. */
  async startAnew(why: Error): Promise<void> {
    this.#beginning++;
    this.#thrownAwayFor = why;
    this.#received = 0;
    this.#isVerified = false;
    this.#hash = hasherOf(this.digest);
    await this.file.truncate(0);
    this.#tell();
  }

  /** Compares all that is here with the digest. When it is right, readers get it to its end. */
  verify(): boolean {
    const found = `${this.digest.slice(0, this.digest.indexOf(':'))}:${this.#hash.copy().digest('hex')}`;
    this.#isVerified = this.#received === this.#size && found === this.digest;
    if (this.#isVerified) this.#tell();
    return this.#isVerified;
  }

  /** Every reader ends with this error when it reaches the end of what is here. */
  fail(error: Error): void {
    this.#failure = error;
    this.#tell();
  }

  async *read(first: number, last: number): AsyncGenerator<Buffer> {
    const held = await this.#hold();
    const beginning = { at: this.#beginning, hasSeen: false };
    try {
      for (let position = first; position <= last;) {
        await this.#until(position + 1, beginning);
        const length = Math.min(READ_CHUNK, last - position + 1, this.#readable() - position);
        const buffer = Buffer.allocUnsafe(length);
        const { bytesRead } = await held.file.read(buffer, 0, length, position);
        if (beginning.at !== this.#beginning) continue; // thrown away meanwhile
        if (bytesRead === 0) throw new Error(`${this.path} is shorter than it was`);
        position += bytesRead;
        beginning.hasSeen = true;
        yield buffer.subarray(0, bytesRead);
      }
    } finally {
      await held.release();
    }
  }

  /** The file has another name by now; readers that have it open keep it. */
  movedTo(path: string): void {
    this.path = path;
  }

  /** Closes the file when the last reader has gone. It keeps its name unless it is removed or renamed. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true; // who comes now opens it by its name
    if (this.#readers > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
    await this.file.close();
  }

  async remove(): Promise<void> {
    await rm(this.path, { force: true });
  }

  async #hold(): Promise<{ file: FileHandle; release: () => Promise<void> }> {
    if (this.#isClosed) {
      const file = await open(this.path, 'r');
      return { file, release: () => file.close() };
    }
    this.#readers++;
    const release = (): Promise<void> => {
      this.#readers--;
      if (this.#readers === 0) for (const settle of this.#idle.splice(0)) settle();
      return Promise.resolve();
    };
    return { file: this.file, release };
  }

  /** Waits until so many bytes may be read. */
  async #until(bytes: number, beginning: { at: number; hasSeen: boolean }): Promise<void> {
    for (;;) {
      if (beginning.at !== this.#beginning) {
        if (beginning.hasSeen) throw this.#thrownAwayFor ?? new Error(`${this.digest} began anew`);
        beginning.at = this.#beginning;
      }
      if (this.#readable() >= bytes) return;
      if (this.#failure) throw this.#failure;
      await this.#change.promise;
    }
  }

  #readable(): number {
    if (this.#isVerified) return this.#received;
    return this.#size === null ? 0 : Math.min(this.#received, Math.max(0, this.#size - HELD_BACK));
  }

  #most(): number {
    return this.#size ?? this.options.largest ?? Number.MAX_SAFE_INTEGER;
  }

  /** Wakes all who wait: one promise for all of them, however many they are. */
  #tell(): void {
    const { settle } = this.#change;
    this.#change = newSignal();
    settle();
  }

  async #takeUp(): Promise<void> {
    const now = new Date();
    await this.file.utimes(now, now); // somebody goes on with it: it is no more one that was given up
    const { size } = await this.file.stat();
    if (size > this.#most()) return this.file.truncate(0);
    const buffer = Buffer.allocUnsafe(Math.min(HASH_CHUNK, Math.max(1, size)));
    while (this.#received < size) {
      const { bytesRead } = await this.file.read(buffer, 0, buffer.length, this.#received);
      if (bytesRead === 0) break;
      this.#hash.update(buffer.subarray(0, bytesRead));
      this.#received += bytesRead;
    }
  }
}

/** Bytes of an unfinished fetch or push that wait on the disk; 0 when there is none. */
export async function waitingBytes(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return 0;
    throw error;
  }
}

function newSignal(): { readonly promise: Promise<void>; readonly settle: () => void } {
  let settle = (): void => undefined;
  const promise = new Promise<void>((resolve) => (settle = resolve));
  return { promise, settle };
}
