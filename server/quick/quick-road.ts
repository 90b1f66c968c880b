import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { KnownAnswer } from '../files/short-answer.js';
import { AnswerWriter, isAnsweredByNode } from './answer-writer.js';
import { readPlainRequest, type PlainRequest } from './plain-request.js';

/** What answers a request at once, from memory; undefined where that cannot be. Throws nothing. */
export type QuickAnswers = (request: PlainRequest) => KnownAnswer | undefined;

/**
 * To be called when an HTTP server has taken a connection and has read nothing from it. `used` is told, once a second
 * at most, that it is in use.
 */
export type QuickRoad = (socket: Socket, server: Server, used?: () => void) => void;

const TELL_EVERY_MS = 1_000;
/** What is read at a time is mostly one request. */
const MOST_BYTES = 8 * 1024;

/**
 * Answers plain requests for what is in memory before Node's parser sees them, at less than half the cost. Everything
 * else, and whatever there is the least doubt about, goes to that parser, which owns the connection with all its limits
 * and timeouts; the first request of each connection as well, after which it knows the connection as an idle one.
 */
export function createQuickRoad(answers: QuickAnswers): QuickRoad {
  return (socket, server, used) => {
    const [feed, ...others] = socket.listeners('data') as ((chunk: Buffer) => void)[];
    if (!feed || others.length > 0) return;
    const connection = new QuickConnection(socket, server, { answers, feed, used });
    // as soon as somebody else listens, Node no longer reads past the stream
    socket.on('data', (chunk: Buffer) => connection.read(chunk));
    socket.removeListener('data', feed);
  };
}

class QuickConnection {
  readonly #writer: AnswerWriter;
  /** Node's parser has seen whole requests alone: it waits for another one. */
  #isBetween = true;
  #hasFed = false;
  #toldAt = 0;

  constructor(
    private readonly socket: Socket,
    private readonly server: Server,
    private readonly to: {
      readonly answers: QuickAnswers;
      readonly feed: (chunk: Buffer) => void;
      readonly used: (() => void) | undefined;
    },
  ) {
    this.#writer = new AnswerWriter(socket, server);
  }

  read(chunk: Buffer): void {
    const answered = this.#isBetween ? this.#answerFirst(chunk) : 0;
    if (answered === chunk.length) return;
    this.#hasFed = true;
    this.to.feed(answered === 0 ? chunk : chunk.subarray(answered));
  }

  /** Answers the first requests in `chunk`, as long as this can be done at once, in turn; returns the bytes of these. */
  #answerFirst(chunk: Buffer): number {
    const text = chunk.length > MOST_BYTES ? '' : chunk.toString('latin1');
    let answered = 0;
    let isQuick = this.#isIdle();
    for (let position = 0; position < chunk.length;) {
      const request = readPlainRequest(text, position, this.socket);
      if (!request) {
        this.#isBetween = false;
        break;
      }
      position = request.end;
      const answer = isQuick && this.#writer.isReady() ? this.to.answers(request) : undefined;
      if (answer) {
        this.#writer.add(answer);
        answered = position;
      } else isQuick = false;
    }
    this.#writer.flush();
    if (answered > 0) this.#tell();
    return answered;
  }

  #tell(): void {
    const now = performance.now();
    if (now - this.#toldAt < TELL_EVERY_MS) return;
    this.#toldAt = now;
    this.to.used?.();
  }

  /** No answer of Node's is under way, and the connection is to stay open. */
  #isIdle(): boolean {
    const { socket, server } = this;
    return this.#hasFed && !isAnsweredByNode(socket) && socket.writable && server.listening;
  }
}
