import type { TopEntries } from '../../core/traffic.js';

/**
 * The most frequent of any number of items, in bounded memory (Misra and Gries; the purge by a quantile is that of
 * Anderson et al., "A High-Performance Algorithm for Identifying Frequent Items in Data Streams", 2017). What is told of
 * an item is never more than its true weight, and less by `missing` at most.
 */
export class TopList {
  readonly #weights = new Map<string, number>();
  #missing = 0;

  /** `size`: items that survive a purge; up to twice as many are held. */
  constructor(private readonly size: number) {}

  add(item: string, weight: number): void {
    this.#weights.set(item, (this.#weights.get(item) ?? 0) + weight);
    if (this.#weights.size > 2 * this.size) this.#purge();
  }

  /** Adds what another list has found: the bounds of both add up. */
  absorb({ entries, unlisted }: TopEntries): void {
    this.#missing += unlisted;
    for (const [item, weight] of entries) this.add(item, weight);
  }

  /** The first `most`, greatest first. */
  top(most: number): TopEntries {
    const sorted = [...this.#weights].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
    const left = sorted[most]?.[1] ?? 0;
    return { entries: sorted.slice(0, most), missing: this.#missing, unlisted: this.#missing + left };
  }

  get isEmpty(): boolean {
    return this.#weights.size === 0;
  }

  /** Takes the weight of the first item that has no room from all, so that those with less fall out. */
  #purge(): void {
    const weights = Float64Array.from(this.#weights.values()).sort();
    const cut = weights[weights.length - 1 - this.size] ?? 0;
    this.#missing += cut;
    for (const [item, weight] of this.#weights) {
      if (weight <= cut) this.#weights.delete(item);
      else this.#weights.set(item, weight - cut);
    }
  }
}
