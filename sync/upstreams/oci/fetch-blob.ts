import type { BlobStore } from '../../../content/blobs.js';
import { GrowingBlob } from '../../../content/growing-blob.js';
import type { Layout } from '../../../content/layout.js';
import type { Store } from '../../../store/open.js';
import { isDiskFull } from '../../runs/run-failure.js';
import type { FetchSlots } from './fetch-slots.js';
import type { BlobRequest } from './image-source.js';
import { orAborted } from './or-aborted.js';
import { RegistryFailure } from './registry-failure.js';

export interface FetchTools {
  readonly store: Store;
  readonly blobs: BlobStore;
  readonly layout: Layout;
  readonly clock: () => number;
  /** Bytes that have just come over the wire from a registry. */
  readonly onReceived?: (registry: string, bytes: number) => void;
  /** Whether the disk has room above its reserve, asked while a client waits for a large blob; default: it has. */
  readonly hasRoom?: () => Promise<boolean>;
  /** Waits so many milliseconds, or throws. */
  readonly wait: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}

/** One who waits until all of it is here, and whose leaving may end the fetch. */
export interface FetchWaiter {
  /** Resolves when so many bytes may have come. */
  readonly pace?: (bytes: number, signal: AbortSignal) => Promise<void>;
  /** Bytes that have just come over the wire. */
  readonly onBytes?: (bytes: number) => void;
}

/** Tries in a row that bring next to nothing. */
export const MOST_TRIES = 5;
/** A try that brought so many bytes does not count. */
const MUCH = 1024 * 1024;
/** Bytes after which it is looked whether the disk still has room. */
const LOOK_EVERY = 64 * 1024 * 1024;
const FIRST_PAUSE_MS = 250;
/** What asks for a longer wait is left to the next run. Seconds. */
const LONGEST_PAUSE = 60;
/** Bytes of a blob whose size nobody tells. */
const LARGEST_UNTOLD = 4 * 1024 ** 3;

/**
 * One fetch of one blob. Those who wait for the whole of it can leave, and the last one ends it; once a client reads
 * from it, it goes on to its end whoever leaves. A body that breaks is resumed from where it broke.
 */
export class BlobFetch {
  readonly #controller = new AbortController();
  readonly #waiters = new Set<FetchWaiter>();
  readonly #repositories = new Set<string>();
  readonly #promoted = deferred<undefined>();
  readonly #answered = deferred<GrowingBlob>();
  #blob: GrowingBlob | null = null;
  /** Bytes that came since the disk was looked at. */
  #unwatched = 0;
  #isPinned = false;
  #hasAnswered = false;
  /** Resolves when the blob is in the store. */
  readonly done: Promise<void>;

  constructor(
    private readonly tools: FetchTools,
    private readonly request: BlobRequest,
    slots: FetchSlots,
    /** The end of a fetch of the same blob that was ended, and may still have its file. */
    before: Promise<unknown> = Promise.resolve(),
  ) {
    this.done = before.then(() => this.#run(slots));
    this.done.catch((error: unknown) => this.#answered.reject(error));
    this.#answered.promise.catch(() => undefined);
  }

  get isPinned(): boolean {
    return this.#isPinned;
  }

  get isEnded(): boolean {
    return this.#controller.signal.aborted;
  }

  /** Whether it is fetched as this request would have it: else its failure says nothing about the request. */
  isLike({ source, upstreamRepository, size }: BlobRequest): boolean {
    const { request } = this;
    return request.source === source && request.upstreamRepository === upstreamRepository && request.size === size;
  }

  /** Bytes that are still to come, as far as they are known. */
  get bytesLeft(): number {
    const blob = this.#blob;
    return blob?.isSizeKnown ? blob.size - blob.received : (this.request.size ?? 0);
  }

  /** Also this repository gets the blob. */
  linkTo(repository: string): void {
    this.#repositories.add(repository);
  }

  /** Resolves when all of it is here; the signal ends only the waiting when others wait as well. */
  async waitFor(waiter: FetchWaiter, signal: AbortSignal): Promise<void> {
    this.#waiters.add(waiter);
    try {
      await orAborted(this.done, signal);
    } finally {
      this.#waiters.delete(waiter);
      if (this.#waiters.size === 0 && !this.#isPinned) this.abort(new Error('nobody waits for it any more'));
    }
  }

  /** For a client that waits: at once, and to the end. Resolves when upstream has begun to give it. */
  readNow(): Promise<GrowingBlob> {
    this.#isPinned = true;
    this.#promoted.resolve(undefined);
    return this.#answered.promise;
  }

  /** What has come waits on the disk for the next fetch. */
  abort(reason: Error): void {
    this.#controller.abort(reason);
  }

  async #run(slots: FetchSlots): Promise<void> {
    const { layout } = this.tools;
    const { digest, size } = this.request;
    const { signal } = this.#controller;
    const ticket = slots.enter();
    try {
      await orAborted(Promise.race([ticket.turn, this.#promoted.promise]), signal);
      const blob = await GrowingBlob.open(layout.fetch(digest), { digest, size, largest: LARGEST_UNTOLD });
      this.#blob = blob;
      try {
        await this.#fill(blob);
        await this.#keep(blob);
      } catch (error) {
        blob.fail(error instanceof Error ? error : new Error(String(error)));
        // on a full disk nothing else could be written while it takes up what is left
        if (blob.received === 0 || isDiskFull(error)) await blob.remove();
        throw error;
      } finally {
        void blob.close().catch(() => undefined);
      }
    } finally {
      ticket.leave();
    }
  }

  async #fill(blob: GrowingBlob): Promise<void> {
    const { source, digest } = this.request;
    let mayBeWrong = true;
    for (let tries = 0; ;) {
      if (blob.isSizeKnown && blob.received === blob.size) {
        if (blob.verify()) return this.#begin(blob);
        const wrong = new RegistryFailure('invalid', `${source.name} sends other bytes than ${digest} stands for`);
        await blob.startAnew(wrong);
        if (!mayBeWrong) throw wrong;
        mayBeWrong = false;
      }
      const before = blob.received;
      try {
        await this.#stream(blob);
      } catch (error) {
        this.#controller.signal.throwIfAborted();
        tries = blob.received - before >= MUCH ? 1 : tries + 1;
        if (!this.#hasAnswered || tries >= MOST_TRIES) throw error;
        await this.tools.wait(pauseAfter(error, tries), this.#controller.signal);
      }
    }
  }

  /** Takes what upstream sends until its end; a registry that cannot resume sends again what is here already. */
  async #stream(blob: GrowingBlob): Promise<void> {
    const { source, upstreamRepository, digest } = this.request;
    const { signal } = this.#controller;
    const remote = await source.client.openBlob(upstreamRepository, digest, {
      ...(blob.received > 0 ? { from: blob.received } : {}),
      ...(blob.isSizeKnown ? { expectedSize: blob.size } : {}),
      ...{ signal, urgency: this.#isPinned ? 'on-demand' : 'sync' },
    });
    try {
      if (remote.size !== null) blob.learnSize(remote.size);
      if (blob.isSizeKnown && blob.received > blob.size)
        await blob.startAnew(new Error(`${digest} is smaller than what was here of it`));
      this.#begin(blob);
      let known = blob.received - remote.from;
      for await (const chunk of remote.body) {
        this.tools.onReceived?.(source.name, chunk.length);
        for (const { onBytes } of this.#waiters) onBytes?.(chunk.length);
        const fresh = chunk.subarray(Math.min(known, chunk.length));
        known = Math.max(0, known - chunk.length);
        if (fresh.length > 0) await append(blob, fresh, source.name);
        await this.#watchDisk(fresh.length);
        await this.#pace(chunk.length);
      }
      blob.endHere();
      if (blob.received < blob.size) throw new RegistryFailure('connect', `${source.name} ended ${digest} too early`);
    } finally {
      remote.destroy();
    }
  }

  #begin(blob: GrowingBlob): void {
    this.#hasAnswered = true;
    this.#answered.resolve(blob);
  }

  /** A client that waits is never slowed down. */
  async #pace(bytes: number): Promise<void> {
    const [first] = this.#waiters;
    if (!this.#isPinned) await first?.pace?.(bytes, this.#controller.signal);
  }

  /** A run watches the disk itself. @throws ENOSPC when the reserve of the disk is reached */
  async #watchDisk(bytes: number): Promise<void> {
    this.#unwatched += bytes;
    if (!this.#isPinned || this.#unwatched < LOOK_EVERY) return;
    this.#unwatched = 0;
    if ((await this.tools.hasRoom?.()) ?? true) return;
    throw Object.assign(new Error('the reserve of the disk is reached'), { code: 'ENOSPC' });
  }

  async #keep(blob: GrowingBlob): Promise<void> {
    const { blobs, layout, store, clock } = this.tools;
    const { digest } = this.request;
    await blobs.adopt(layout.fetch(digest), { digest, size: blob.size }, () => {
      for (const repository of this.#repositories)
        if (store.repositories.get(repository)) store.repositories.link(repository, digest, clock());
    });
    blob.movedTo(layout.blob(digest));
  }
}

/** Milliseconds to wait after a failure. @throws the failure itself, when waiting makes no sense */
export function pauseAfter(error: unknown, tries: number): number {
  if (!(error instanceof RegistryFailure)) throw error;
  if (error.retryAfter === null) return FIRST_PAUSE_MS * 2 ** (tries - 1);
  if (error.retryAfter > LONGEST_PAUSE) throw error;
  return error.retryAfter * 1000;
}

async function append(blob: GrowingBlob, chunk: Buffer, registry: string): Promise<void> {
  try {
    await blob.append(chunk);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new RegistryFailure('invalid', `${registry} sends more bytes than ${blob.digest} may have`, { cause: error });
  }
}

function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (reason: unknown) => void } {
  let resolve: (value: T) => void = () => undefined;
  let reject: (reason: unknown) => void = () => undefined;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
