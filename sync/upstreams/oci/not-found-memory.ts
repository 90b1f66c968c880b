import { LRUCache } from 'lru-cache';
import { RegistryFailure } from './registry-failure.js';

/** So long upstream is not asked again for a digest that it does not have. Milliseconds. */
const KEPT_MS = 30_000;
const MOST_KEPT = 10_000;

/** What upstream said that it does not have: clients that ask for it again and again cost nothing. */
export class NotFoundMemory {
  readonly #known = new LRUCache<string, { failure: RegistryFailure; at: number }>({ max: MOST_KEPT });

  constructor(private readonly clock: () => number) {}

  /** What `work` gives. @throws what it throws, and the last not-found of the same key without asking */
  async around<T>(key: string, work: () => Promise<T>): Promise<T> {
    const known = this.#known.get(key);
    if (known && this.clock() - known.at < KEPT_MS) throw known.failure;
    try {
      return await work();
    } catch (error) {
      if (error instanceof RegistryFailure && error.kind === 'not-found')
        this.#known.set(key, { failure: error, at: this.clock() });
      throw error;
    }
  }

  clear(): void {
    this.#known.clear();
  }
}
