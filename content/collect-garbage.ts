import { setImmediate as nextTick } from 'node:timers/promises';
import type { Digest } from '../core/oci/digest.js';
import type { KeepLimits } from '../store/garbage.js';
import type { Store } from '../store/open.js';
import type { BlobStore } from './blobs.js';
import { whyOrphaned, whyUnneeded } from './garbage-reasons.js';

export interface CollectOptions {
  readonly store: Store;
  readonly blobs: BlobStore;
  readonly clock: () => number;
  /** `untagged` and `grace` are seconds, `history` former digests of each tag. */
  readonly keep: { readonly untagged: number; readonly history: number; readonly grace: number };
  /** Awaited between two small steps, so that whatever else is to be done gets its turn; the event loop unless told. */
  readonly pause?: () => Promise<void>;
}

/** Something that goes, or that would go when nothing is to be changed. */
export type Candidate = {
  /** Bytes of the disk that become free by this. */
  readonly bytes: number;
  /** In words. */
  readonly why: string;
} & (
  | { readonly kind: 'upload'; readonly id: string; readonly repository: string }
  /** What came of a blob that was never whole. */
  | { readonly kind: 'fetch'; readonly repository: null; readonly digest: Digest }
  | { readonly kind: 'tag'; readonly repository: string; readonly tag: string; readonly digest: Digest }
  /** It leaves the repository. */
  | { readonly kind: 'content'; readonly repository: string; readonly digest: Digest }
  /** Its bytes leave the disk, since no repository has them. */
  | { readonly kind: 'blob'; readonly repository: null; readonly digest: Digest }
);

export interface CollectHow {
  /** Changes nothing. What would leave the disk only after it has left its repositories is counted with the last one. */
  readonly dryRun?: boolean;
  /** Awaited, so that a slow reader is not overrun. */
  readonly onCandidate?: (candidate: Candidate) => void | Promise<void>;
  readonly signal?: AbortSignal;
}

export interface CollectReport {
  /** Repository and digest pairs that were taken apart. */
  readonly left: number;
  /** Blobs removed, or to be removed. */
  readonly removed: number;
  /** Their bytes. */
  readonly bytes: number;
}

/** What was tidied up in all: what was given up, what a rule says, and what nothing needs. */
export interface TidyReport extends CollectReport {
  /** Uploads that were given up. */
  readonly uploads: number;
  /** Unfinished fetches that were. */
  readonly fetches: number;
  /** Tags removed by a rule of `registry.retention`. */
  readonly tags: number;
}

/** Rows that one step looks at, so that a step takes milliseconds. */
const PAGE = 100;

/**
 * Removes what nothing needs, while clients pull and push and the sync goes on: first from each repository, then from
 * the disk what no repository has. Each step asks again inside its own transaction, so that nothing that has become
 * needed meanwhile is touched; there is no lock, and a step that is interrupted leaves nothing half done.
 * @throws the signal's reason
 */
export async function collectGarbage(options: CollectOptions, how: CollectHow = {}): Promise<CollectReport> {
  const collection = new Collection(options, how);
  await collection.trimHistory();
  await collection.leaveRepositories();
  await collection.removeOrphans();
  return collection.report;
}

class Collection {
  readonly report = { left: 0, removed: 0, bytes: 0 };
  readonly #pause: () => Promise<void>;

  constructor(
    private readonly options: CollectOptions,
    private readonly how: CollectHow,
  ) {
    this.#pause = options.pause ?? (() => nextTick());
  }

  async trimHistory(): Promise<void> {
    const { store } = this.options;
    if (this.how.dryRun) return; // what is over the limits does not count as it is
    let after: number | undefined = 0;
    while (after !== undefined) {
      const page = { after, limit: PAGE };
      after = store.transaction((): number | undefined => store.garbage.trimHistory(page, this.#limits()));
      await this.#turn();
    }
  }

  async leaveRepositories(): Promise<void> {
    const { store, clock } = this.options;
    for (let after = ''; ;) {
      const repositories = store.repositories.page(after, PAGE);
      for (const { name } of repositories) {
        // manifests first: what they name goes after them in small steps
        await this.#leave(name, true);
        await this.#leave(name, false);
        if (!this.how.dryRun) store.garbage.removeEmpty(name, this.#limits(clock()).graceBefore);
      }
      const last = repositories.at(-1);
      if (!last) return;
      after = last.name;
      await this.#turn();
    }
  }

  async removeOrphans(): Promise<void> {
    const { store } = this.options;
    for (let after = ''; ;) {
      const { last, orphans } = store.garbage.orphans(after, PAGE);
      for (const orphan of orphans) {
        if (!this.#remove(orphan.digest)) continue;
        this.#count(orphan.size);
        const { digest, size: bytes } = orphan;
        await this.#tell({ kind: 'blob', digest, repository: null, bytes, why: whyOrphaned(orphan) });
        await this.#turn();
      }
      if (last === undefined) return;
      after = last;
      await this.#turn();
    }
  }

  async #leave(repository: string, manifests: boolean): Promise<void> {
    const { store } = this.options;
    for (let after = ''; ;) {
      const rows = store.garbage.content(repository, { manifests, after, limit: PAGE }, this.#limits());
      const suspects = rows.filter(({ isSuspect }) => isSuspect);
      if (suspects.length > 0) {
        const found = this.how.dryRun
          ? suspects.flatMap((row) => this.#wouldLeave(repository, row))
          : store.transaction(() => suspects.flatMap(({ digest }) => this.#takeOut(repository, digest)));
        this.report.left += found.length;
        for (const candidate of found) await this.#tell(candidate);
      }
      const last = rows.at(-1);
      if (!last) return;
      after = last.digest;
      await this.#turn();
    }
  }

  #takeOut(repository: string, digest: Digest): Candidate[] {
    const { store, clock } = this.options;
    const limits = this.#limits();
    // told while it is still there
    const why = store.garbage.isNeeded(repository, digest, limits)
      ? null
      : whyUnneeded(store, clock(), repository, digest);
    if (why === null) return [];
    return store.garbage.takeOut(repository, digest, limits).map((gone) => ({
      ...{ kind: 'content', digest: gone, repository, bytes: 0 },
      why: gone === digest ? why : `in ${repository} it goes with what it names`,
    }));
  }

  #wouldLeave(repository: string, { digest, size }: { digest: Digest; size: number }): Candidate[] {
    const { store, clock } = this.options;
    const limits = this.#limits();
    if (store.garbage.isNeeded(repository, digest, limits)) return [];
    const holders = store.repositories.holders(digest);
    // counted once, with the last one that has it
    const isFreed =
      holders.at(-1) === repository && !holders.some((holder) => store.garbage.isNeeded(holder, digest, limits));
    if (isFreed) this.#count(size);
    const why = whyUnneeded(store, clock(), repository, digest);
    return [{ kind: 'content', digest, repository, bytes: isFreed ? size : 0, why }];
  }

  #remove(digest: Digest): boolean {
    const { store, blobs } = this.options;
    const { graceBefore } = this.#limits();
    if (this.how.dryRun) return store.garbage.mayGo(digest, graceBefore);
    return blobs.remove(digest, () => {
      if (!store.garbage.mayGo(digest, graceBefore)) return false;
      store.garbage.forgetHistory(digest);
      return true;
    });
  }

  #limits(now: number = this.options.clock()): KeepLimits {
    const { untagged, history, grace } = this.options.keep;
    return { graceBefore: now - grace * 1000, untaggedBefore: now - untagged * 1000, history };
  }

  #count(bytes: number): void {
    this.report.removed++;
    this.report.bytes += bytes;
  }

  async #tell(candidate: Candidate): Promise<void> {
    await this.how.onCandidate?.(candidate);
  }

  async #turn(): Promise<void> {
    this.how.signal?.throwIfAborted();
    await this.#pause();
  }
}
