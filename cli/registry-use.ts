import { followedUpstream } from '../config/followed-upstream.js';
import type { Settings } from '../config/settings.js';
import type { ImageStatistics, RegistryStatistics } from '../core/oci/image-statistics.js';
import type { OnDemandImages } from '../core/oci/on-demand.js';
import type { BudgetState } from '../core/oci/rate-limit.js';
import type { Pull } from '../server/oci/registry-deps.js';
import type { Store } from '../store/open.js';

type Use = Pick<RegistryStatistics, 'bytesFromUpstream' | 'bytesServed' | 'misses'> & { asked: number };
type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

export interface RegistryUseOptions {
  readonly settings: () => Settings;
  readonly store: Store;
  readonly budgets: () => Map<string, BudgetState>;
  /** Milliseconds since the epoch; null when the registry last answered. Default: none has trouble. */
  readonly troubleSince?: (registry: string) => number | null;
}

/** Counts, since the program started, what clients asked for of each upstream registry and what had to be fetched. */
export class RegistryUse implements ImageStatistics {
  readonly #uses = new Map<string, Mutable<Use>>();

  constructor(private readonly options: RegistryUseOptions) {}

  received(registry: string, bytes: number): void {
    this.#of(registry).bytesFromUpstream += bytes;
  }

  pulled({ repository, bytes }: Pull): void {
    const use = this.#of(this.#registryOf(repository));
    use.asked++;
    use.bytesServed += bytes;
  }

  /** The same port, with what had to be fetched counted. */
  watched(onDemand: OnDemandImages): OnDemandImages {
    return {
      allows: (repository, zone) => onDemand.allows(repository, zone),
      bringManifest: async (repository, reference) => {
        const before = this.#digestAt(repository, reference);
        const freshness = await onDemand.bringManifest(repository, reference);
        if (this.#digestAt(repository, reference) !== before) this.#of(this.#registryOf(repository)).misses++;
        return freshness;
      },
      staleSince: (repository) => onDemand.staleSince(repository),
      bringReferrers: (repository, digest) => onDemand.bringReferrers(repository, digest),
      openBlob: async (repository, digest) => {
        const blob = await onDemand.openBlob(repository, digest);
        if (blob) this.#of(this.#registryOf(repository)).misses++;
        return blob;
      },
    };
  }

  registries(): RegistryStatistics[] {
    const budgets = this.options.budgets();
    return [...this.options.settings().registries.keys()].map((name) => {
      const { asked, ...use } = this.#of(name);
      const {
        remaining = null,
        limit = null,
        window = null,
        resetsAt = null,
        blockedUntil = null,
      } = budgets.get(name) ?? {};
      return {
        name,
        ...{
          remaining,
          limit,
          window,
          resetsAt,
          blockedUntil,
          troubleSince: this.options.troubleSince?.(name) ?? null,
        },
        ...use,
        hits: Math.max(0, asked - use.misses),
      };
    });
  }

  /** Bounded by the configuration: whatever is not of one of its registries counts as one. */
  #of(registry: string): Mutable<Use> {
    const name = this.options.settings().registries.has(registry) ? registry : '';
    const known = this.#uses.get(name);
    if (known) return known;
    const fresh = { asked: 0, misses: 0, bytesFromUpstream: 0, bytesServed: 0 };
    this.#uses.set(name, fresh);
    return fresh;
  }

  #registryOf(repository: string): string {
    return followedUpstream(this.options.settings(), repository)?.registry.name ?? '';
  }

  #digestAt(repository: string, reference: string): string | undefined {
    const { store } = this.options;
    if (reference.includes(':')) return store.repositories.holds(repository, reference) ? reference : undefined;
    return store.tags.get(repository, reference)?.digest;
  }
}
