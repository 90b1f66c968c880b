import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { BodyWriter } from './body-writer.js';

/** How a response went: its status, the bytes of its body that were sent, and whether that was all of it. */
export interface Sent {
  readonly status: number;
  readonly bytes: number;
  readonly complete: boolean;
}

/** Answers with one line of text; HEAD gets the same header fields alone (RFC 9110 section 9.3.2). */
export async function sendShortAnswer(
  request: IncomingMessage,
  response: ServerResponse,
  answer: { status: number; headers: OutgoingHttpHeaders; text: string },
): Promise<Sent> {
  const body = Buffer.from(`${answer.text}\n`);
  response.writeHead(answer.status, {
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': body.length,
    'X-Content-Type-Options': 'nosniff',
    ...answer.headers,
  });
  return sendBody(response, answer.status, request.method === 'HEAD' ? undefined : body);
}

/** Ends a response whose header fields are set, with a whole body or with none. */
export async function sendBody(response: ServerResponse, status: number, body?: Buffer): Promise<Sent> {
  const writer = new BodyWriter(response);
  const complete = await writer.end(body);
  return { status, bytes: writer.bytes, complete };
}
