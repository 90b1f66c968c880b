import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** What waits for the end of connections on behalf of answers that are not their turn yet. */
const waiting = new WeakMap<Socket, Set<() => void>>();

/** Whether nothing of the response can reach its client any more. */
export function isGone(response: ServerResponse): boolean {
  return response.destroyed || response.req.socket.destroyed;
}

/**
 * Calls `listener` when nothing more of the response can reach its client, or all of it has; returns what ends the wait. An
 * answer that waits behind others of its connection (RFC 9112 section 9.3.2) has no socket yet, and Node does not tell
 * it that the connection has ended.
 */
export function onceGone(response: ServerResponse, listener: () => void): () => void {
  response.once('close', listener);
  if (response.socket) return () => void response.off('close', listener);
  const listeners = listenersOf(response.req.socket);
  listeners.add(listener);
  return () => {
    response.off('close', listener);
    listeners.delete(listener);
  };
}

/** One listener a connection, however many answers wait. */
function listenersOf(socket: Socket): Set<() => void> {
  const known = waiting.get(socket);
  if (known) return known;
  const listeners = new Set<() => void>();
  waiting.set(socket, listeners);
  socket.once('close', () => {
    for (const listener of listeners) listener();
  });
  return listeners;
}
