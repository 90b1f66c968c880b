import type { RepositoryOrigin } from '../../core/oci/repository.js';
import type { Store } from '../../store/open.js';
import type { Pull } from './registry-deps.js';

/** Entries that are held between two flushes. */
const MOST_ENTRIES = 10_000;
const FLUSH_EVERY_MS = 10_000;

interface TagPulls {
  readonly repository: string;
  readonly tag: string;
  pulls: number;
}

/** Manifests that clients have got since the program started, by a tag and by digest alone. */
export type PullTotals = Readonly<Record<RepositoryOrigin, Readonly<Record<'tag' | 'digest', number>>>>;

export interface PullCounterOptions {
  readonly store: Store;
  /** Milliseconds since the epoch, UTC. */
  readonly clock: () => number;
  readonly log: { error(context: object, message: string): void };
  /** Entries after which it flushes early. */
  readonly most?: number;
}

/** Pulls since the last flush, counted in memory: a pull costs no write of its own. What a crash loses is seconds of counts. */
export class PullCounter {
  readonly #tags = new Map<string, TagPulls>();
  readonly #content = new Map<string, { repository: string; digest: string; at: number }>();
  readonly #totals = { mirrored: nothing(), cached: nothing(), hosted: nothing() };
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly options: PullCounterOptions) {}

  /** Flushes every 10 seconds from now on. */
  start(): void {
    this.#timer ??= setInterval(() => this.flush(), FLUSH_EVERY_MS).unref();
  }

  /** Writes down what is left; the store must still be open. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.flush();
  }

  get totals(): PullTotals {
    return this.#totals;
  }

  count({ kind, repository, tag, digest }: Pull): void {
    const { clock, store } = this.options;
    const at = clock();
    const origin = kind === 'manifest' ? store.repositories.get(repository)?.origin : undefined;
    if (origin !== undefined) this.#totals[origin][tag === null ? 'digest' : 'tag']++;
    this.#content.set(`${repository} ${digest}`, { repository, digest, at });
    if (tag !== null) {
      const key = `${repository} ${tag}`;
      const known = this.#tags.get(key) ?? { repository, tag, pulls: 0 };
      known.pulls++;
      this.#tags.set(key, known);
    }
    if (this.#tags.size + this.#content.size >= (this.options.most ?? MOST_ENTRIES)) this.flush();
  }

  /** One transaction for all. Counts are given up rather than kept for ever when they cannot be written. */
  flush(): void {
    if (this.#content.size === 0) return;
    const [tags, content] = [[...this.#tags.values()], [...this.#content.values()]];
    this.#tags.clear();
    this.#content.clear();
    const { store, clock, log } = this.options;
    try {
      store.transaction(() => {
        for (const { repository, tag, pulls } of tags) store.tags.addPulls(repository, tag, { pulls, at: clock() });
        for (const { repository, digest, at } of content) store.repositories.setPulled(repository, digest, at);
      });
    } catch (error) {
      log.error({ err: error }, 'pulls of images could not be written down');
    }
  }
}

function nothing(): { tag: number; digest: number } {
  return { tag: 0, digest: 0 };
}
