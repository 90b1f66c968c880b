import type { IncomingMessage, ServerResponse } from 'node:http';
import { isGone, onceGone } from '../client-gone.js';
import { paceOf } from '../pace.js';
import { BodyWriter } from './body-writer.js';
import { ResponseHead, type FlatHeaders } from './response-head.js';

/** What an answer depends on beside what it tells of. */
export type Asked = Pick<IncomingMessage, 'method' | 'url' | 'headers' | 'socket'>;

/** How a response went: its status, the bytes of its body that were sent, and whether that was all of it. */
export interface Sent {
  readonly status: number;
  readonly bytes: number;
  readonly complete: boolean;
}

/** An answer that is whole in memory. Without a body it is one that has none, or one to HEAD. */
export interface ReadyAnswer {
  readonly head: ResponseHead;
  readonly body: Buffer | null;
}

/** One of which it is to be told how it went, once. */
export interface KnownAnswer extends ReadyAnswer {
  readonly told: (sent: Sent) => void;
}

/** One line of text; HEAD gets the same header fields alone (RFC 9110 section 9.3.2). */
export function shortAnswer(
  { method }: Pick<Asked, 'method'>,
  { status, fields = [], text }: { status: number; fields?: FlatHeaders; text: string },
): ReadyAnswer {
  const body = Buffer.from(`${text}\n`);
  const all = [
    ...['Content-Type', 'text/plain; charset=utf-8', 'Content-Length', String(body.length)],
    ...['X-Content-Type-Options', 'nosniff', ...fields],
  ];
  return { head: new ResponseHead(status, all), body: method === 'HEAD' ? null : body };
}

/** At once where the client takes it at once. */
export function sendReady(response: ServerResponse, { head, body }: ReadyAnswer): Sent | Promise<Sent> {
  response.writeHead(head.status, head.fields as string[]);
  return sendBody(response, head.status, body ?? undefined);
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
