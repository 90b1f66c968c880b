/** How often a mirror may ask its upstream for more than the marker, and when in an hour. */
export interface Pace {
  /** Fetches within any 24 hours; null is no limit. */
  readonly maxPerDay: number | null;
  /** Minutes of an hour (UTC) within which runs start, both included; null is all. */
  readonly minutes: { readonly from: number; readonly to: number } | null;
  /** Seconds; a scheduled run starts up to so much later, by chance. Null is what holds for all mirrors. */
  readonly jitter: number | null;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** Fetches of the 24 hours before `now` count; all times are milliseconds since the epoch. */
export const PACE_WINDOW_MS = DAY_MS;

/**
 * The first moment at or after `from` at which a run may start, milliseconds since the epoch. `fetches` are the times
 * at which earlier ones started, in any order.
 */
export function opensAt(pace: Pace, fetches: readonly number[], from: number): number {
  return withinMinutes(pace, Math.max(from, freeAt(pace, fetches, from)));
}

/** How many of `fetches` count at `now`. */
export function fetchesWithin(fetches: readonly number[], now: number): number {
  return fetches.filter((at) => countsAt(at, now)).length;
}

/** What is recorded of times to come is of a clock that was wrong. */
function countsAt(fetch: number, now: number): boolean {
  return fetch > now - DAY_MS && fetch <= now;
}

/** When fewer than the most have started within the 24 hours before. */
function freeAt({ maxPerDay }: Pace, fetches: readonly number[], from: number): number {
  if (maxPerDay === null) return from;
  const counted = fetches.filter((at) => countsAt(at, from)).sort((a, b) => b - a);
  const decisive = counted[maxPerDay - 1];
  return decisive === undefined ? from : decisive + DAY_MS;
}

function withinMinutes({ minutes }: Pace, at: number): number {
  if (minutes === null) return at;
  const hour = Math.floor(at / HOUR_MS) * HOUR_MS;
  const opens = hour + minutes.from * MINUTE_MS;
  const closes = hour + (minutes.to + 1) * MINUTE_MS;
  if (at < opens) return opens;
  return at < closes ? at : opens + HOUR_MS;
}
