import { setTimeout as delay } from 'node:timers/promises';
import { access, rm } from 'node:fs/promises';
import { messageOf, systemCode } from '../core/errors.js';
import type { Digest } from '../core/oci/digest.js';
import type { BadBlob } from '../store/bad-blobs.js';
import type { BlobRecord } from '../store/blobs.js';
import type { Store } from '../store/open.js';
import { hashFile, type BlobStore } from './blobs.js';
import type { Layout } from './layout.js';

/** What reading for the scrub may cost. */
export interface ScrubBudget {
  /** Bytes a second. */
  readonly rate: number;
  /** Share of the time (0 to 1) that may go into it. */
  readonly share: number;
}

/** Serving and syncing come first: about 2 TB a day at most, on a disk that has nothing else to do. */
export const SCRUB_BUDGET: ScrubBudget = { rate: 25_000_000, share: 0.25 };
/** Every blob is hashed once in so many days. */
const CHECK_EVERY_MS = 30 * 24 * 3_600_000;
/** What could not be fetched again is asked for once an hour. */
const TRY_AGAIN_MS = 3_600_000;
const PAGE = 50;

export interface ScrubOptions {
  readonly store: Store;
  readonly layout: Layout;
  readonly blobs: BlobStore;
  readonly clock: () => number;
  readonly log: { warn(details: object, message: string): void; info(details: object, message: string): void };
  /**
   * Fetches a blob from upstream for one of the repositories and stores it; false when nobody has it. May throw, and ends
   * with the signal.
   */
  readonly refetch: (digest: Digest, repositories: readonly string[], signal?: AbortSignal) => Promise<boolean>;
  readonly budget?: ScrubBudget;
  readonly wait?: (ms: number, signal?: AbortSignal) => Promise<void>;
}

export interface ScrubHow {
  /** Every blob now, and all that are set aside; else what is due. */
  readonly all?: boolean;
  readonly signal?: AbortSignal;
  /** Awaited, so that a slow reader is not overrun. */
  readonly onFound?: (finding: ScrubFinding) => void | Promise<void>;
}

export interface ScrubFinding {
  readonly digest: Digest;
  /** What was found, in words. */
  readonly reason: string;
  readonly repositories: readonly string[];
  /** Whether its bytes are right again by now. */
  readonly repaired: boolean;
}

export interface ScrubReport {
  /** Blobs and bytes that were hashed. */
  readonly checked: number;
  readonly bytes: number;
  /** Blobs that were found to be wrong or gone. */
  readonly found: number;
  /** Blobs that were set aside, now or before, and are right again. */
  readonly repaired: number;
}

/**
 * Hashes what was not hashed for longest, sets aside what is wrong and has it fetched again. Whatever was set aside
 * keeps its record and all that refers to it, is not served, and is asked for again at each scrub.
 * @throws the signal's reason
 */
export async function scrubBlobs(options: ScrubOptions, how: ScrubHow = {}): Promise<ScrubReport> {
  const scrub = new Scrub(options, how);
  await scrub.repairKnown();
  await scrub.checkDue();
  return scrub.report;
}

class Scrub {
  readonly report = { checked: 0, bytes: 0, found: 0, repaired: 0 };
  readonly #pace: (bytes: number) => Promise<void>;

  constructor(
    private readonly options: ScrubOptions,
    private readonly how: ScrubHow,
  ) {
    const { budget = SCRUB_BUDGET, clock, wait = (ms, signal) => delay(ms, undefined, { signal }) } = options;
    this.#pace = paced(budget, clock, (ms) => wait(ms, how.signal));
  }

  async repairKnown(): Promise<void> {
    const { store, clock } = this.options;
    const before = this.how.all ? clock() : clock() - TRY_AGAIN_MS;
    for (;;) {
      const due = store.badBlobs.due(before, PAGE);
      if (due.length === 0) return;
      for (const bad of due) {
        this.how.signal?.throwIfAborted();
        await this.#tell(bad.digest, bad.reason, await this.#repair(bad));
      }
    }
  }

  async checkDue(): Promise<void> {
    const { store, clock } = this.options;
    const before = this.how.all ? clock() : clock() - CHECK_EVERY_MS;
    for (;;) {
      const due = store.blobs.leastRecentlyChecked(before, PAGE);
      let settled = 0;
      for (const record of due) {
        this.how.signal?.throwIfAborted();
        if (await this.#check(record)) settled++;
      }
      if (settled === 0) return; // none is due, or all are being stored anew this very moment
    }
  }

  async #check(record: BlobRecord): Promise<boolean> {
    const { store, blobs, clock, log } = this.options;
    const { digest, size } = record;
    const reason = await this.#fault(digest, size);
    this.report.checked++;
    if (reason === null) {
      this.report.bytes += size;
      store.blobs.setChecked(digest, clock());
      return true;
    }
    if (!blobs.setAside(record, reason)) return false;
    this.report.found++;
    const repositories = store.repositories.holders(digest);
    log.warn({ digest, repositories }, `a blob was set aside: ${reason}`);
    const bad = store.badBlobs.get(digest);
    if (bad) await this.#tell(digest, reason, await this.#repair(bad));
    return true;
  }

  /** What is wrong with the file of a blob, in words; null when nothing is. */
  async #fault(digest: Digest, expected: number): Promise<string | null> {
    const { signal } = this.how;
    try {
      const { hash, size } = await hashFile(this.options.layout.blob(digest), digest, signal, this.#pace);
      if (size !== expected) return `its file has ${size} bytes instead of ${expected}`;
      return hash === digest ? null : `its bytes are ${hash}`;
    } catch (error) {
      signal?.throwIfAborted();
      if (systemCode(error) === 'ENOENT') return 'its file is missing';
      if (systemCode(error) === 'EIO') return 'its file cannot be read: the disk reports an error';
      throw error;
    }
  }

  async #repair({ digest, size, reason }: BadBlob): Promise<boolean> {
    const { store, layout, clock, log } = this.options;
    store.badBlobs.setTried(digest, clock());
    const repositories = store.repositories.holders(digest);
    const isRight = (await this.#isBack(digest, size)) || (await this.#refetched(digest, repositories));
    if (!isRight) return false;
    await rm(layout.aside(digest), { force: true });
    this.report.repaired++;
    log.info({ digest, repositories }, `a blob that was set aside is right again (${reason})`);
    return true;
  }

  /** A file that is in its place all the same: it was stored anew, and the program ended before that was recorded. */
  async #isBack(digest: Digest, size: number): Promise<boolean> {
    const { store, layout, clock } = this.options;
    const isThere = await access(layout.blob(digest)).then(
      () => true,
      () => false,
    );
    if (!isThere || (await this.#fault(digest, size)) !== null) return store.blobs.get(digest) !== undefined;
    store.transaction(() => {
      store.badBlobs.remove(digest);
      store.blobs.setChecked(digest, clock());
    });
    return true;
  }

  async #refetched(digest: Digest, repositories: readonly string[]): Promise<boolean> {
    const { store, refetch, log } = this.options;
    if (repositories.length === 0) return false;
    try {
      return (await refetch(digest, repositories, this.how.signal)) && store.blobs.get(digest) !== undefined;
    } catch (error) {
      this.how.signal?.throwIfAborted();
      log.warn({ digest, repositories }, `a blob that was set aside cannot be fetched: ${messageOf(error)}`);
      return false;
    }
  }

  async #tell(digest: Digest, reason: string, repaired: boolean): Promise<void> {
    const repositories = this.options.store.repositories.holders(digest);
    await this.how.onFound?.({ digest, reason, repositories, repaired });
  }
}

/** Waits after each read so long that neither the rate nor the share of time is exceeded on average. */
function paced(
  { rate, share }: ScrubBudget,
  clock: () => number,
  wait: (ms: number) => Promise<void>,
): (bytes: number) => Promise<void> {
  let before = clock();
  let owed = 0;
  return async (bytes) => {
    const worked = Math.min(Math.max(0, clock() - before), MOST_WORK_MS);
    owed += Math.max((bytes / rate) * 1000 - worked, worked * (1 / share - 1));
    if (owed >= LEAST_WAIT_MS) {
      await wait(owed);
      owed = 0;
    }
    before = clock();
  };
}

/** A timer is not worth less; and a machine that slept does not count as work. */
const LEAST_WAIT_MS = 20;
const MOST_WORK_MS = 1_000;
