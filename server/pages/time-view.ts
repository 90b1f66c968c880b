import type { Sentence } from '../../core/sentence.js';
import { formatDuration } from '../../core/units.js';

/** A moment as a template shows it: machine form, absolute in UTC, and relative to now. */
export interface TimeView {
  readonly iso: string;
  readonly absolute: string;
  readonly relative: string;
}

/** A sentence as a template shows it: parts that are either text or a moment. */
export type SentenceView = readonly ({ readonly text: string } | { readonly time: TimeView })[];

/** A page shows the time of its making cut to so many seconds, and stays the same for as long. */
export const PAGE_SECONDS = 15;

export const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `at` and `now` are milliseconds since the epoch. */
export function timeView(at: number, now: number): TimeView {
  return { iso: new Date(at).toISOString(), absolute: absoluteTime(at, now), relative: relativeTime(at, now) };
}

export function timeOrNull(at: number | null | undefined, now: number): TimeView | null {
  return at === null || at === undefined ? null : timeView(at, now);
}

export function sentenceView(sentence: Sentence, now: number): SentenceView {
  return sentence.map((part) => (typeof part === 'string' ? { text: part } : { time: timeView(part.at, now) }));
}

/** As short as it stays clear: `14:02 UTC` today, `21 Nov, 14:02 UTC` this year, else with the year. */
function absoluteTime(at: number, now: number): string {
  const date = new Date(at);
  const iso = date.toISOString();
  const clock = `${iso.slice(11, 16)} UTC`;
  const today = new Date(now).toISOString();
  if (iso.slice(0, 10) === today.slice(0, 10)) return clock;
  if (iso.slice(0, 4) !== today.slice(0, 4)) return `${iso.slice(0, 10)} ${clock}`;
  return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]}, ${clock}`;
}

function relativeTime(at: number, now: number): string {
  const seconds = Math.round(Math.abs(now - at) / 1000);
  if (seconds <= PAGE_SECONDS) return 'now';
  const span = largestUnit(seconds);
  return at > now ? `in ${span}` : `${span} ago`;
}

/** One unit is enough for "ago": the exact time stands beside it. */
function largestUnit(seconds: number): string {
  return formatDuration(seconds).split(' ').slice(0, 2).join(' ');
}
