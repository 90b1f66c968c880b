import type { IncomingHttpHeaders } from 'node:http';
import { parseHttpDate } from './http-date.js';

/** What a representation is compared by. */
export interface Validators {
  /** With its quotes, and `W/` when it is weak. */
  readonly etag: string;
  /** Milliseconds since the epoch; never later than `now`. Null where no time is known to grow with each change. */
  readonly lastModified: number | null;
  /** When the request is answered, milliseconds since the epoch. */
  readonly now: number;
}

export type ConditionResult = 'proceed' | 'not-modified' | 'failed';

/** Evaluates the conditions of a GET or HEAD in their order of precedence (RFC 9110 section 13.2.2). */
export function evaluateConditions(headers: IncomingHttpHeaders, validators: Validators): ConditionResult {
  const ifMatch = headers['if-match'];
  if (ifMatch !== undefined) {
    if (!matchesStrongly(ifMatch, validators.etag)) return 'failed';
  } else if (isModifiedSince(headers['if-unmodified-since'], validators)) {
    return 'failed';
  }
  const ifNoneMatch = headers['if-none-match'];
  if (ifNoneMatch !== undefined) return matchesWeakly(ifNoneMatch, validators.etag) ? 'not-modified' : 'proceed';
  return isOfDate(headers['if-modified-since'], validators) ? 'not-modified' : 'proceed';
}

/**
 * Whether the Range field still applies (RFC 9110 section 13.1.5): without If-Range always; an entity tag must be equal
 * and strong; a date must be equal to Last-Modified and at least a second old (section 8.8.2.2).
 */
export function isRangeFresh(ifRange: string | undefined, validators: Validators): boolean {
  if (ifRange === undefined) return true;
  if (/^(?:W\/)?"/.test(ifRange)) return !isWeak(ifRange) && !isWeak(validators.etag) && ifRange === validators.etag;
  const date = parseHttpDate(ifRange, validators.now);
  if (validators.lastModified === null) return false;
  const lastModified = wholeSeconds(validators.lastModified);
  return date === lastModified && wholeSeconds(validators.now) - lastModified >= 1000;
}

/** Comparison of If-Match (RFC 9110 section 13.1.1): strong, or `*` for anything that exists. */
function matchesStrongly(field: string, etag: string): boolean {
  return isAny(field) || (!isWeak(etag) && entityTags(field).includes(etag));
}

/** Comparison of If-None-Match (RFC 9110 section 13.1.2): weak. */
function matchesWeakly(field: string, etag: string): boolean {
  return isAny(field) || entityTags(field).some((tag) => tag.replace(/^W\//, '') === etag.replace(/^W\//, ''));
}

/** False also where either side has no valid date (RFC 9110 section 13.1.4). */
function isModifiedSince(field: string | undefined, validators: Validators): boolean {
  const { lastModified, now } = validators;
  const date = field === undefined ? undefined : parseHttpDate(field, now);
  return date !== undefined && lastModified !== null && wholeSeconds(lastModified) > date;
}

/**
 * Whether If-Modified-Since names just the time that the file has. RFC 9110 section 13.1.3 would take an earlier file
 * for the same as well; but after a rollback, here or upstream, an earlier file is another one.
 */
function isOfDate(field: string | undefined, { lastModified, now }: Validators): boolean {
  const date = field === undefined ? undefined : parseHttpDate(field, now);
  return date !== undefined && lastModified !== null && wholeSeconds(lastModified) === date;
}

function isAny(field: string): boolean {
  return field.trim() === '*';
}

function isWeak(etag: string): boolean {
  return etag.startsWith('W/');
}

/** The entity tags of a list (RFC 9110 section 8.8.3); a comma may stand inside of one. */
function entityTags(field: string): string[] {
  return field.match(/(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"/g) ?? [];
}

function wholeSeconds(time: number): number {
  return Math.floor(time / 1000) * 1000;
}
