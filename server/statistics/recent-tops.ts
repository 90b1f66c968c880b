import {
  agentToken,
  DAY_MS,
  spanStart,
  TOP_KINDS,
  type DayTop,
  type TopKind,
  type TrafficNumbers,
} from '../../core/traffic.js';
import { encodePath, type RawName } from '../../core/tree-path.js';
import { TopList } from './top-list.js';

/** Items that survive of each kind; what is told of one misses at most this part of all that was counted. */
const TOP_SIZE = 1000;
/** Files and agents that are counted as they come, before their names are made of them. */
const MOST_FILES = 5000;
const MOST_AGENTS = 500;

interface FileTally {
  readonly mirror: string;
  requests: number;
  bytes: number;
}

export type TopLists = Readonly<Record<TopKind, TopList>>;

export function emptyLists(): TopLists {
  return { files: new TopList(TOP_SIZE), 'file-bytes': new TopList(TOP_SIZE), agents: new TopList(TOP_SIZE) };
}

/**
 * The most frequent files and programs since they were taken last. Counting a file whose path is kept in memory between
 * requests is one look-up by that object: no name is made of it before it is needed.
 */
export class RecentTops {
  readonly #days = new Map<number, TopLists>();
  readonly #files = new Map<readonly RawName[], FileTally>();
  readonly #agents = new Map<string, number>();
  /** Begin of the day that is being counted. */
  #day = 0;

  /** `requests` is 0 for more bytes of one that was counted, or will be. */
  countFile(at: number, mirror: string, segments: readonly RawName[], { requests, bytes }: TrafficNumbers): void {
    if (at < this.#day || at >= this.#day + DAY_MS) this.#turnTo(at);
    const tally = this.#files.get(segments);
    if (tally) {
      tally.requests += requests;
      tally.bytes += bytes;
      return;
    }
    this.#files.set(segments, { mirror, requests, bytes });
    if (this.#files.size >= MOST_FILES) this.#fold();
  }

  countAgent(at: number, userAgent: string | undefined): void {
    if (at < this.#day || at >= this.#day + DAY_MS) this.#turnTo(at);
    const key = userAgent ?? '';
    this.#agents.set(key, (this.#agents.get(key) ?? 0) + 1);
    if (this.#agents.size >= MOST_AGENTS) this.#fold();
  }

  absorb({ day, kind, ...found }: DayTop): void {
    this.#listsOf(day)[kind].absorb(found);
  }

  take(): DayTop[] {
    this.#fold();
    const tops = [...this.#days].flatMap(([day, lists]) =>
      TOP_KINDS.filter((kind) => !lists[kind].isEmpty).map((kind) => ({ day, kind, ...lists[kind].top(Infinity) })),
    );
    this.#days.clear();
    return tops;
  }

  #turnTo(at: number): void {
    this.#fold();
    this.#day = spanStart('day', at);
  }

  #fold(): void {
    if (this.#files.size === 0 && this.#agents.size === 0) return;
    const lists = this.#listsOf(this.#day);
    for (const [segments, { mirror, requests, bytes }] of this.#files) {
      const path = encodePath([mirror, ...segments], false);
      lists.files.add(path, requests);
      lists['file-bytes'].add(path, bytes);
    }
    for (const [userAgent, requests] of this.#agents) lists.agents.add(agentToken(userAgent), requests);
    this.#files.clear();
    this.#agents.clear();
  }

  #listsOf(day: number): TopLists {
    const known = this.#days.get(day) ?? emptyLists();
    this.#days.set(day, known);
    return known;
  }
}
