/** What a registry says in `ratelimit-limit` or `ratelimit-remaining`: `100;w=21600`. */
export interface RateLimitField {
  readonly count: number;
  /** Seconds; null where none is given. */
  readonly window: number | null;
}

/** How a budget stands. Times are milliseconds since the epoch, UTC; what is not known is null. */
export interface BudgetState {
  /** Manifests that may still be fetched now. */
  readonly remaining: number | null;
  readonly limit: number | null;
  /** Seconds. */
  readonly window: number | null;
  /** Who set the limit that is nearest to its end. */
  readonly setBy: 'operator' | 'registry' | null;
  /** When all of it is there again, at the latest. */
  readonly resetsAt: number | null;
  /** Until when the registry asked to be left alone. */
  readonly blockedUntil: number | null;
}

/** A registry that asks for more is asked again all the same. Seconds. */
export const LONGEST_WAIT = 24 * 3600;
const LARGEST_COUNT = 1_000_000_000;
const LONGEST_WINDOW = 31 * 24 * 3600;

/** Reads the count and the `w` parameter of a rate limit field; the first count and the first window of a list. */
export function parseRateLimit(field: string | undefined): RateLimitField | undefined {
  const [, digits] = /^\s*(\d{1,12})\s*(?:[;,]|$)/.exec(field ?? '') ?? [];
  if (digits === undefined) return undefined;
  const [, seconds] = /;\s*w\s*=\s*(\d{1,12})\s*(?:[;,]|$)/.exec(field ?? '') ?? [];
  const window = Math.min(Number(seconds ?? 0), LONGEST_WINDOW);
  return { count: Math.min(Number(digits), LARGEST_COUNT), window: window > 0 ? window : null };
}

const DATE = /^(?:Mon|Tues?|Wed(?:nes)?|Thu(?:rs)?|Fri|Sat(?:ur)?|Sun)(?:day)?,? [A-Za-z0-9: -]{10,30}$/;

/**
 * Seconds that Retry-After asks to wait, whole ones, at most a day: a number or an HTTP date (RFC 9110 section 10.2.3).
 * `now` is milliseconds since the epoch. Null when it is missing or neither.
 */
export function parseRetryAfter(field: string | undefined, now: number): number | null {
  const text = field?.trim() ?? '';
  if (/^\d{1,12}$/.test(text)) return Math.min(Number(text), LONGEST_WAIT);
  // asctime, the oldest form of HTTP dates, does not name its zone, which is UTC
  const at = DATE.test(text) ? Date.parse(text.endsWith('GMT') ? text : `${text} GMT`) : Number.NaN;
  return Number.isNaN(at) ? null : Math.min(Math.max(0, Math.ceil((at - now) / 1000)), LONGEST_WAIT);
}
