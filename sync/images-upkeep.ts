import { setTimeout as delay } from 'node:timers/promises';
import type { Settings } from '../config/settings.js';
import type { BlobStore } from '../content/blobs.js';
import { collectGarbage, type CollectHow, type TidyReport } from '../content/collect-garbage.js';
import { evictCached } from '../content/evict-cached.js';
import type { Layout } from '../content/layout.js';
import { removeStaleFetches } from '../content/reconcile-blobs.js';
import { retireTags } from '../content/retire-tags.js';
import { SCRUB_BUDGET, scrubBlobs, type ScrubHow, type ScrubOptions, type ScrubReport } from '../content/scrub.js';
import type { Uploads } from '../content/uploads.js';
import { MillpondError } from '../core/errors.js';
import { formatBytes } from '../core/units.js';
import type { Log } from '../platform/log.js';
import type { Store } from '../store/open.js';

export interface ImagesUpkeepOptions {
  readonly store: Store;
  readonly layout: Layout;
  readonly blobs: BlobStore;
  readonly uploads: Pick<Uploads, 'removeAbandoned'>;
  readonly settings: () => Pick<Settings, 'registry' | 'registries' | 'images'>;
  /** Fetches a blob from upstream for one of the repositories and stores it; false when nobody has it. */
  readonly refetch: ScrubOptions['refetch'];
  readonly log: Log;
  readonly clock: () => number;
  /** Rejects when the signal says so. */
  readonly wait?: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  /** Between what the scrub reads; that of the scrub unless given. */
  readonly scrubWait?: ScrubOptions['wait'];
}

/** A program that has just started has better things to do. */
const FIRST_AFTER_MS = 60_000;
const TIDY_EVERY_MS = 10 * 60_000;
const SCRUB_EVERY_MS = 3_600_000;
/** What came of a fetch that nobody took up again for so long is of no use. */
const STALE_FETCH_MS = 7 * 24 * 3_600_000;

/**
 * Keeps the store of images in order while the program runs, in two loops that do not wait for each other: one removes
 * what nothing needs, the other looks for bytes that have gone bad.
 */
export class ImagesUpkeep {
  readonly #stop = new AbortController();
  readonly #wait: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  readonly #jobs = new Set<Promise<unknown>>();
  #loops: Promise<void>[] = [];

  constructor(private readonly options: ImagesUpkeepOptions) {
    this.#wait = options.wait ?? (async (milliseconds, signal) => delay(milliseconds, undefined, { signal }));
  }

  start(): void {
    if (this.#loops.length > 0) return;
    this.#loops = [
      this.#repeat('tidying up images', TIDY_EVERY_MS, () => this.tidy()),
      this.#repeat('the scrub of images', SCRUB_EVERY_MS, async () => void (await this.scrub())),
    ];
  }

  /** Resolves when nothing of it works any more, whoever asked for it; what it was at is taken up at the next start. */
  async stop(): Promise<void> {
    this.#stop.abort(new MillpondError('unavailable', 'Millpond is being stopped'));
    await Promise.all(this.#loops);
    await Promise.allSettled(this.#jobs);
  }

  /** What is over the limit of each registry, and all that `collect` removes. */
  async tidy(): Promise<void> {
    const { settings, log } = this.options;
    for (const { name, onDemand } of settings().registries.values()) {
      if (!onDemand) continue;
      const { before, after, images, blobs } = await evictCached(
        this.options,
        { registry: name, keep: onDemand.keep, pin: onDemand.pin },
        this.#stop.signal,
      );
      const text = `images of ${name} made room: ${formatBytes(before)} are ${formatBytes(after)} now`;
      if (images + blobs > 0) log.info({ registry: name, images, blobs }, text);
    }
    await this.collect();
  }

  /**
   * Uploads and fetches that were given up, tags that a rule of `registry.retention` lets go, and what nothing needs; what
   * was removed is logged.
   * @throws the signal's reason, also when the program is being stopped
   */
  collect(how: CollectHow = {}): Promise<TidyReport> {
    return this.#job(how, (signal) => this.#collect({ ...how, signal }));
  }

  async #collect(how: CollectHow): Promise<TidyReport> {
    const { uploads, clock, log } = this.options;
    const settings = this.options.settings();
    const { keep } = settings.registry;
    const isLogged = !how.dryRun;
    const abandoned = await uploads.removeAbandoned(clock() - keep.grace * 1000, how);
    if (isLogged && abandoned > 0) log.info({ uploads: abandoned }, 'uploads that were given up were removed');
    const fetches = await removeStaleFetches(this.options, STALE_FETCH_MS, how);
    if (isLogged && fetches > 0) log.info({ fetches }, 'fetches that were given up were removed');
    const tags = await retireTags({ ...this.options, settings }, isLogged ? this.#loggingTags(how) : how);
    const { left, removed, bytes } = await collectGarbage({ ...this.options, keep }, how);
    if (isLogged && left + removed > 0)
      log.info({ left, removed, bytes }, `garbage collection set ${formatBytes(bytes)} free`);
    return { uploads: abandoned, fetches, tags, left, removed, bytes };
  }

  /** A line for each tag: whoever misses one finds out why it is gone. */
  #loggingTags(how: CollectHow): CollectHow {
    const { log } = this.options;
    return {
      ...how,
      onCandidate: (candidate) => {
        const { repository, why } = candidate;
        if (candidate.kind === 'tag') log.info({ repository, tag: candidate.tag, why }, 'a tag was removed by a rule');
        return how.onCandidate?.(candidate);
      },
    };
  }

  /** @throws the signal's reason, also when the program is being stopped */
  scrub(how: ScrubHow = {}): Promise<ScrubReport> {
    const { store, layout, blobs, clock, log, refetch, scrubWait: wait } = this.options;
    const budget = { ...SCRUB_BUDGET, rate: this.options.settings().registry.scrub.rate };
    const parts = { ...{ store, layout, blobs, clock, log, refetch, budget }, ...(wait ? { wait } : {}) };
    return this.#job(how, (signal) => scrubBlobs(parts, { ...how, signal }));
  }

  async #job<T>({ signal }: { signal?: AbortSignal }, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const stop = this.#stop.signal;
    stop.throwIfAborted();
    const working = work(signal ? AbortSignal.any([signal, stop]) : stop);
    this.#jobs.add(working);
    try {
      return await working;
    } finally {
      this.#jobs.delete(working);
    }
  }

  async #repeat(name: string, every: number, work: () => Promise<void>): Promise<void> {
    const { signal } = this.#stop;
    const isStopped = (): boolean => signal.aborted;
    for (let pause = FIRST_AFTER_MS; !isStopped(); pause = every) {
      await this.#wait(pause, signal).catch(() => undefined);
      if (isStopped()) return;
      await work().catch((error: unknown) => {
        if (!isStopped()) this.options.log.error({ err: error }, `${name} failed, and is tried again later`);
      });
    }
  }
}
