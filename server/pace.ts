import type { ServerResponse } from 'node:http';

/** Says how fast the body of one response may leave. */
export interface Pace {
  /** How many of `wanted` bytes may leave now, fewer perhaps; where it is 0, ask again after `waitMs`. */
  take(wanted: number): { readonly bytes: number; readonly waitMs: number };
  /** Bytes that were taken and did not leave after all. */
  giveBack(bytes: number): void;
}

const paces = new WeakMap<ServerResponse, Pace>();

/** From now on whoever writes the body of `response` asks `pace`. */
export function setPace(response: ServerResponse, pace: Pace): void {
  paces.set(response, pace);
}

/** Undefined where nothing limits the response. */
export function paceOf(response: ServerResponse): Pace | undefined {
  return paces.get(response);
}
