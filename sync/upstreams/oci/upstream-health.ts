import type { Registry } from '../../../core/oci/image-mirror.js';
import type { Log } from '../../../platform/log.js';
import type { Store } from '../../../store/open.js';
import { isOfRegistry, RegistryFailure, type RegistryFailureKind } from './registry-failure.js';
import { UpstreamProbes, type CallLater } from './upstream-probes.js';

/** So long an upstream that could not be asked is not asked again. Milliseconds. */
const LEFT_ALONE = 10_000;
const UNREACHABLE: ReadonlySet<RegistryFailureKind> = new Set(['connect', 'certificate', 'dns', 'timeout']);
/** After a start nobody knows how it stands by now. Milliseconds. */
const FIRST_LOOK_AFTER_START = 1_000;
const LONGEST_LOOK = 20_000;

interface Trouble {
  readonly since: number;
  /** Address of the registry that has it. */
  readonly url: string;
  readonly lastAt: number;
  readonly error: unknown;
}

export interface HealthParts {
  readonly store: Pick<Store, 'upstreamTroubles'>;
  readonly clock: () => number;
  readonly log: Pick<Log, 'warn'>;
  /** Those that are configured now, by their names. */
  readonly registries: () => ReadonlyMap<string, Registry>;
  /** Asks a registry for something that costs no pull. @throws RegistryFailure; the signal's reason */
  readonly ping: (registry: Registry, signal: AbortSignal) => Promise<void>;
  readonly callLater?: CallLater;
}

/**
 * Which registries cannot be asked, and since when: so that clients get a fast answer instead of a timeout each, and
 * learn how old what they get may be. Runs and clients tell of what they met, and while there is trouble it is looked
 * whether it has ended; it is kept over a restart.
 */
export class UpstreamHealth {
  readonly #troubles = new Map<string, Trouble>();
  readonly #probes: UpstreamProbes;
  #isClosed = false;

  constructor(private readonly parts: HealthParts) {
    this.#probes = new UpstreamProbes({
      look: (registry, signal) => this.#look(registry, signal),
      sinceLastFailure: (registry) => {
        const trouble = this.#troubles.get(registry);
        return trouble ? parts.clock() - trouble.lastAt : null;
      },
      ...(parts.callLater ? { callLater: parts.callLater } : {}),
    });
    for (const [name, since] of parts.store.upstreamTroubles.all()) {
      // long ago, as far as leaving it alone goes: the first who wants something asks again
      const url = parts.registries().get(name)?.url ?? '';
      this.#troubles.set(name, { since, url, lastAt: -Infinity, error: null });
      this.#probes.watch(name, FIRST_LOOK_AFTER_START);
    }
    this.settingsChanged();
  }

  answered(registry: string): void {
    if (!this.#troubles.delete(registry)) return;
    this.#probes.leave(registry);
    this.#record((troubles) => troubles.remove(registry));
  }

  /** What is about one repository or account is left out, and when the registry itself has said it, that is an answer. */
  failed(registry: string, error: unknown): void {
    const { url } = this.parts.registries().get(registry) ?? {};
    if (this.#isClosed || url === undefined || !(error instanceof RegistryFailure)) return;
    if (!isOfRegistry(error)) return error.status === null ? undefined : this.answered(registry);
    const now = this.parts.clock();
    const known = this.#troubles.get(registry);
    this.#troubles.set(registry, { since: known?.since ?? now, url, lastAt: now, error });
    if (known) return;
    this.#probes.watch(registry);
    this.#record((troubles) => troubles.add(registry, now));
  }

  /** Milliseconds since the epoch; null when the last answer was one. */
  troubleSince(registry: string): number | null {
    return this.#troubles.get(registry)?.since ?? null;
  }

  /** Whether it failed a moment ago, so that what is here is given at once. */
  isLeftAlone(registry: string): boolean {
    const trouble = this.#troubles.get(registry);
    return trouble !== undefined && this.parts.clock() - trouble.lastAt < LEFT_ALONE;
  }

  /** @throws the last failure, when it could not be reached a moment ago */
  refuseUnreachable(registry: string): void {
    const error = this.#troubles.get(registry)?.error;
    if (!this.isLeftAlone(registry) || !(error instanceof RegistryFailure)) return;
    if (UNREACHABLE.has(error.kind)) throw error;
  }

  /** What is known of registries that are configured no more, or at another address, is about nobody. */
  settingsChanged(): void {
    const registries = this.parts.registries();
    for (const [name, { url }] of [...this.#troubles]) if (registries.get(name)?.url !== url) this.answered(name);
  }

  /** Nothing is learned any more: what fails from now on fails because the program ends. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#probes.close();
  }

  async #look(name: string, closing: AbortSignal): Promise<void> {
    const registry = this.parts.registries().get(name);
    if (!registry) return;
    try {
      await this.parts.ping(registry, AbortSignal.any([closing, AbortSignal.timeout(LONGEST_LOOK)]));
      this.answered(name);
    } catch (error) {
      this.failed(name, error); // anything else, such as the end of the patience, tells nothing new
    }
  }

  /** A client gets its answer also while the database cannot be written. */
  #record(write: (troubles: Store['upstreamTroubles']) => void): void {
    try {
      write(this.parts.store.upstreamTroubles);
    } catch (error) {
      this.parts.log.warn({ err: error }, 'how a registry stands cannot be recorded');
    }
  }
}
