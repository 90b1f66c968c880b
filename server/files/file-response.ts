import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { BodyWriter, readSmall, SMALL, type OpenFile, type SendResult } from './body-writer.js';
import { evaluateConditions, isRangeFresh, type Validators } from './conditions.js';
import type { FileFacts } from './file-facts.js';
import { parseRange, type ByteRange } from './ranges.js';
import { sendBody, sendShortAnswer, type Sent } from './short-answer.js';

/** A file with its bytes, or open. */
export interface ServedFile {
  readonly facts: FileFacts;
  /** All of its bytes, where they are kept in memory. */
  readonly body: Buffer | null;
  /** Null where there is a body, or where it was closed meanwhile. */
  readonly handle: OpenFile | null;
}

/**
 * Answers GET or HEAD with the file, the parts that were asked for, or the outcome of a condition: at once where no
 * bytes have to be waited for. The handle stays open. A file that turns out shorter than it was breaks the connection,
 * so that nobody takes a part for the whole.
 * @returns undefined, with nothing written, when its bytes are needed and it is not open
 */
export function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  file: ServedFile,
  now: number,
): Sent | Promise<Sent> | undefined {
  const { facts } = file;
  const validators = { etag: facts.etag, lastModified: facts.lastModified, now };
  const condition = evaluateConditions(request.headers, validators);
  if (condition === 'not-modified') {
    response.writeHead(304, facts.common as string[]);
    return sendBody(response, 304);
  }
  if (condition === 'failed')
    return sendShortAnswer(request, response, { status: 412, headers: {}, text: 'The file has changed.' });

  const range = parseRange(rangeField(request, validators), facts.size);
  if (range.kind === 'unsatisfiable') return refuseRange(request, response, facts.size);
  const isBodyless = request.method === 'HEAD' || facts.size === 0;
  if (!isBodyless && !file.body && !file.handle) return undefined;
  if (range.kind === 'ranges') return sendRanges(response, file, range.ranges);
  response.writeHead(200, facts.whole as string[]);
  if (isBodyless) return sendBody(response, 200);
  return sendRange(response, 200, file, { first: 0, last: facts.size - 1 });
}

/** The Range that applies; it is defined for GET alone (RFC 9110 section 14.2). */
function rangeField(request: IncomingMessage, validators: Validators): string | undefined {
  const { range, 'if-range': ifRange } = request.headers;
  if (range === undefined || request.method !== 'GET') return undefined;
  return isRangeFresh(asText(ifRange), validators) ? range : undefined;
}

function asText(field: string | string[] | undefined): string | undefined {
  return Array.isArray(field) ? field.join(', ') : field;
}

/** The refusal is none of the file: not to be kept as long as that, and without what it is compared by. */
function refuseRange(request: IncomingMessage, response: ServerResponse, size: number): Sent | Promise<Sent> {
  const headers = { 'Cache-Control': 'no-store', 'Content-Range': `bytes */${size}`, 'Accept-Ranges': 'bytes' };
  return sendShortAnswer(request, response, { status: 416, headers, text: `The file has ${size} bytes.` });
}

interface Part extends ByteRange {
  /** What stands before the bytes: the delimiter and header fields of a part, or nothing. */
  readonly head: string;
}

/** One range is the body itself; several are a multipart body in the order asked for (RFC 9110 sections 14.6, 15.3.7). */
function sendRanges(response: ServerResponse, file: ServedFile, ranges: readonly ByteRange[]): Sent | Promise<Sent> {
  const { size, type, content } = file.facts;
  const [only] = ranges;
  if (only && ranges.length === 1) {
    const range = ['Content-Range', contentRange(only, size), 'Content-Length', String(lengthOf(only))];
    response.writeHead(206, [...content, 'Content-Type', type, ...range]);
    return sendRange(response, 206, file, only);
  }
  const boundary = randomBytes(12).toString('hex');
  const parts = ranges.map((range, index) => ({
    ...range,
    head: `${index === 0 ? '' : '\r\n'}--${boundary}\r\nContent-Type: ${type}\r\nContent-Range: ${contentRange(range, size)}\r\n\r\n`,
  }));
  const tail = `\r\n--${boundary}--\r\n`;
  const length = parts.reduce((sum, part) => sum + part.head.length + lengthOf(part), tail.length);
  const multipart = ['Content-Type', `multipart/byteranges; boundary=${boundary}`, 'Content-Length', String(length)];
  response.writeHead(206, [...content, ...multipart]);
  return sendParts(response, 206, file, parts, tail);
}

/** A short body leaves in one piece with the header fields. */
function sendRange(
  response: ServerResponse,
  status: number,
  { body, handle }: ServedFile,
  range: ByteRange,
): Sent | Promise<Sent> {
  const length = lengthOf(range);
  if (body)
    return sendBody(response, status, length === body.length ? body : body.subarray(range.first, range.last + 1));
  if (length <= SMALL && handle) return readAndSend(response, status, { handle, first: range.first, length });
  return sendParts(response, status, { body, handle }, [{ ...range, head: '' }]);
}

async function readAndSend(
  response: ServerResponse,
  status: number,
  { handle, first, length }: { handle: OpenFile; first: number; length: number },
): Promise<Sent> {
  const content = await readSmall(handle, first, length);
  if (content) return sendBody(response, status, content);
  response.destroy();
  return { status, bytes: 0, complete: false };
}

async function sendParts(
  response: ServerResponse,
  status: number,
  { body, handle }: Pick<ServedFile, 'body' | 'handle'>,
  parts: readonly Part[],
  tail = '',
): Promise<Sent> {
  const writer = new BodyWriter(response);
  let result: SendResult = 'sent';
  for (const part of parts) {
    if (body) {
      const chunk = Buffer.concat([Buffer.from(part.head), body.subarray(part.first, part.last + 1)]);
      result = (await writer.write(chunk)) ? 'sent' : 'closed';
    } else if (handle) result = await writer.slice(handle, part.first, lengthOf(part), part.head);
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
