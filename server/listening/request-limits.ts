import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { systemCode } from '../../core/errors.js';
import { shortAnswer, type ReadyAnswer } from '../files/short-answer.js';

/** Bytes of request line and header fields in all. */
export const MAX_HEAD_BYTES = 16 * 1024;
/** RFC 9112 section 3 recommends 8000 at least for the whole request line. */
const MAX_TARGET_BYTES = 8 * 1024;
const MAX_QUERY_BYTES = 4 * 1024;
const MAX_FIELDS = 100;

interface Refusal {
  readonly status: number;
  /** One sentence. */
  readonly text: string;
}

/** RFC 9112 section 3.2: a name or an address, and a port; several lines are several of these. */
const HOST = /^[\w.~%!$&'()*+;=:[\]-]*$/;

const BROKEN: Refusal = { status: 400, text: 'This is no HTTP request that can be read.' };
/** By the code of the error that Node's parser gives. */
const REFUSALS: Readonly<Record<string, Refusal>> = {
  HPE_HEADER_OVERFLOW: { status: 431, text: 'Address and header fields are longer than 16 KiB in all.' },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: { status: 413, text: 'The extensions of a chunk are longer than 16 KiB.' },
  ERR_HTTP_REQUEST_TIMEOUT: { status: 408, text: 'The request did not come whole in time.' },
};

/** Answers a request whose address or header is too large (RFC 9110 section 15.5.15, RFC 6585 section 5), or for no one host. */
export function refuseUnfit(request: IncomingMessage, response: ServerResponse): boolean {
  const refusal = unfit(request);
  if (!refusal) return false;
  const { head, body } = answerOf(refusal);
  response.writeHead(head.status, head.fields as string[]).end(body);
  return true;
}

/** Answers what is no request, in one sentence, unless an answer is on its way; then the connection is closed. */
export function answerBrokenRequest(error: Error, socket: Duplex, isAnswering: boolean): void {
  const code = systemCode(error) ?? '';
  if (code === 'ECONNRESET' || !socket.writable || isAnswering) {
    socket.destroy();
    return;
  }
  const { head, body } = answerOf(REFUSALS[code] ?? BROKEN);
  socket.end(`${head.bytes.toString('latin1')}\r\n${body?.toString() ?? ''}`, () => socket.destroy());
}

function unfit({ url = '', rawHeaders, headers }: IncomingMessage): Refusal | undefined {
  if (url.length > MAX_TARGET_BYTES) return { status: 414, text: 'The address is longer than 8 KiB.' };
  if (url.length > MAX_QUERY_BYTES && url.length - url.indexOf('?') > MAX_QUERY_BYTES && url.includes('?'))
    return { status: 414, text: 'The query of the address is longer than 4 KiB.' };
  if (rawHeaders.length / 2 > MAX_FIELDS)
    return { status: 431, text: `There are more than ${MAX_FIELDS} header fields.` };
  if (!HOST.test(headers.host ?? '')) return { status: 400, text: 'The field "Host" has to name one host.' };
  return undefined;
}

function answerOf(refusal: Refusal): ReadyAnswer {
  const fields = ['Cache-Control', 'no-store', 'Connection', 'close'];
  return shortAnswer({ method: 'GET' }, { ...refusal, fields });
}
