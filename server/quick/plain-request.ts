import type { IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';
import { LRUCache } from 'lru-cache';

/** A GET or HEAD without a body, on a connection that stays open. */
export interface PlainRequest {
  readonly method: 'GET' | 'HEAD';
  /** In origin form (RFC 9112 section 3.2.1). */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly socket: Socket;
  /** Where the next request begins. */
  readonly end: number;
}

const METHODS = ['GET', 'HEAD'] as const;
const ORIGIN_FORM = /^\/[\x21-\x7e]*$/;
/** The end of a request line (RFC 9112 section 3), with one space between its parts. */
const VERSION = ' HTTP/1.1\r\n';
/** RFC 9112 section 5: no space before the colon, no folded line, no bare CR or LF, no control. */
const FIELD_LINES = /^(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*\r\n)+$/;
const HOST = /^[0-9A-Za-z._~:[\]-]+$/;
/** What makes a request more than plain: a body, another protocol, or something to be answered before the answer. */
const NOT_PLAIN = new Set([
  ...['content-length', 'transfer-encoding', 'trailer', 'te', 'expect'],
  ...['upgrade', 'http2-settings', 'proxy-connection'],
]);
const MOST_FIELDS = 50;

/** Clients send the same fields again and again. Their texts are at most as long as what is read at a time. */
const knownFields = new LRUCache<string, { readonly headers: IncomingHttpHeaders | null }>({ max: 256 });

/**
 * Reads a request that begins at `start` of `text` (bytes as "latin1") and is all there. Undefined where it is not, and
 * where there is the least doubt about what it says or where it ends: another parser is to decide then. Fields are as Node's
 * own parser gives them.
 */
export function readPlainRequest(text: string, start: number, socket: Socket): PlainRequest | undefined {
  const method = METHODS.find((each) => text.startsWith(each, start));
  if (!method) return undefined;
  const urlStart = start + method.length + 1;
  const urlEnd = text.indexOf(VERSION, urlStart);
  const url = text.slice(urlStart, urlEnd);
  if (urlEnd < 0 || text[urlStart - 1] !== ' ' || !ORIGIN_FORM.test(url)) return undefined;
  const fieldsStart = urlEnd + VERSION.length;
  const fieldsEnd = text.indexOf('\r\n\r\n', fieldsStart);
  if (fieldsEnd < 0) return undefined;
  const fields = text.slice(fieldsStart, fieldsEnd + 2);
  let known = knownFields.get(fields);
  if (!known) knownFields.set(fields, (known = { headers: readFields(fields) }));
  if (!known.headers) return undefined;
  return { method, url, headers: known.headers, socket, end: fieldsEnd + 4 };
}

/** Null where they are not plain: each name is there once, and the host is named (RFC 9112 section 3.2). */
function readFields(text: string): IncomingHttpHeaders | null {
  if (!FIELD_LINES.test(text)) return null;
  const lines = text.split('\r\n').slice(0, -1);
  if (lines.length > MOST_FIELDS) return null;
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    if (name in headers || NOT_PLAIN.has(name)) return null; // `in`: nor one that every object has
    headers[name] = trimmed(line, colon + 1);
  }
  const { host = '', connection = 'keep-alive' } = headers;
  return HOST.test(host) && connection.toLowerCase() === 'keep-alive' ? headers : null;
}

/** From `start`, without the spaces and tabs around it (RFC 9112 section 5.1), in time that grows with its length alone. */
function trimmed(line: string, start: number): string {
  let [first, last] = [start, line.length];
  while (first < last && isBlank(line, first)) first++;
  while (first < last && isBlank(line, last - 1)) last--;
  return line.slice(first, last);
}

function isBlank(text: string, index: number): boolean {
  const code = text.charCodeAt(index);
  return code === 0x20 || code === 0x09;
}
