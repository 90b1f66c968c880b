import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { isGone, onceGone } from '../client-gone.js';
import { paceOf } from '../pace.js';
import { BodyWriter } from './body-writer.js';

/** How a response went: its status, the bytes of its body that were sent, and whether that was all of it. */
export interface Sent {
  readonly status: number;
  readonly bytes: number;
  readonly complete: boolean;
}

/** Answers with one line of text; HEAD gets the same header fields alone (RFC 9110 section 9.3.2). */
export function sendShortAnswer(
  request: IncomingMessage,
  response: ServerResponse,
  answer: { status: number; headers: OutgoingHttpHeaders; text: string },
): Sent | Promise<Sent> {
  const body = Buffer.from(`${answer.text}\n`);
  response.writeHead(answer.status, {
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': body.length,
    'X-Content-Type-Options': 'nosniff',
    ...answer.headers,
  });
  return sendBody(response, answer.status, request.method === 'HEAD' ? undefined : body);
}

/** Ends a response whose header fields are set, with a whole body or with none. At once where the client takes it at once. */
export function sendBody(response: ServerResponse, status: number, body?: Buffer): Sent | Promise<Sent> {
  if (body && paceOf(response)?.takeNow(body.length) === false) return sendPaced(response, status, body);
  if (isGone(response)) return { status, bytes: 0, complete: false };
  response.end(body);
  const complete = { status, bytes: body?.length ?? 0, complete: true };
  const { socket } = response;
  if (socket && !socket.destroyed && socket.writableLength === 0) return complete;
  return new Promise((resolve) => {
    response.once('finish', () => resolve(complete));
    onceGone(response, () => resolve({ status, bytes: 0, complete: false }));
  });
}

async function sendPaced(response: ServerResponse, status: number, body: Buffer): Promise<Sent> {
  const writer = new BodyWriter(response);
  const complete = await writer.end(body);
  return { status, bytes: writer.bytes, complete };
}
