import {
  statusClass,
  type HourTraffic,
  type Transfer,
  type TrafficIncrements,
  type TrafficKey,
  type TrafficNumbers,
} from '../../core/traffic.js';
import type { RawName } from '../../core/tree-path.js';
import { Counters } from './counters.js';
import { RecentTops } from './recent-tops.js';

/** What was counted since the program began. */
export interface TrafficTotal extends TrafficKey {
  requests: number;
  bytes: number;
}

type Who = Omit<TrafficKey, 'status'>;

/** Rows that wait to be kept; more only wait when they cannot be for weeks, and then the oldest go. */
const MOST_PENDING = 100_000;

/**
 * What was sent to whom, counted in memory. `drain()` gives what came since it was asked last, as plain data; `absorb()`
 * takes what another process has drained. Nothing here knows where it is kept.
 */
export class Statistics {
  readonly #counters = new Counters();
  readonly #tops = new RecentTops();
  readonly #totals = new Map<string, TrafficTotal>();
  /** By hour and kind, not drained yet. */
  readonly #pending = new Map<string, HourTraffic>();
  readonly #beforeCollect = new Set<() => void>();

  /** Counts one answer. `at`: milliseconds since the epoch; `bytes`: of the body, as they left. */
  countAnswer(at: number, who: Who, status: number, bytes: number): void {
    this.#counters.count(at, who, statusClass(status), { requests: 1, bytes });
  }

  /** Counts bytes of an answer that has not ended. */
  countBytes(at: number, who: Who, status: number, bytes: number): void {
    this.#counters.count(at, who, statusClass(status), { requests: 0, bytes });
  }

  /** Counts a download of a published file; `segments` below the mirror. */
  countFile(at: number, mirror: string, segments: readonly RawName[], numbers: TrafficNumbers): void {
    this.#tops.countFile(at, mirror, segments, numbers);
  }

  countAgent(at: number, userAgent: string | undefined): void {
    this.#tops.countAgent(at, userAgent);
  }

  /** Counts what was sent for this server by somebody else: a line of rsync's log, or of a front server's. */
  recordTransfer({ mirror, zone, family, protocol, status, bytes, path, agent, at }: Transfer): void {
    this.countAnswer(at, { part: mirror, zone, family, protocol }, status, bytes);
    if (path) this.countFile(at, mirror, path, { requests: 1, bytes });
    if (agent !== undefined) this.countAgent(at, agent);
  }

  /** What was counted since this was asked last. */
  drain(): TrafficIncrements {
    this.#collect();
    const hours = [...this.#pending.values()];
    this.#pending.clear();
    return { hours, tops: this.#tops.take() };
  }

  /** Adds what another process has counted. */
  absorb({ hours, tops }: TrafficIncrements): void {
    for (const row of hours) this.#addTotal(row);
    this.putBack(hours);
    for (const top of tops) this.#tops.absorb(top);
  }

  /** What was drained and could not be kept is given out again by the next `drain()`. */
  putBack(hours: readonly HourTraffic[]): void {
    for (const row of hours) {
      const key = `${row.hour} ${keyOf(row)}`;
      const known = this.#pending.get(key);
      const { requests = 0, bytes = 0 } = known ?? {};
      this.#pending.set(key, { ...row, requests: row.requests + requests, bytes: row.bytes + bytes });
    }
    for (const key of this.#pending.keys()) {
      if (this.#pending.size <= MOST_PENDING) break;
      this.#pending.delete(key);
    }
  }

  /** Counts since the program began, of all kinds that there were. */
  totals(): readonly TrafficTotal[] {
    this.#collect();
    return [...this.#totals.values()];
  }

  /** `listener` counts what it holds back, whenever numbers are asked for. */
  beforeCollect(listener: () => void): void {
    this.#beforeCollect.add(listener);
  }

  #collect(): void {
    for (const listener of this.#beforeCollect) listener();
    const rows = this.#counters.take();
    for (const row of rows) this.#addTotal(row);
    this.putBack(rows);
  }

  #addTotal(row: HourTraffic): void {
    const key = keyOf(row);
    const known = this.#totals.get(key);
    if (known) {
      known.requests += row.requests;
      known.bytes += row.bytes;
      return;
    }
    const { part, zone, family, protocol, status, requests, bytes } = row;
    this.#totals.set(key, { part, zone, family, protocol, status, requests, bytes });
  }
}

/** Names of mirrors and zones have no space. */
function keyOf({ part, zone, family, protocol, status }: TrafficKey): string {
  return `${part} ${zone} ${family} ${protocol} ${status}`;
}
