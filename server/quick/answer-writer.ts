import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { formatHttpDate } from '../files/http-date.js';
import type { KnownAnswer } from '../files/short-answer.js';

/** Answers are put together here. It is used by all connections in turn, since the kernel mostly takes all at once. */
const ROOM = 32 * 1024;
/** Up to so many bytes, a copy costs less than a piece more to write. */
const COPIED = 8 * 1024;

/** Bytes of bodies that may wait for slow clients in all. */
const MOST_WAITING = 32 * 1024 * 1024;
let waiting = 0;

let room = Buffer.allocUnsafeSlow(ROOM);

/** Writes answers on a connection, with what Node adds to each of its own. */
export class AnswerWriter {
  #filled = 0;
  #answers: KnownAnswer[] = [];

  constructor(
    private readonly socket: Socket,
    private readonly server: Server,
  ) {}

  /** False while the client has not taken what was written, and while very much waits for all: answers do not pile up. */
  isReady(): boolean {
    return this.socket.writableLength === 0 && waiting < MOST_WAITING;
  }

  /** Takes an answer, to be written by flush() in this turn of the event loop. */
  add(answer: KnownAnswer): void {
    const { head, body } = answer;
    const end = endOfHead(this.server.keepAliveTimeout);
    const copied = body && body.length <= COPIED ? body : null;
    const length = head.bytes.length + end.length + (copied?.length ?? 0);
    if (this.#filled + length > room.length) this.flush();
    if (length > room.length) room = Buffer.allocUnsafeSlow(length);
    this.#append(head.bytes);
    this.#append(end);
    if (copied) this.#append(copied);
    this.#answers.push(answer);
    if (body && !copied) this.flush(body);
  }

  /** Writes what was added, and `body` after it. */
  flush(body?: Buffer): void {
    if (this.#answers.length === 0) return;
    const [answers, piece] = [this.#answers, room.subarray(0, this.#filled)];
    this.#answers = [];
    this.#filled = 0;
    const { socket } = this;
    const wait: { end?: () => void } = {};
    const done = (error?: Error | null): void => {
      const complete = !error && !(wait.end && socket.destroyed);
      wait.end?.();
      for (const { head, body, told } of answers)
        told({ status: head.status, bytes: complete ? (body?.length ?? 0) : 0, complete });
    };
    if (body) {
      socket.cork();
      socket.write(Buffer.from(piece)); // with a long body the client often does not take all at once
      socket.write(body, done);
      socket.uncork();
    } else socket.write(piece, done);
    if (socket.writableLength === 0) return;
    if (!body) room = Buffer.allocUnsafeSlow(ROOM); // the kernel still has to read from the other
    const bytes = body?.buffer.byteLength ?? ROOM;
    const endWait = this.#waitLonger();
    waiting += bytes;
    wait.end = () => {
      waiting -= bytes;
      endWait();
    };
  }

  /** A reader has the time that it has with Node's answers, not that of an idle connection; returns what takes it back. */
  #waitLonger(): () => void {
    const { socket } = this;
    const { timeout = 0 } = socket;
    socket.setTimeout(this.server.timeout);
    return () => {
      if (!socket.destroyed && !isAnsweredByNode(socket)) socket.setTimeout(timeout);
    };
  }

  #append(bytes: Buffer): void {
    room.set(bytes, this.#filled);
    this.#filled += bytes.length;
  }
}

/** Whether an answer of Node's HTTP server is under way; others may wait behind it. */
export function isAnsweredByNode(socket: Socket): boolean {
  const { _httpMessage: answer } = socket as Socket & { readonly _httpMessage?: object | null };
  return answer !== undefined && answer !== null;
}

let lastEnd = { second: 0, keepAliveTimeout: 0, bytes: Buffer.alloc(0) };

/** What Node adds to header fields, as node:http does it: the date (RFC 9110 section 6.6.1), and that the connection stays. */
function endOfHead(keepAliveTimeout: number): Buffer {
  const second = Math.floor(Date.now() / 1000);
  if (lastEnd.second !== second || lastEnd.keepAliveTimeout !== keepAliveTimeout) {
    const keepAlive = keepAliveTimeout > 0 ? `Keep-Alive: timeout=${Math.floor(keepAliveTimeout / 1000)}\r\n` : '';
    const text = `Date: ${formatHttpDate(second * 1000)}\r\nConnection: keep-alive\r\n${keepAlive}\r\n`;
    lastEnd = { second, keepAliveTimeout, bytes: Buffer.from(text, 'latin1') };
  }
  return lastEnd.bytes;
}
