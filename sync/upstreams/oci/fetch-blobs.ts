import { setTimeout as delay } from 'node:timers/promises';
import type { GrowingBlob } from '../../../content/growing-blob.js';
import type { Digest } from '../../../core/oci/digest.js';
import { BlobFetch, MOST_TRIES, pauseAfter, type FetchTools, type FetchWaiter } from './fetch-blob.js';
import { mayFollow } from '../../../content/place-manifest.js';
import { FetchSlots } from './fetch-slots.js';
import type { BlobRequest } from './image-source.js';
import { isOnDisk } from './known-blobs.js';
import { RegistryFailure, type RegistryFailureKind } from './registry-failure.js';

/** Fetches at once of one registry for syncs; those for clients that wait are not held up by them. */
const SLOTS = 4;
/** Fetches of others, from another source, whose failure is survived. */
const MOST_JOINED = 3;
const PASSING: ReadonlySet<RegistryFailureKind> = new Set([
  'rate-limited',
  'unavailable',
  'connect',
  'certificate',
  'dns',
  'timeout',
]);

/**
 * All fetches of blobs: one a digest, whoever asks and however many wait, a sync or clients. What was received of one
 * that broke off waits on the disk, also over a restart, and the next fetch goes on from there.
 */
export class BlobFetches {
  readonly #running = new Map<Digest, BlobFetch>();
  readonly #slots = new Map<string, FetchSlots>();
  readonly #tools: FetchTools;
  #isClosed = false;

  constructor(tools: Omit<FetchTools, 'wait'> & Partial<Pick<FetchTools, 'wait'>>) {
    this.#tools = { wait: async (milliseconds, signal) => delay(milliseconds, undefined, { signal }), ...tools };
  }

  /** Fetches under way for clients that wait. */
  get forClients(): number {
    return [...this.#running.values()].filter(({ isPinned }) => isPinned).length;
  }

  /** Bytes that all fetches under way will still take of the disk, as far as they are known. */
  get bytesLeft(): number {
    return [...this.#running.values()].reduce((sum, { bytesLeft }) => sum + bytesLeft, 0);
  }

  isUnderWay(digest: Digest): boolean {
    return this.#running.has(digest);
  }

  /**
   * Brings a blob here and into the repository; whether it had to be fetched. Short failures are tried again.
   * @throws RegistryFailure; system errors; the signal's reason, which ends the fetch when nobody else waits for it
   */
  async complete(request: BlobRequest, waiter: FetchWaiter & { readonly signal: AbortSignal }): Promise<boolean> {
    for (let [tries, joined] = [1, 0]; ;) {
      waiter.signal.throwIfAborted();
      if (await this.#link(request)) return tries > 1;
      const fetch = this.#join(request);
      try {
        await fetch.waitFor(waiter, waiter.signal);
        return true;
      } catch (error) {
        waiter.signal.throwIfAborted();
        if (this.#isClosed) throw error;
        if (!fetch.isLike(request) && joined++ < MOST_JOINED) continue;
        if (tries >= MOST_TRIES || !isPassing(error)) throw error;
        await this.#tools.wait(pauseAfter(error, tries++), waiter.signal);
      }
    }
  }

  /**
   * For a client that waits: the blob while it comes, or null when it is whole on the disk. The fetch goes on whoever
   * leaves, and calls `onStored` when all of it is. Resolves when upstream has begun to send.
   * @throws RegistryFailure; system errors
   */
  async open(request: BlobRequest, onStored: () => void = () => undefined): Promise<GrowingBlob | null> {
    for (let joined = 0; ;) {
      if (await this.#link(request)) return null;
      const fetch = this.#join(request);
      fetch.done.then(onStored, () => undefined);
      try {
        const blob = await fetch.readNow();
        if (blob.isSizeKnown) return blob;
        await fetch.done; // no answer can be begun before its length is known
        return null;
      } catch (error) {
        if (this.#isClosed || fetch.isLike(request) || joined++ === MOST_JOINED) throw error;
      }
    }
  }

  /** Ends all fetches; what has come of them stays on the disk. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const fetches = [...this.#running.values()];
    for (const fetch of fetches) fetch.abort(new RegistryFailure('unavailable', 'Millpond is being stopped'));
    await Promise.allSettled(fetches.map(({ done }) => done));
  }

  #join(request: BlobRequest): BlobFetch {
    const running = this.#running.get(request.digest);
    const fetch = running && !running.isEnded ? running : this.#start(request, running);
    fetch.linkTo(request.repository);
    return fetch;
  }

  #start(request: BlobRequest, before?: BlobFetch): BlobFetch {
    if (this.#isClosed) throw new RegistryFailure('unavailable', 'Millpond is being stopped');
    const { digest, source } = request;
    const slots = this.#slots.get(source.name) ?? new FetchSlots(SLOTS);
    this.#slots.set(source.name, slots);
    const fetch = new BlobFetch(
      this.#tools,
      request,
      slots,
      before?.done.catch(() => undefined),
    );
    this.#running.set(digest, fetch);
    const forget = (): void => {
      if (this.#running.get(digest) === fetch) this.#running.delete(digest);
    };
    fetch.done.then(forget, forget);
    return fetch;
  }

  /** Gives the repository a blob that is here and no secret; false when it is not. */
  async #link({ repository, digest }: BlobRequest): Promise<boolean> {
    const { store, clock } = this.#tools;
    if (!(await isOnDisk(this.#tools, digest))) return false;
    return store.transaction(() => {
      if (!store.blobs.get(digest) || !mayFollow(store, repository, digest)) return false;
      store.repositories.link(repository, digest, clock());
      return true;
    });
  }
}

function isPassing(error: unknown): boolean {
  return error instanceof RegistryFailure && PASSING.has(error.kind);
}
