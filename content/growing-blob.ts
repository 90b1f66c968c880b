import { once, EventEmitter } from 'node:events';
import { mkdir, open, rm, stat, type FileHandle } from 'node:fs/promises';
import type { Hash } from 'node:crypto';
import { dirname } from 'node:path';
import { systemCode } from '../core/errors.js';
import { hasherOf, type Digest } from '../core/oci/digest.js';
import type { BlobReader } from '../core/oci/on-demand.js';

const READ_CHUNK = 256 * 1024;
const HASH_CHUNK = 1024 * 1024;

/**
 * A file that is being filled from the front, its running hash, and its readers, each of which follows at its own pace.
 * What an earlier program had received of it is hashed again and kept.
 */
export class GrowingBlob implements BlobReader {
  readonly #changed = new EventEmitter().setMaxListeners(0);
  #hash: Hash;
  #failure: Error | null = null;
  #readers = 0;
  #idle: (() => void)[] = [];

  private constructor(
    readonly digest: Digest,
    readonly size: number,
    private readonly path: string,
    private readonly file: FileHandle,
  ) {
    this.#hash = hasherOf(digest);
  }

  /** Bytes that are here. */
  received = 0;

  /** Opens the file at `path`, creates it where there is none. @throws system errors */
  static async open(path: string, { digest, size }: { digest: Digest; size: number }): Promise<GrowingBlob> {
    await mkdir(dirname(path), { recursive: true });
    const file = await open(path, 'a+', 0o644);
    const blob = new GrowingBlob(digest, size, path, file);
    try {
      await blob.#takeUp();
    } catch (error) {
      await file.close();
      throw error;
    }
    return blob;
  }

  /** Adds what comes next. @throws system errors; RangeError when it would become larger than it may be */
  async append(chunk: Buffer): Promise<void> {
    if (this.received + chunk.length > this.size) throw new RangeError(`more than ${this.size} bytes came`);
    for (let done = 0; done < chunk.length;) {
      const { bytesWritten } = await this.file.write(chunk, done, chunk.length - done, null);
      done += bytesWritten;
    }
    this.#hash.update(chunk);
    this.received += chunk.length;
    this.#changed.emit('change');
  }

  /** Forgets all that has come: it was not what it should be. Readers get an error, since they may have seen some of it. */
  async startAnew(why: Error): Promise<void> {
    if (this.received > 0) this.fail(why);
    await this.file.truncate(0);
    this.received = 0;
    this.#hash = hasherOf(this.digest);
    this.#failure = null;
  }

  /** Whether all of it is here and has the right digest. */
  isWhole(): boolean {
    return (
      this.received === this.size && `${this.digest.split(':')[0]}:${this.#hash.copy().digest('hex')}` === this.digest
    );
  }

  /** Every reader ends with this error, now or when it reaches the end of what is here. */
  fail(error: Error): void {
    this.#failure = error;
    this.#changed.emit('change');
  }

  async *read(first: number, last: number): AsyncGenerator<Buffer> {
    this.#readers++;
    try {
      for (let position = first; position <= last;) {
        await this.#until(position + 1);
        const length = Math.min(READ_CHUNK, last - position + 1, this.received - position);
        const buffer = Buffer.allocUnsafe(length);
        const { bytesRead } = await this.file.read(buffer, 0, length, position);
        if (bytesRead === 0) throw new Error(`${this.path} is shorter than it was`);
        position += bytesRead;
        yield buffer.subarray(0, bytesRead);
      }
    } finally {
      this.#readers--;
      if (this.#readers === 0) for (const settle of this.#idle.splice(0)) settle();
    }
  }

  /** Closes the file when the last reader has gone. It keeps its name unless it is removed or renamed. */
  async close(): Promise<void> {
    if (this.#readers > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
    await this.file.close();
  }

  async remove(): Promise<void> {
    await rm(this.path, { force: true });
  }

  async #until(bytes: number): Promise<void> {
    while (this.received < bytes) {
      if (this.#failure) throw this.#failure;
      await once(this.#changed, 'change');
    }
  }

  async #takeUp(): Promise<void> {
    const { size } = await this.file.stat();
    if (size > this.size) return this.file.truncate(0);
    const buffer = Buffer.allocUnsafe(Math.min(HASH_CHUNK, Math.max(1, size)));
    while (this.received < size) {
      const { bytesRead } = await this.file.read(buffer, 0, buffer.length, this.received);
      if (bytesRead === 0) break;
      this.#hash.update(buffer.subarray(0, bytesRead));
      this.received += bytesRead;
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
