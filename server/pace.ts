import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Says how fast bodies may leave. The responses of one client share it. */
export interface Pace {
  /** Takes up to `wanted` bytes, at once or when some may leave; 0 when the client has gone before that. */
  take(wanted: number, response: ServerResponse): number | Promise<number>;
  /** Takes all of `bytes` if they may leave at once. */
  takeNow(bytes: number): boolean;
  /** Bytes that were taken and did not leave after all. */
  giveBack(bytes: number): void;
}

/** Says what limits a response now, if anything. */
export type Pacer = (response: ServerResponse) => Pace | undefined;

const pacers = new WeakMap<Socket, Pacer>();

/** From now on whoever writes a body to `socket` asks `pacer`. */
export function setPacer(socket: Socket, pacer: Pacer): void {
  pacers.set(socket, pacer);
}

/** Undefined where nothing limits the response. To be asked for each piece of a body: limits change meanwhile. */
export function paceOf(response: ServerResponse): Pace | undefined {
  return pacers.get(response.req.socket)?.(response);
}
