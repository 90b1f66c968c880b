import type { FileHandle } from 'node:fs/promises';
import type { Stats } from 'node:fs';
import { MillpondError, messageOf } from '../core/errors.js';
import type { FileHash } from '../core/file-hash.js';
import { displayName, type RawName } from '../core/tree-path.js';
import type { FileIdentity } from '../store/file-hashes.js';
import type { Store } from '../store/open.js';
import type { HashTask } from './hash-task.js';
import { HashThread, type Hashing } from './hash-thread.js';

/** An open file of a published tree. */
export interface HashedFile {
  readonly mirror: string;
  /** Below the root of the tree. */
  readonly segments: readonly RawName[];
  readonly stats: Stats;
  readonly handle: FileHandle;
}

/** A file and what tells its versions apart, whether it is open or not. */
export interface NamedVersion extends Pick<HashedFile, 'mirror' | 'segments'> {
  readonly stats: Pick<Stats, 'size' | 'mtimeMs' | 'ino'>;
}

export interface FileHashesOptions {
  readonly store: Pick<Store, 'fileHashes'>;
  readonly log: { warn(details: object, message: string): void };
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** Files that may wait to be hashed; each is open. */
  readonly mostWaiting?: number;
}

/** A file that is being hashed or waits for it. */
export interface PendingHash {
  readonly hash: Promise<FileHash>;
  /** Bytes that were hashed so far. */
  done(): number;
  /** Seconds until the hash is there, roughly; at least 1. */
  secondsLeft(): number;
}

interface Job {
  readonly file: HashedFile;
  readonly identity: FileIdentity;
  readonly settle: { resolve(hash: FileHash): void; reject(error: unknown): void };
  readonly hash: Promise<FileHash>;
  /** Null of what somebody waits for. */
  pace: HashTask['pace'];
  hashing: Hashing | null;
  startedAt: number;
}

/** Small files are not to wait for large ones: one thread is left to those that are done in a moment. */
const ASKED_THREADS = 2;
const LARGE = 256 * 1024 * 1024;
/** Rows in the database, of some 300 bytes for small files; what was hashed longest ago is computed again. */
const MOST_KEPT = 500_000;
const LOOK_EVERY = 1_000;
const MOST_WAITING = 100;
/** Bytes a second, until something was measured. */
const USUAL_RATE = 200_000_000;

/**
 * Hashes of files in published trees: computed once for all who ask, in threads of their own, from the open file, and
 * told only of a file that has the same inode, size and time. Files in slots are replaced, never written into.
 */
export class FileHashes {
  readonly #jobs = new Map<string, Job>();
  readonly #threads: HashThread[] = Array.from({ length: ASKED_THREADS }, () => new HashThread());
  readonly #free = [...this.#threads];
  readonly #aheadThread = new HashThread();
  readonly #listeners: ((mirror: string, segments: readonly RawName[]) => void)[] = [];
  readonly #ending = new Set<Promise<void>>();
  #waiting: Job[] = [];
  #added = 0;
  #rate = USUAL_RATE;
  #isStopped = false;

  constructor(private readonly options: FileHashesOptions) {}

  /** The SHA-256 of a file, where it is known. */
  sha256(file: NamedVersion): Buffer | undefined {
    return this.#isStopped ? undefined : this.options.store.fileHashes.sha256(identityOf(file));
  }

  /** All that is known of a file. */
  known(file: NamedVersion): FileHash | undefined {
    return this.#isStopped ? undefined : this.options.store.fileHashes.get(identityOf(file));
  }

  /** Calls `listener` when the hash of a file becomes known. */
  onKnown(listener: (mirror: string, segments: readonly RawName[]) => void): void {
    this.#listeners.push(listener);
  }

  /**
   * Hashes a file that somebody waits for. Takes over the handle: it is closed in any case. The hash is rejected with
   * MillpondError conflict (the file changed meanwhile), unavailable (too many wait; being stopped), or a system error.
   */
  compute(file: HashedFile): PendingHash {
    const identity = identityOf(file);
    const others = this.#jobs.get(keyOf(identity));
    if (others) {
      this.#close(file);
      others.pace = null;
      others.hashing?.hurry();
      return this.#pending(others);
    }
    if (this.#isStopped || this.#waiting.length >= (this.options.mostWaiting ?? MOST_WAITING)) {
      this.#close(file);
      throw this.#isStopped ? stopped() : tooMany();
    }
    const job = this.#newJob(file, identity, null);
    this.#waiting.push(job);
    this.#startWaiting();
    return this.#pending(job);
  }

  /** Hashes a file that nobody has asked for, beside those that somebody has; one at a time. As `compute`. */
  async computeAhead(file: HashedFile, pace: NonNullable<HashTask['pace']>, signal: AbortSignal): Promise<FileHash> {
    const identity = identityOf(file);
    const others = this.#jobs.get(keyOf(identity));
    if (others || this.#isStopped) {
      this.#close(file);
      if (others) return others.hash;
      throw stopped();
    }
    const job = this.#newJob(file, identity, pace);
    const stop = (): void => job.hashing?.stop();
    signal.addEventListener('abort', stop);
    this.#run(job, this.#aheadThread, () => signal.removeEventListener('abort', stop));
    if (signal.aborted) stop();
    return job.hash;
  }

  /** Nothing is computed or recorded afterwards; what waits is rejected. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const job of this.#waiting.splice(0)) this.#fail(job, stopped());
    for (const job of this.#jobs.values()) job.hashing?.stop();
    while (this.#ending.size > 0) await Promise.allSettled(this.#ending);
    await Promise.all([...this.#threads, this.#aheadThread].map((thread) => thread.close()));
  }

  #newJob(file: HashedFile, identity: FileIdentity, pace: HashTask['pace']): Job {
    let settle: Job['settle'] | undefined;
    const hash = new Promise<FileHash>((resolve, reject) => (settle = { resolve, reject }));
    hash.catch(() => undefined); // who asked may have gone
    if (!settle) throw new Error('a promise runs its executor at once');
    const job: Job = { file, identity, settle, hash, pace, hashing: null, startedAt: 0 };
    this.#jobs.set(keyOf(identity), job);
    return job;
  }

  #pending(job: Job): PendingHash {
    const done = (): number => job.hashing?.done() ?? 0;
    return {
      hash: job.hash,
      done,
      secondsLeft: () => Math.max(1, Math.ceil((job.identity.size - done() + this.#bytesBefore(job)) / this.#rate)),
    };
  }

  /** Bytes that are hashed before a job begins. */
  #bytesBefore(job: Job): number {
    const place = this.#waiting.indexOf(job);
    const before = this.#waiting.filter((other, index) => place >= 0 && comesBefore(other, job, index < place));
    return before.reduce((sum, { identity }) => sum + identity.size, 0);
  }

  /** The smallest first. */
  #startWaiting(): void {
    while (this.#free.length > 0) {
      const sorted = this.#waiting.toSorted((a, b) => a.identity.size - b.identity.size);
      const [next] = sorted;
      if (!next || (next.identity.size > LARGE && this.#isLargeRunning())) return;
      const thread = this.#free.pop();
      if (!thread) return;
      this.#waiting = this.#waiting.filter((job) => job !== next);
      this.#run(next, thread, () => {
        this.#free.push(thread);
        if (!this.#isStopped) this.#startWaiting();
      });
    }
  }

  #isLargeRunning(): boolean {
    return [...this.#jobs.values()].some(({ hashing, pace, identity }) => hashing && !pace && identity.size > LARGE);
  }

  #run(job: Job, thread: HashThread, ended: () => void): void {
    job.startedAt = this.options.clock();
    job.hashing = thread.hash(job.file.handle.fd, job.identity.size, job.pace);
    const work = this.#finish(job, job.hashing.hash).finally(() => {
      this.#ending.delete(work);
      ended();
    });
    this.#ending.add(work);
  }

  async #finish(job: Job, hashing: Promise<FileHash>): Promise<void> {
    try {
      const hash = await hashing;
      await this.#checkUnchanged(job);
      if (this.#isStopped) throw stopped();
      this.#record(job, hash);
      this.#jobs.delete(keyOf(job.identity));
      job.settle.resolve(hash);
      for (const listener of this.#listeners) listener(job.file.mirror, job.file.segments);
    } catch (error) {
      this.#fail(job, this.#isStopped ? stopped() : error);
      return;
    }
    this.#close(job.file);
  }

  async #checkUnchanged({ file, identity }: Job): Promise<void> {
    const now = identityOf({ ...file, stats: await file.handle.stat() });
    if (keyOf(now) === keyOf(identity)) return;
    throw new MillpondError('conflict', `"${shownName(file)}" changed while its hashes were computed.`, {
      hint: 'Ask again.',
    });
  }

  #record(job: Job, hash: FileHash): void {
    const { store, clock } = this.options;
    store.fileHashes.add(job.identity, hash);
    if (++this.#added % LOOK_EVERY === 0) store.fileHashes.keepNewest(MOST_KEPT);
    const seconds = (clock() - job.startedAt) / 1000;
    if (!job.pace && hash.size > LARGE && seconds > 0) this.#rate = hash.size / seconds;
  }

  #fail(job: Job, error: unknown): void {
    this.#jobs.delete(keyOf(job.identity));
    this.#close(job.file);
    job.settle.reject(error);
  }

  #close({ handle, mirror }: HashedFile): void {
    handle.close().catch((error: unknown) => {
      this.options.log.warn({ mirror }, `a file that was hashed could not be closed: ${messageOf(error)}`);
    });
  }
}

export function identityOf({ mirror, segments, stats }: NamedVersion): FileIdentity {
  const { size, mtimeMs, ino } = stats;
  return { mirror, path: segments.join('/'), size, mtimeMs, ino };
}

function keyOf({ mirror, path, size, mtimeMs, ino }: FileIdentity): string {
  return `${mirror}/${path}\0${size}\0${mtimeMs}\0${ino}`;
}

function comesBefore(other: Job, job: Job, isEarlier: boolean): boolean {
  return other.identity.size < job.identity.size || (isEarlier && other.identity.size === job.identity.size);
}

function shownName({ segments }: HashedFile): string {
  return displayName(segments.at(-1) ?? '');
}

function tooMany(): MillpondError {
  return new MillpondError('unavailable', 'Too many files wait for their hashes to be computed.', {
    hint: 'Ask again in a minute.',
  });
}

function stopped(): MillpondError {
  return new MillpondError('unavailable', 'Millpond is being stopped.', { hint: 'Ask again in a minute.' });
}
