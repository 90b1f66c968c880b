import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Requests that may wait behind others of their connection before no more are read from it; apt sends ten. */
const MOST_WAITING = 64;

const waiting = new WeakMap<Socket, { count: number; isWatched: boolean }>();

/**
 * Lets a connection be read no further while many of its requests wait for the answers before theirs (RFC 9112 section
 * 9.3.2). Node itself looks at the bytes of answers that wait, and those that wait for their pace have none yet.
 */
export function boundPipeline({ socket }: IncomingMessage, response: ServerResponse): void {
  if (response.socket) return; // none is before it
  const state = waiting.get(socket) ?? { count: 0, isWatched: false };
  waiting.set(socket, state);
  state.count++;
  if (state.count >= MOST_WAITING) hold(socket, state);
  response.once('close', () => {
    state.count--;
    if (state.count === MOST_WAITING - 1 && !isPausedByNode(socket)) socket.resume();
  });
}

/** Its HTTP server reads on by itself, and takes it for a fault of the program when somebody else does before. */
function isPausedByNode(socket: Socket): boolean {
  return (socket as Socket & { readonly _paused?: boolean })._paused === true;
}

/** Node wants to read on after each request, and is stopped as often. */
function hold(socket: Socket, state: { count: number; isWatched: boolean }): void {
  socket.pause();
  if (state.isWatched) return;
  state.isWatched = true;
  socket.on('resume', () => {
    if (state.count >= MOST_WAITING) socket.pause();
  });
}
