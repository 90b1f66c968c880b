import { randomBytes } from 'node:crypto';
import type { Stats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { RawName } from '../../core/tree-path.js';
import { BodyWriter, readSmall, SMALL, type SendResult } from './body-writer.js';
import { cacheControlOf } from './cache-rules.js';
import { evaluateConditions, isRangeFresh, type Validators } from './conditions.js';
import { contentTypeOf } from './content-type.js';
import { formatHttpDate } from './http-date.js';
import { parseRange, type ByteRange, type RangeRequest } from './ranges.js';
import { sendBody, sendShortAnswer, type Sent } from './short-answer.js';

/** An open regular file and its path below the mirror. */
export interface ServedFile {
  readonly handle: FileHandle;
  readonly stats: Stats;
  readonly segments: readonly RawName[];
}

/**
 * Answers GET or HEAD with the file, the parts that were asked for, or the outcome of a condition. The handle stays
 * open. A file that turns out shorter than it was breaks the connection, so that nobody takes a part for the whole.
 */
export async function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  file: ServedFile,
  now: number,
): Promise<Sent> {
  const { size } = file.stats;
  // Last-Modified must not be in the future (RFC 9110 section 8.8.2.1)
  const validators = { etag: etagOf(file.stats), lastModified: Math.min(file.stats.mtimeMs, now), now };
  const common = commonHeaders(file, validators);
  const condition = evaluateConditions(request.headers, validators);
  if (condition === 'not-modified') {
    response.writeHead(304, common);
    return sendBody(response, 304);
  }
  if (condition === 'failed')
    return sendShortAnswer(request, response, { status: 412, headers: {}, text: 'The file has changed.' });

  const type = contentTypeOf(file.segments);
  const headers = { ...common, ...safetyHeaders(type), 'Accept-Ranges': 'bytes' };
  const range = rangeOf(request, validators, size);
  if (range.kind === 'unsatisfiable') {
    // the refusal is none of the file: not to be kept as long as that, and without what it is compared by
    const refused = {
      'Cache-Control': 'no-store',
      'Content-Range': `bytes */${size}`,
      'Accept-Ranges': 'bytes',
    };
    return sendShortAnswer(request, response, { status: 416, headers: refused, text: `The file has ${size} bytes.` });
  }
  if (range.kind === 'ranges') return sendRanges(response, file, headers, { type, ranges: range.ranges });
  response.writeHead(200, { ...headers, 'Content-Type': type, 'Content-Length': size });
  if (request.method === 'HEAD' || size === 0) return sendBody(response, 200);
  return sendRange(response, 200, file, { first: 0, last: size - 1 });
}

/**
 * A strong entity tag of size and modification time: equal for the same file in two generations, also where it is not
 * the same inode (RFC 9110 section 8.8.3). rsync takes two files of equal size and time for equal, too.
 */
export function etagOf(stats: Stats): string {
  return `"${stats.size.toString(16)}-${Math.floor(stats.mtimeMs).toString(16)}"`;
}

/** Range is defined for GET alone (RFC 9110 section 14.2). */
function rangeOf(request: IncomingMessage, validators: Validators, size: number): RangeRequest {
  const { range, 'if-range': ifRange } = request.headers;
  const applies = request.method === 'GET' && isRangeFresh(asText(ifRange), validators);
  return parseRange(applies ? range : undefined, size);
}

function asText(field: string | string[] | undefined): string | undefined {
  return Array.isArray(field) ? field.join(', ') : field;
}

/** What a 200 and a 304 have in common (RFC 9110 section 15.4.5). */
function commonHeaders(file: ServedFile, validators: Validators & { lastModified: number }): OutgoingHttpHeaders {
  return {
    ETag: validators.etag,
    'Last-Modified': formatHttpDate(validators.lastModified),
    'Cache-Control': cacheControlOf(file.segments),
  };
}

/** Bytes of others are served from the same origin as our pages, and must not act with its rights. */
function safetyHeaders(type: string): OutgoingHttpHeaders {
  return {
    // a file is what its type says, never a script or a page by guess
    'X-Content-Type-Options': 'nosniff',
    // HTML and SVG of a tree get an origin of their own and no scripts; Chromium shows no PDF in a sandbox at all
    ...(type === 'application/pdf' ? {} : { 'Content-Security-Policy': 'sandbox allow-downloads' }),
  };
}

interface Part extends ByteRange {
  /** What stands before the bytes: the delimiter and header fields of a part, or nothing. */
  readonly head: string;
}

/** One range is the body itself; several are a multipart body in the order asked for (RFC 9110 sections 14.6, 15.3.7). */
async function sendRanges(
  response: ServerResponse,
  file: ServedFile,
  headers: OutgoingHttpHeaders,
  wanted: { type: string; ranges: readonly ByteRange[] },
): Promise<Sent> {
  const { size } = file.stats;
  const { type, ranges } = wanted;
  const [only] = ranges;
  if (only && ranges.length === 1) {
    const length = lengthOf(only);
    const range = { 'Content-Range': contentRange(only, size), 'Content-Length': length };
    response.writeHead(206, { ...headers, 'Content-Type': type, ...range });
    return sendRange(response, 206, file, only);
  }
  const boundary = randomBytes(12).toString('hex');
  const parts = ranges.map((range, index) => ({
    ...range,
    head: `${index === 0 ? '' : '\r\n'}--${boundary}\r\nContent-Type: ${type}\r\nContent-Range: ${contentRange(range, size)}\r\n\r\n`,
  }));
  const tail = `\r\n--${boundary}--\r\n`;
  const length = parts.reduce((sum, part) => sum + part.head.length + lengthOf(part), tail.length);
  const multipart = { 'Content-Type': `multipart/byteranges; boundary=${boundary}`, 'Content-Length': length };
  response.writeHead(206, { ...headers, ...multipart });
  return sendParts(response, 206, file, parts, tail);
}

/** A short body leaves in one piece with the header fields. */
async function sendRange(response: ServerResponse, status: number, file: ServedFile, range: ByteRange): Promise<Sent> {
  const length = lengthOf(range);
  if (length > SMALL) return sendParts(response, status, file, [{ ...range, head: '' }]);
  const content = await readSmall(file.handle, range.first, length);
  if (content) return sendBody(response, status, content);
  response.destroy();
  return { status, bytes: 0, complete: false };
}

async function sendParts(
  response: ServerResponse,
  status: number,
  file: ServedFile,
  parts: readonly Part[],
  tail = '',
): Promise<Sent> {
  const writer = new BodyWriter(response);
  let result: SendResult = 'sent';
  for (const part of parts) {
    result = await writer.slice(file.handle, part.first, lengthOf(part), part.head);
    if (result !== 'sent') break;
  }
  if (result === 'short') response.destroy();
  const complete = result === 'sent' && (await writer.end(tail));
  return { status, bytes: writer.bytes, complete };
}

function contentRange(range: ByteRange, size: number): string {
  return `bytes ${range.first}-${range.last}/${size}`;
}

function lengthOf(range: ByteRange): number {
  return range.last - range.first + 1;
}
