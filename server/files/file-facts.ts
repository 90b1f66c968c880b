import type { Stats } from 'node:fs';
import type { RawName } from '../../core/tree-path.js';
import { cacheControlOf } from './cache-rules.js';
import { contentTypeOf } from './content-type.js';
import { formatHttpDate } from './http-date.js';
import { ResponseHead, type FlatHeaders } from './response-head.js';

/** What describes a file in answers, made once as long as the file is the same. */
export interface FileFacts {
  readonly size: number;
  /** With its quotes; strong. */
  readonly etag: string;
  /** Milliseconds since the epoch. */
  readonly lastModified: number;
  readonly type: string;
  /** What a 200 and a 206 have in common. */
  readonly content: FlatHeaders;
  /** Of a 200. */
  readonly whole: ResponseHead;
  /** Of a 304: what it has in common with a 200 (RFC 9110 section 15.4.5). */
  readonly unchanged: ResponseHead;
}

/** `now` in milliseconds; `extra` are more header fields of 200 and 206. Last-Modified must not be in the future (RFC 9110 section 8.8.2.1). */
export function factsOf(stats: Stats, segments: readonly RawName[], now: number, extra: FlatHeaders = []): FileFacts {
  const { size } = stats;
  const etag = etagOf(stats);
  const lastModified = Math.min(stats.mtimeMs, now);
  const type = contentTypeOf(segments);
  const common = [
    ...['ETag', etag],
    ...['Last-Modified', formatHttpDate(lastModified)],
    ...['Cache-Control', cacheControlOf(segments)],
  ];
  const content = [...common, ...safetyHeaders(type), 'Accept-Ranges', 'bytes', ...extra];
  const whole = new ResponseHead(200, [...content, 'Content-Type', type, 'Content-Length', String(size)]);
  return { size, etag, lastModified, type, content, whole, unchanged: new ResponseHead(304, common) };
}

/**
 * A strong entity tag of modification time and size: equal for the same file in two generations, also where it is not
 * the same inode (RFC 9110 section 8.8.3). rsync takes two files of equal size and time for equal, too. Times of whole
 * seconds, as most are, make the one that nginx makes, so that either may serve the file.
 */
export function etagOf({ size, mtimeMs }: Pick<Stats, 'size' | 'mtimeMs'>): string {
  const [seconds, rest] = [Math.floor(mtimeMs / 1000), Math.floor(mtimeMs) % 1000];
  return `"${[seconds, size, ...(rest === 0 ? [] : [rest])].map((each) => each.toString(16)).join('-')}"`;
}

/** Bytes of others are served from the same origin as our pages, and must not act with its rights. */
function safetyHeaders(type: string): string[] {
  return [
    // a file is what its type says, never a script or a page by guess
    ...['X-Content-Type-Options', 'nosniff'],
    // HTML and SVG of a tree get an origin of their own and no scripts; Chromium shows no PDF in a sandbox at all
    ...(type === 'application/pdf' ? [] : ['Content-Security-Policy', 'sandbox allow-downloads']),
  ];
}
