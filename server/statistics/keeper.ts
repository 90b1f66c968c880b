import { spanStart, TOP_KINDS, type DayTop } from '../../core/traffic.js';
import type { Store } from '../../store/open.js';
import { emptyLists, type TopLists } from './recent-tops.js';
import type { Statistics } from './statistics.js';

const WRITE_EVERY_MS = 10_000;
/** Of each kind of most frequent things, so many are written down. */
const WRITTEN_TOP = 100;

export interface KeeperOptions {
  readonly statistics: Statistics;
  readonly store: Pick<Store, 'traffic' | 'transaction'>;
  /** Milliseconds since the epoch, UTC. */
  readonly clock: () => number;
  readonly log: { error(context: object, message: string): void; info(context: object, message: string): void };
}

/** Writes down what is counted, every 10 seconds and in the end: a crash loses what was counted since. */
export class StatisticsKeeper {
  /** Whole lists of the days that are counted now. */
  readonly #days = new Map<number, TopLists>();
  #timer: NodeJS.Timeout | undefined;
  #forgottenIn = 0;
  #isFailing = false;

  constructor(private readonly options: KeeperOptions) {}

  start(): void {
    this.#timer ??= setInterval(() => this.write(), WRITE_EVERY_MS).unref();
  }

  /** Writes down what is left; the store must still be open. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.write();
  }

  /** In one transaction. What cannot be written now is written with what comes next; that it cannot is told once. */
  write(): void {
    const { statistics, store, clock, log } = this.options;
    const { hours, tops } = statistics.drain();
    const now = clock();
    const hour = spanStart('hour', now);
    if (hours.length + tops.length === 0 && hour === this.#forgottenIn) return;
    try {
      const lists = this.#addTops(tops);
      store.transaction(() => {
        store.traffic.add({ hours, tops: lists });
        if (hour !== this.#forgottenIn) store.traffic.forget(now);
      });
      this.#forgottenIn = hour;
      if (this.#isFailing) log.info({}, 'statistics are written down again; nothing was lost');
      this.#isFailing = false;
    } catch (error) {
      statistics.putBack(hours);
      if (!this.#isFailing) log.error({ err: error }, 'statistics cannot be written down: they are kept in memory');
      this.#isFailing = true;
    }
    for (const day of this.#days.keys()) if (day !== spanStart('day', now) && !this.#isFailing) this.#days.delete(day);
  }

  /** Adds what is new to the lists of its day; those that have changed, as they are to be written. */
  #addTops(tops: readonly DayTop[]): DayTop[] {
    for (const { day, kind, ...found } of tops) this.#listsOf(day)[kind].absorb(found);
    const changed = new Set(tops.map(({ day, kind }) => `${day} ${kind}`));
    return [...this.#days].flatMap(([day, lists]) =>
      TOP_KINDS.filter((kind) => this.#isFailing || changed.has(`${day} ${kind}`)).map((kind) => ({
        ...{ day, kind },
        ...lists[kind].top(WRITTEN_TOP),
      })),
    );
  }

  /** What was written before a restart counts on. */
  #listsOf(day: number): TopLists {
    const known = this.#days.get(day);
    if (known) return known;
    const lists = emptyLists();
    for (const kind of TOP_KINDS) lists[kind].absorb(this.options.store.traffic.top(day, kind));
    this.#days.set(day, lists);
    return lists;
  }
}
