import type { Registry } from '../../../core/oci/image-mirror.js';
import type { BudgetState } from '../../../core/oci/rate-limit.js';
import type { Store } from '../../../store/open.js';
import type { ImageSource } from './image-source.js';
import { RegistryBudget, type BudgetMemory } from './registry-budget.js';
import { RegistryClient } from './registry-client.js';
import { RegistryCredentials } from './registry-credentials.js';

interface Entry {
  readonly source: ImageSource;
  readonly client: RegistryClient;
  readonly budget: RegistryBudget;
}

export interface RegistryClientsOptions {
  readonly store: Store;
  readonly clock: () => number;
  readonly userAgent?: string;
}

/**
 * One client a registry, made when it is first needed, and another one when its settings have changed: a run that began
 * before goes on with its own, beside clients and runs that begin afterwards.
 */
export class RegistryClients {
  /** By the settings that they were made for. */
  readonly #entries = new Map<string, Entry>();
  /** By registry and account, whatever the settings are. */
  readonly #memories = new Map<string, BudgetMemory>();

  constructor(private readonly options: RegistryClientsOptions) {}

  sourceOf(registry: Registry): ImageSource {
    return this.#entryOf(registry).source;
  }

  /** How the limits of a registry stand now. */
  budgetOf(registry: Registry): BudgetState {
    return this.#entryOf(registry).budget.state(this.options.clock());
  }

  async close(): Promise<void> {
    await Promise.all([...this.#entries.values()].map(({ client }) => client.close()));
  }

  #entryOf(registry: Registry): Entry {
    const { name, url, credentials, budget, privateAddresses } = registry;
    const key = JSON.stringify([name, url, credentials, budget, privateAddresses]);
    const entry = this.#entries.get(key) ?? this.#make(registry);
    this.#entries.set(key, entry);
    return entry;
  }

  #make(registry: Registry): Entry {
    const { clock, userAgent } = this.options;
    const memory = this.#memoryOf(registry.name, accountOf(registry));
    const budget = new RegistryBudget({ registry: registry.name, budget: registry.budget, clock, memory });
    const client = new RegistryClient({ registry, budget, clock, ...(userAgent ? { userAgent } : {}) });
    return { budget, client, source: { name: registry.name, client } };
  }

  /** What one client learns of the limits, those of other settings know. */
  #memoryOf(registry: string, account: string): BudgetMemory {
    const { registryLimits } = this.options.store;
    const key = JSON.stringify([registry, account]);
    const known = this.#memories.get(key);
    if (known) return known;
    let text = registryLimits.get(registry, account);
    const memory: BudgetMemory = {
      load: () => text,
      save: (next) => {
        text = next;
        registryLimits.set(registry, account, next);
      },
    };
    this.#memories.set(key, memory);
    return memory;
  }
}

/** Credentials that cannot be read fail the requests that need them, and nothing else. */
function accountOf(registry: Registry): string {
  try {
    return new RegistryCredentials(registry).account();
  } catch {
    return '';
  }
}
