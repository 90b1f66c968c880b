/** How many dated generations of a mirror are kept: the newest of each of so many days, weeks and months, in UTC. */
export interface KeepRule {
  readonly daily: number;
  readonly weekly: number;
  readonly monthly: number;
}

/**
 * A generation that is kept beside the live tree, as a tree of hard links. Times are milliseconds since the epoch, UTC;
 * sizes are bytes. What only the database knew is null of one that was found on the disk.
 */
export interface KeptGeneration {
  readonly mirror: string;
  /** Its name: when it was published, as `2026-11-23T06:00Z`. */
  readonly stamp: string;
  readonly generation: number | null;
  readonly runId: number | null;
  readonly files: number | null;
  readonly bytes: number | null;
  readonly markerValue: string | null;
  readonly markerTime: number | null;
  readonly publishedAt: number;
  readonly keptAt: number;
}

/** `rule`: newer ones took its place. `disk`: what it took was needed. `lost`: it was no longer on the disk. */
export type RemovalReason = 'rule' | 'disk' | 'lost';

/** A generation that was kept once. */
export interface RemovedGeneration {
  readonly stamp: string;
  readonly publishedAt: number;
  readonly removedAt: number;
  readonly because: RemovalReason;
}

const STAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?Z$/;
const DAY_MS = 24 * 3600 * 1000;
/** The epoch was a Thursday; weeks begin on Monday (ISO 8601). */
const DAYS_FROM_MONDAY = 3;

export function isStamp(text: string): boolean {
  return STAMP.test(text) && !Number.isNaN(Date.parse(text));
}

/** The name of a generation of `publishedAt`: to the minute, or to the second where that name is taken. */
export function stampOf(publishedAt: number, isTaken: (stamp: string) => boolean = () => false): string {
  const iso = new Date(publishedAt).toISOString();
  const minute = `${iso.slice(0, 16)}Z`;
  return isTaken(minute) ? `${iso.slice(0, 19)}Z` : minute;
}

/** Those that the rule keeps: in each period the newest, and of the periods the newest. */
export function keptByRule<T extends { readonly publishedAt: number }>(
  generations: readonly T[],
  { daily, weekly, monthly }: KeepRule,
): Set<T> {
  const newestFirst = generations.toSorted((a, b) => b.publishedAt - a.publishedAt);
  const kept = new Set<T>();
  const keepNewest = (most: number, periodOf: (at: number) => string | number): void => {
    const periods = new Set<string | number>();
    for (const generation of newestFirst) {
      const period = periodOf(generation.publishedAt);
      if (periods.has(period)) continue;
      if (periods.size >= most) return;
      periods.add(period);
      kept.add(generation);
    }
  };
  keepNewest(daily, (at) => Math.floor(at / DAY_MS));
  keepNewest(weekly, (at) => Math.floor((Math.floor(at / DAY_MS) + DAYS_FROM_MONDAY) / 7));
  keepNewest(monthly, (at) => new Date(at).toISOString().slice(0, 7));
  return kept;
}
