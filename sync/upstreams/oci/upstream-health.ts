import { RegistryFailure, type RegistryFailureKind } from './registry-failure.js';

/** So long an upstream that could not be asked is not asked again. Milliseconds. */
const LEFT_ALONE = 10_000;
const UNREACHABLE: ReadonlySet<RegistryFailureKind> = new Set(['connect', 'dns', 'timeout']);

interface Trouble {
  readonly since: number;
  readonly lastAt: number;
  readonly error: unknown;
}

/** Which upstreams cannot be asked, and since when: so that clients get a fast answer instead of a timeout each. */
export class UpstreamHealth {
  readonly #troubles = new Map<string, Trouble>();

  constructor(private readonly clock: () => number) {}

  answered(registry: string): void {
    this.#troubles.delete(registry);
  }

  failed(registry: string, error: unknown): void {
    const now = this.clock();
    this.#troubles.set(registry, { since: this.#troubles.get(registry)?.since ?? now, lastAt: now, error });
  }

  /** Milliseconds since the epoch; null when the last answer was one. */
  troubleSince(registry: string): number | null {
    return this.#troubles.get(registry)?.since ?? null;
  }

  /** Whether it failed a moment ago, so that what is here is given at once. */
  isLeftAlone(registry: string): boolean {
    const trouble = this.#troubles.get(registry);
    return trouble !== undefined && this.clock() - trouble.lastAt < LEFT_ALONE;
  }

  /** @throws the last failure, when it could not be reached a moment ago */
  refuseUnreachable(registry: string): void {
    const error = this.#troubles.get(registry)?.error;
    if (!this.isLeftAlone(registry) || !(error instanceof RegistryFailure)) return;
    if (UNREACHABLE.has(error.kind)) throw error;
  }
}
