import type { Log } from '../../../platform/log.js';
import type { Store } from '../../../store/open.js';
import { RegistryFailure, type RegistryFailureKind } from './registry-failure.js';

/** So long an upstream that could not be asked is not asked again. Milliseconds. */
const LEFT_ALONE = 10_000;
const UNREACHABLE: ReadonlySet<RegistryFailureKind> = new Set(['connect', 'dns', 'timeout']);

interface Trouble {
  readonly since: number;
  readonly lastAt: number;
  readonly error: unknown;
}

interface HealthParts {
  readonly store: Pick<Store, 'upstreamTroubles'>;
  readonly clock: () => number;
  readonly log: Pick<Log, 'warn'>;
}

/**
 * Which upstreams cannot be asked, and since when: so that clients get a fast answer instead of a timeout each, and
 * learn how old what they get may be. Runs and clients tell of what they met; it is kept over a restart.
 */
export class UpstreamHealth {
  readonly #troubles: Map<string, Trouble>;

  constructor(private readonly parts: HealthParts) {
    const known = [...parts.store.upstreamTroubles.all()];
    // long ago, as far as leaving it alone goes: the first who wants something asks again
    this.#troubles = new Map(known.map(([registry, since]) => [registry, { since, lastAt: -Infinity, error: null }]));
  }

  answered(registry: string): void {
    if (!this.#troubles.delete(registry)) return;
    this.#record((troubles) => troubles.remove(registry));
  }

  /** Failures that say nothing of the registry as a whole, such as a tag that is not there, are left out. */
  failed(registry: string, error: unknown): void {
    if (!isTrouble(error)) return;
    const now = this.parts.clock();
    const known = this.#troubles.get(registry);
    this.#troubles.set(registry, { since: known?.since ?? now, lastAt: now, error });
    if (!known) this.#record((troubles) => troubles.add(registry, now));
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

  /** A client gets its answer also while the database cannot be written. */
  #record(write: (troubles: Store['upstreamTroubles']) => void): void {
    try {
      write(this.parts.store.upstreamTroubles);
    } catch (error) {
      this.parts.log.warn({ err: error }, 'how a registry stands cannot be recorded');
    }
  }
}

/** What it would also say to the next question, whatever that is about. */
function isTrouble(error: unknown): boolean {
  return error instanceof RegistryFailure && !['not-found', 'denied', 'unauthorized'].includes(error.kind);
}
