import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { BodyWriter, readSmall, SMALL, type OpenFile, type SendResult } from './body-writer.js';
import { chooseAnswer, contentRange, partOf, type FileChoice } from './file-choice.js';
import type { FileFacts } from './file-facts.js';
import { lengthOf, type ByteRange } from './ranges.js';
import { sendBody, sendReady, type Sent } from './short-answer.js';

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
  const choice = chooseAnswer(request, file.facts, now);
  if (choice.kind === 'ready') return sendReady(response, choice.answer);
  if (!file.body && !file.handle) return undefined;
  if (choice.kind === 'parts') return sendMultipart(response, file, choice.ranges);
  return sendRange(response, file, choice);
}

interface Part extends ByteRange {
  /** What stands before the bytes: the delimiter and header fields of a part, or nothing. */
  readonly head: string;
}

/** A multipart body, in the order asked for (RFC 9110 sections 14.6, 15.3.7). */
function sendMultipart(response: ServerResponse, file: ServedFile, ranges: readonly ByteRange[]): Sent | Promise<Sent> {
  const { size, type, content } = file.facts;
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
  { body, handle }: ServedFile,
  { head, range }: Extract<FileChoice, { kind: 'part' }>,
): Sent | Promise<Sent> {
  if (body) return sendReady(response, { head, body: partOf(body, range) });
  response.writeHead(head.status, head.fields as string[]);
  const length = lengthOf(range);
  if (length <= SMALL && handle) return readAndSend(response, head.status, { handle, first: range.first, length });
  return sendParts(response, head.status, { body, handle }, [{ ...range, head: '' }]);
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
