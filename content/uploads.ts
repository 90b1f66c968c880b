import { createHash, randomUUID, type Hash } from 'node:crypto';
import { mkdir, open, rm, type FileHandle } from 'node:fs/promises';
import type { SyncSettings } from '../config/settings.js';
import { systemCode } from '../core/errors.js';
import type { Digest } from '../core/oci/digest.js';
import { OciError } from '../core/oci/errors.js';
import { formatBytes } from '../core/units.js';
import { diskSpace, reserveBytes, type DiskSpace } from '../platform/disk-space.js';
import type { Store } from '../store/open.js';
import type { UploadRecord } from '../store/uploads.js';
import { hashFile, type BlobStore } from './blobs.js';
import { lstatOrNull } from './byte-path.js';
import type { CollectHow } from './collect-garbage.js';
import { whyGivenUp } from './garbage-reasons.js';
import type { Layout } from './layout.js';

/** Sessions at a time. Clients that break off leave theirs behind until they are found abandoned. */
export interface UploadLimits {
  readonly all: number;
  readonly repository: number;
}

const LIMITS: UploadLimits = { all: 1000, repository: 100 };
const RETRY_AFTER = 60;
/** Bytes after which an upload of unknown length looks at the disk again. */
const LOOK_AT_DISK_EVERY = 64 * 1024 * 1024;
const HASH_CHUNK = 1024 * 1024;
const NO_SPACE: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT']);

export interface UploadsOptions {
  readonly store: Store;
  readonly layout: Layout;
  readonly blobs: BlobStore;
  readonly clock: () => number;
  /** What of the disk no upload may use. */
  readonly reserve: () => SyncSettings['reserve'];
  readonly limits?: UploadLimits;
  /** That of the system unless given. */
  readonly diskSpace?: (path: string) => Promise<DiskSpace>;
}

/** Which session: an id is of use in its own repository only. */
export interface UploadKey {
  readonly repository: string;
  readonly id: string;
}

/** What the client says of the bytes that come; undefined is what it leaves open. Bytes. */
export interface ExpectedBytes {
  /** Where they begin: right behind what is here, or nothing is taken. */
  readonly offset?: number | undefined;
  readonly length?: number | undefined;
}

/** What is in memory of a session: the hash of its file as far as it goes. Lost at a restart, and read anew from the file. */
interface Session {
  readonly hash: Hash;
  received: number;
}

/**
 * Pushes of blobs that are under way: a row, a file that grows, and a running hash. One request at a time may change a
 * session. Its bytes become a blob when they have the digest that the client gave, and are thrown away when not.
 */
export class Uploads {
  readonly #sessions = new Map<string, Session>();
  readonly #busy = new Set<string>();
  readonly #work = new Set<Promise<unknown>>();
  #isClosed = false;

  constructor(private readonly options: UploadsOptions) {}

  /**
   * Opens a session. `algorithm` is that of the digest which is to come, where the client has said so.
   * @throws OciError TOOMANYREQUESTS, UNAVAILABLE (507: the disk is full; 503: the program is being stopped)
   */
  begin(repository: string, algorithm = 'sha256'): Promise<string> {
    return this.#awaited(() => this.#begin(repository, algorithm));
  }

  async #begin(repository: string, algorithm: string): Promise<string> {
    const { store, clock, limits = LIMITS } = this.options;
    await this.#refuseFullDisk(0);
    if (store.uploads.count() >= limits.all) throw tooMany('too many uploads are open');
    if (store.uploads.countOf(repository) >= limits.repository)
      throw tooMany(`too many uploads to ${repository} are open`);
    const id = randomUUID();
    store.uploads.add({ id, repository, algorithm, at: clock() });
    return id;
  }

  /** Bytes that are here. @throws OciError BLOB_UPLOAD_UNKNOWN, BLOB_UPLOAD_INVALID (409: another request is at it) */
  async received(key: UploadKey): Promise<number> {
    const known = this.#record(key) && this.#sessions.get(key.id);
    return known ? known.received : this.#exclusively(key, ({ received }) => Promise.resolve(received));
  }

  /**
   * Adds bytes, and gives how many are here then. What came before the client broke off stays.
   * @throws OciError BLOB_UPLOAD_UNKNOWN, BLOB_UPLOAD_INVALID (409), RANGE_INVALID (not what follows), SIZE_INVALID (not
   * as many as announced, and then none is taken), UNAVAILABLE (507); and what `body` throws
   */
  append(key: UploadKey, body: AsyncIterable<Buffer>, expected: ExpectedBytes = {}): Promise<number> {
    return this.#exclusively(key, async (session) => {
      const { store, layout, clock } = this.options;
      const before = session.received;
      if (expected.offset !== undefined && expected.offset !== before)
        throw new OciError('RANGE_INVALID', { message: `${before} bytes are here, and what comes must follow them` });
      await this.#refuseFullDisk(expected.length ?? 0);
      await mkdir(layout.uploadsFolder, { recursive: true });
      const file = await open(layout.upload(key.id), 'a', 0o644);
      try {
        await this.#receive(key.id, session, { file, body });
        if (expected.length !== undefined && session.received - before !== expected.length) {
          await this.#rewind(key.id, file, before);
          throw new OciError('SIZE_INVALID', { message: `${expected.length} bytes were announced, and others came` });
        }
      } finally {
        await file.close();
        store.uploads.touch(key.id, clock());
      }
      return session.received;
    });
  }

  /**
   * Makes the bytes a blob of the repository, which is made where it is new, in one transaction, and ends the session.
   * @throws OciError BLOB_UPLOAD_UNKNOWN, BLOB_UPLOAD_INVALID (409), DIGEST_INVALID: the session is thrown away
   */
  finish(key: UploadKey, digest: Digest): Promise<{ size: number }> {
    return this.#exclusively(key, async (session, { algorithm }) => {
      const { store, layout, blobs, clock } = this.options;
      const file = layout.upload(key.id);
      await touchFile(layout.uploadsFolder, file); // nothing may have been appended: a blob may be empty
      const found = digest.startsWith(`${algorithm}:`)
        ? `${algorithm}:${session.hash.copy().digest('hex')}`
        : (await hashFile(file, digest)).hash;
      if (found !== digest) {
        await this.#drop(key.id);
        throw new OciError('DIGEST_INVALID', { message: `the bytes that came are ${found}, not ${digest}` });
      }
      const size = session.received;
      this.#sessions.delete(key.id);
      await blobs.adopt(file, { digest, size }, () => {
        const at = clock();
        store.repositories.ensure(key.repository, 'hosted', at);
        store.repositories.link(key.repository, digest, at);
        store.uploads.remove(key.id);
      });
      return { size };
    });
  }

  /** @throws OciError BLOB_UPLOAD_UNKNOWN, BLOB_UPLOAD_INVALID (409) */
  cancel(key: UploadKey): Promise<void> {
    return this.#exclusively(key, () => this.#drop(key.id));
  }

  /** Nothing is taken any more; resolves when what is under way has ended. Sessions go on at the next start. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.allSettled(this.#work);
  }

  /**
   * Ends sessions on which nothing has happened since `before` (milliseconds since the epoch), and says how many.
   * @throws the signal's reason
   */
  async removeAbandoned(before: number, { dryRun = false, onCandidate, signal }: CollectHow = {}): Promise<number> {
    const { store, layout, clock } = this.options;
    let removed = 0;
    for (const { id } of store.uploads.untouchedSince(before)) {
      signal?.throwIfAborted();
      const bytes = (await lstatOrNull(Buffer.from(layout.upload(id))))?.size ?? 0; // none was appended yet
      // asked again: a client may have come back to one while another was removed
      const record = store.uploads.get(id);
      if (!record || this.#busy.has(id) || record.touchedAt >= before) continue;
      if (!dryRun) await this.#end(id);
      removed++;
      const { repository } = record;
      await onCandidate?.({ kind: 'upload', id, repository, bytes, why: whyGivenUp(record, clock()) });
    }
    return removed;
  }

  async #end(id: string): Promise<void> {
    this.#busy.add(id);
    await this.#drop(id).finally(() => this.#busy.delete(id));
  }

  async #receive(
    id: string,
    session: Session,
    { file, body }: { file: FileHandle; body: AsyncIterable<Buffer> },
  ): Promise<void> {
    let unchecked = 0;
    for await (const chunk of body) {
      this.#refuseClosed();
      try {
        await writeWhole(file, chunk);
      } catch (error) {
        await this.#rewind(id, file, session.received);
        throw fullDisk(error);
      }
      session.hash.update(chunk);
      session.received += chunk.length;
      unchecked += chunk.length;
      if (unchecked < LOOK_AT_DISK_EVERY) continue;
      unchecked = 0;
      await this.#refuseFullDisk(0);
    }
  }

  /** The file ends at `length` again. A hash cannot go back: it is made anew from the file when it is needed. */
  async #rewind(id: string, file: FileHandle, length: number): Promise<void> {
    this.#sessions.delete(id);
    await file.truncate(length);
  }

  /** The file first: what a crash leaves is a session of no bytes, which is found abandoned later. */
  async #drop(id: string): Promise<void> {
    this.#sessions.delete(id);
    await rm(this.options.layout.upload(id), { force: true });
    this.options.store.uploads.remove(id);
  }

  #record({ repository, id }: UploadKey): UploadRecord {
    const record = this.options.store.uploads.get(id);
    if (record?.repository !== repository) throw new OciError('BLOB_UPLOAD_UNKNOWN');
    return record;
  }

  /** `close` waits for it. */
  async #awaited<T>(work: () => Promise<T>): Promise<T> {
    this.#refuseClosed();
    const working = work();
    this.#work.add(working);
    try {
      return await working;
    } finally {
      this.#work.delete(working);
    }
  }

  #refuseClosed(): void {
    if (this.#isClosed)
      throw new OciError('UNAVAILABLE', { message: 'Millpond is being stopped', retryAfter: RETRY_AFTER });
  }

  #exclusively<T>(key: UploadKey, work: (session: Session, record: UploadRecord) => Promise<T>): Promise<T> {
    return this.#awaited(() => this.#alone(key, work));
  }

  async #alone<T>(key: UploadKey, work: (session: Session, record: UploadRecord) => Promise<T>): Promise<T> {
    const record = this.#record(key);
    const { id } = key;
    if (this.#busy.has(id))
      throw new OciError('BLOB_UPLOAD_INVALID', { status: 409, message: 'another request is at this upload' });
    this.#busy.add(id);
    try {
      return await work(this.#sessions.get(id) ?? (await this.#takeUp(record)), record);
    } finally {
      this.#busy.delete(id);
    }
  }

  async #takeUp({ id, algorithm }: UploadRecord): Promise<Session> {
    const session: Session = { hash: createHash(algorithm), received: 0 };
    await readInto(session, this.options.layout.upload(id));
    this.#sessions.set(id, session);
    return session;
  }

  async #refuseFullDisk(bytes: number): Promise<void> {
    const { layout, reserve, diskSpace: space = diskSpace } = this.options;
    const disk = await space(layout.data);
    if (disk.free - bytes >= reserveBytes(reserve(), disk)) return;
    throw noSpace(`${formatBytes(disk.free)} are free on the disk of this registry, and some are kept in reserve`);
  }
}

async function readInto(session: Session, path: string): Promise<void> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return; // nothing was appended yet
    throw error;
  }
  try {
    const buffer = Buffer.allocUnsafe(HASH_CHUNK);
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, HASH_CHUNK, session.received);
      if (bytesRead === 0) return;
      session.hash.update(buffer.subarray(0, bytesRead));
      session.received += bytesRead;
    }
  } finally {
    await file.close();
  }
}

async function touchFile(folder: string, path: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await (await open(path, 'a', 0o644)).close();
}

async function writeWhole(file: FileHandle, chunk: Buffer): Promise<void> {
  for (let done = 0; done < chunk.length;) {
    const { bytesWritten } = await file.write(chunk, done, chunk.length - done, null);
    done += bytesWritten;
  }
}

function fullDisk(error: unknown): unknown {
  return NO_SPACE.has(systemCode(error) ?? '') ? noSpace('the disk of this registry is full') : error;
}

/** 507 (RFC 4918 section 11.5): trying again at once is of no use, and clients show the text of the status. */
function noSpace(message: string): OciError {
  return new OciError('UNAVAILABLE', { status: 507, message });
}

function tooMany(message: string): OciError {
  return new OciError('TOOMANYREQUESTS', {
    message: `${message}: end some of them, or try again later`,
    retryAfter: RETRY_AFTER,
  });
}
