/** Milliseconds between a failure and the first look, and at most between two looks. */
const FIRST_PAUSE = 60_000;
const LONGEST_PAUSE = 15 * 60_000;
/** Somebody else has asked so lately that a look would tell nothing new. */
const JUST_ASKED = FIRST_PAUSE / 2;

/** Calls `work` after so many milliseconds, unless what it returns is called before. */
export type CallLater = (milliseconds: number, work: () => void) => () => void;

export interface ProbeParts {
  /** Asks a registry, and takes in how that ended. Must end with the signal. */
  readonly look: (registry: string, signal: AbortSignal) => Promise<void>;
  /** Milliseconds since it was last asked in vain, by whomever; null while it has no trouble. */
  readonly sinceLastFailure: (registry: string) => number | null;
  /** Real time by default; waiting keeps no program alive. */
  readonly callLater?: CallLater;
}

interface Watch {
  cancel: () => void;
}

/**
 * Looks whether registries that could not be asked can be asked again: one request at a time to each, ever more rarely,
 * and none while others ask, or once they have got an answer.
 */
export class UpstreamProbes {
  readonly #watches = new Map<string, Watch>();
  readonly #looking = new Set<Promise<void>>();
  readonly #closing = new AbortController();

  constructor(private readonly parts: ProbeParts) {}

  /** The first look is after so many milliseconds; nothing changes where it is watched already. */
  watch(registry: string, pause = FIRST_PAUSE): void {
    if (this.#closing.signal.aborted || this.#watches.has(registry)) return;
    const watch: Watch = { cancel: () => undefined };
    this.#watches.set(registry, watch);
    this.#lookAfter(registry, watch, pause);
  }

  leave(registry: string): void {
    this.#watches.get(registry)?.cancel();
    this.#watches.delete(registry);
  }

  /** Ends also what is under way. */
  async close(): Promise<void> {
    this.#closing.abort(new Error('Millpond is being stopped'));
    for (const registry of [...this.#watches.keys()]) this.leave(registry);
    await Promise.all(this.#looking);
  }

  #lookAfter(registry: string, watch: Watch, pause: number): void {
    const { callLater = inRealTime } = this.parts;
    watch.cancel = callLater(pause, () => {
      const looking = this.#look(registry, watch, pause).finally(() => this.#looking.delete(looking));
      this.#looking.add(looking);
    });
  }

  async #look(registry: string, watch: Watch, pause: number): Promise<void> {
    const failedBefore = this.parts.sinceLastFailure(registry);
    const isNews = failedBefore !== null && failedBefore >= JUST_ASKED;
    if (isNews) await this.parts.look(registry, this.#closing.signal);
    if (this.#watches.get(registry) !== watch) return; // it has answered, or nobody wants to know any more
    this.#lookAfter(registry, watch, isNews ? Math.min(Math.max(pause * 2, FIRST_PAUSE), LONGEST_PAUSE) : pause);
  }
}

function inRealTime(milliseconds: number, work: () => void): () => void {
  const timer = setTimeout(work, milliseconds).unref();
  return () => clearTimeout(timer);
}
