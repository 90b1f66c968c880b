import { LRUCache } from 'lru-cache';
import type { Digest } from '../../../core/oci/digest.js';

const MOST_KEPT = 100_000;

/** When upstream was last asked what is about a manifest; since the program started. Milliseconds since the epoch. */
export class ReferrerMemory {
  readonly #askedAt = new LRUCache<string, number>({ max: MOST_KEPT });

  constructor(private readonly clock: () => number) {}

  /** Whether it was not asked within so many milliseconds. */
  isDue(repository: string, digest: Digest, within: number): boolean {
    const askedAt = this.#askedAt.get(`${repository}@${digest}`);
    return askedAt === undefined || Math.abs(this.clock() - askedAt) >= within;
  }

  asked(repository: string, digest: Digest): void {
    this.#askedAt.set(`${repository}@${digest}`, this.clock());
  }
}
