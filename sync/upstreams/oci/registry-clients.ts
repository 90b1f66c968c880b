import type { Registry } from '../../../core/oci/image-mirror.js';
import type { BudgetState } from '../../../core/oci/rate-limit.js';
import type { Store } from '../../../store/open.js';
import type { ImageSource } from './image-source.js';
import { RegistryBudget } from './registry-budget.js';
import { RegistryClient } from './registry-client.js';
import { RegistryCredentials } from './registry-credentials.js';

interface Entry {
  /** What the client was made for. */
  readonly made: string;
  readonly source: ImageSource;
  readonly client: RegistryClient;
  readonly budget: RegistryBudget;
}

export interface RegistryClientsOptions {
  readonly store: Store;
  readonly clock: () => number;
  readonly userAgent?: string;
}

/** One client a registry, made when it is first needed and anew when its settings have changed. */
export class RegistryClients {
  readonly #entries = new Map<string, Entry>();
  /** Those whose settings have changed: what they are doing goes on. */
  readonly #retired = new Set<RegistryClient>();

  constructor(private readonly options: RegistryClientsOptions) {}

  sourceOf(registry: Registry): ImageSource {
    return this.#entryOf(registry).source;
  }

  /** How the limits of a registry stand now. */
  budgetOf(registry: Registry): BudgetState {
    return this.#entryOf(registry).budget.state(this.options.clock());
  }

  async close(): Promise<void> {
    const clients = [...this.#retired, ...[...this.#entries.values()].map(({ client }) => client)];
    await Promise.all(clients.map((client) => client.close()));
  }

  #entryOf(registry: Registry): Entry {
    const made = JSON.stringify([registry.url, registry.credentials, registry.budget, registry.privateAddresses]);
    const known = this.#entries.get(registry.name);
    if (known?.made === made) return known;
    if (known) this.#retired.add(known.client);
    const entry = this.#make(registry, made);
    this.#entries.set(registry.name, entry);
    return entry;
  }

  #make(registry: Registry, made: string): Entry {
    const { store, clock, userAgent } = this.options;
    const account = accountOf(registry);
    const memory = {
      load: () => store.registryLimits.get(registry.name, account),
      save: (text: string) => store.registryLimits.set(registry.name, account, text),
    };
    const budget = new RegistryBudget({ registry: registry.name, budget: registry.budget, clock, memory });
    const client = new RegistryClient({ registry, budget, clock, ...(userAgent ? { userAgent } : {}) });
    return { made, budget, client, source: { name: registry.name, client } };
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
