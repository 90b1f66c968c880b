import type { RawName } from './tree-path.js';

/** How a client was reached; `local` is a Unix socket. */
export const FAMILIES = ['v4', 'v6', 'local'] as const;
export type Family = (typeof FAMILIES)[number];

export const PROTOCOLS = ['http', 'https', 'rsync'] as const;
export type Protocol = (typeof PROTOCOLS)[number];

/** The first digit of an HTTP status; what has no status, as rsync, counts as 2 or 5. */
export const STATUS_CLASSES = [1, 2, 3, 4, 5] as const;
export type StatusClass = (typeof STATUS_CLASSES)[number];

/** What of this server is no mirror: no mirror's name has a slash. */
export const REGISTRY_PART = '/v2/';
export const PAGES_PART = '/';

/** Who was answered and how, in words that are few: all that is counted for each of their combinations. */
export interface TrafficKey {
  /** Name of a mirror, or REGISTRY_PART, or PAGES_PART. */
  readonly part: string;
  readonly zone: string;
  readonly family: Family;
  readonly protocol: Protocol;
  readonly status: StatusClass;
}

export interface TrafficNumbers {
  readonly requests: number;
  /** Of bodies, as they left. */
  readonly bytes: number;
}

/** What was counted in one hour, of one kind. */
export interface HourTraffic extends TrafficKey, TrafficNumbers {
  /** Begin of the hour, milliseconds since the epoch, UTC. */
  readonly hour: number;
}

/** Something that was sent to a client by whoever sends for this server: this process, rsync's daemon, a server in front. */
export interface Transfer {
  /** Name of a mirror, or REGISTRY_PART, or PAGES_PART. */
  readonly mirror: string;
  readonly zone: string;
  readonly family: Family;
  readonly protocol: Protocol;
  /** HTTP status; 200 for a transfer without one that succeeded, 500 for one that failed. */
  readonly status: number;
  /** Of the body, as they left. */
  readonly bytes: number;
  /** The file, as segments below the mirror; only of one that is published, null for anything else. */
  readonly path: readonly RawName[] | null;
  /** The client's `User-Agent`, or what stands for it. */
  readonly agent?: string | undefined;
  /** When it ended; milliseconds since the epoch. */
  readonly at: number;
}

/** What the most frequent things of a day are counted by. */
export const TOP_KINDS = ['files', 'file-bytes', 'agents'] as const;
export type TopKind = (typeof TOP_KINDS)[number];

/** The most frequent of many, found in bounded memory (`server/statistics/top-list.ts`). */
export interface TopEntries {
  /** Each with what was counted of it at least, greatest first. */
  readonly entries: readonly (readonly [item: string, weight: number])[];
  /** What may be missing from each weight at most. */
  readonly missing: number;
  /** What anything weighs at most that is not in the list. */
  readonly unlisted: number;
}

/** Most frequent things of one day; files are URL paths, agents are `product/version`. */
export interface DayTop extends TopEntries {
  /** Begin of the day, milliseconds since the epoch, UTC. */
  readonly day: number;
  readonly kind: TopKind;
}

/** What was counted since it was asked for last: plain data, which another process can be sent. */
export interface TrafficIncrements {
  readonly hours: readonly HourTraffic[];
  readonly tops: readonly DayTop[];
}

/** Lengths of time that traffic is summed over. */
export const SPANS = ['hour', 'day', 'month'] as const;
export type Span = (typeof SPANS)[number];

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

/** How long sums are kept, milliseconds; months are for ever. */
export const KEPT_MS: Readonly<Record<'hour' | 'day', number>> = { hour: 14 * DAY_MS, day: 731 * DAY_MS };

/** Begin of the span that `at` is in, in UTC; both are milliseconds since the epoch. */
export function spanStart(span: Span, at: number): number {
  if (span === 'hour') return Math.floor(at / HOUR_MS) * HOUR_MS;
  if (span === 'day') return Math.floor(at / DAY_MS) * DAY_MS;
  const date = new Date(at);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth());
}

/** Begins of the last `count` spans up to the one that `now` is in, oldest first. */
export function spanStarts(span: Span, now: number, count: number): number[] {
  const last = spanStart(span, now);
  if (span !== 'month') {
    const length = span === 'hour' ? HOUR_MS : DAY_MS;
    return Array.from({ length: count }, (_, index) => last - (count - 1 - index) * length);
  }
  const date = new Date(last);
  return Array.from({ length: count }, (_, index) =>
    Date.UTC(date.getUTCFullYear(), date.getUTCMonth() - (count - 1 - index)),
  );
}

export function statusClass(status: number): StatusClass {
  const first = Math.floor(status / 100);
  return first >= 1 && first <= 5 ? (first as StatusClass) : 5;
}

const LONGEST_AGENT = 60;
/** Characters of a `User-Agent` that are looked at: what names a program stands before them. */
const READ_OF_AGENT = 300;

/**
 * What of a `User-Agent` is kept: its first product with its version (RFC 9110 section 10.1.5), since the rest may tell
 * a single person. Browsers all begin with `Mozilla/5.0` and are told by the product that names them.
 */
export function agentToken(userAgent: string | undefined): string {
  const text = userAgent?.slice(0, READ_OF_AGENT).trim() ?? '';
  if (text === '') return 'none given';
  if (text.startsWith('Mozilla/')) return browserToken(text);
  const product = PRODUCT.exec(text)?.[0] ?? '';
  // addresses and the like that some programs give as their name
  const isOfPerson = /\d+\.\d+\.\d+\.\d+/.test(product) || text[product.length] === '@';
  return product === '' || product.length > LONGEST_AGENT || isOfPerson ? 'other' : product;
}

const PRODUCT = /^[A-Za-z][\w.+-]*(?: [A-Z][\w.+-]*)?(?:\/v?[\w.+-]+)?/;
/** The first that is found names the browser: later ones are claimed by others as well. */
const BROWSERS = [/\b(Firefox)\/(\d+)/, /\b(Edg)\/(\d+)/, /\b(OPR)\/(\d+)/, /\b(Chrome)\/(\d+)/, /\b(Version)\/(\d+)/];
const BOT = /\b([A-Za-z][A-Za-z-]*[Bb]ot)\b/;

function browserToken(text: string): string {
  const bot = BOT.exec(text)?.[1];
  if (bot !== undefined) return bot.slice(0, LONGEST_AGENT);
  for (const browser of BROWSERS) {
    const [, name, version] = browser.exec(text) ?? [];
    if (name !== undefined) return `${BROWSER_NAMES[name] ?? name}/${version}`;
  }
  return 'Mozilla, other';
}

const BROWSER_NAMES: Readonly<Record<string, string>> = { Edg: 'Edge', OPR: 'Opera', Version: 'Safari' };
