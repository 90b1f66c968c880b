import type { IncomingHttpHeaders } from 'node:http';
import { evaluateConditions, isRangeFresh, type ConditionResult } from '../files/conditions.js';
import type { Digest } from '../../core/oci/digest.js';

/** Cache-Control of what is named by its digest: it never changes. */
export const FOR_EVER = 'max-age=31536000, immutable';

/** A strong entity tag: equal digests are equal bytes. */
export function etagOf(digest: Digest): string {
  return `"${digest}"`;
}

/** Conditions by entity tag. There is no Last-Modified here, so those by date do not apply (RFC 9110 section 13.1). */
export function conditionOf(headers: IncomingHttpHeaders, etag: string): ConditionResult {
  const { 'if-match': ifMatch, 'if-none-match': ifNoneMatch } = headers;
  if (ifMatch === undefined && ifNoneMatch === undefined) return 'proceed';
  return evaluateConditions(
    {
      ...(ifMatch === undefined ? {} : { 'if-match': ifMatch }),
      ...(ifNoneMatch === undefined ? {} : { 'if-none-match': ifNoneMatch }),
    },
    validatorsOf(etag),
  );
}

/** Whether Range applies to what has this entity tag. */
export function isSameRange(ifRange: string | string[] | undefined, etag: string): boolean {
  return isRangeFresh(Array.isArray(ifRange) ? ifRange.join(', ') : ifRange, validatorsOf(etag));
}

function validatorsOf(etag: string): { etag: string; lastModified: number; now: number } {
  return { etag, lastModified: NaN, now: 0 };
}
