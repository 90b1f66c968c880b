import { setTimeout as delay } from 'node:timers/promises';

/** Waits shorter than this are saved up: a timer is not that exact. Milliseconds. */
const SHORTEST_WAIT = 20;

/**
 * Keeps all streams of one pull together to a rate that may change at any moment. `rate` is bytes a second, null is no
 * limit. The function resolves when so many bytes may have come.
 */
export function makePace(
  rate: () => number | null,
  clock: () => number,
  wait: (milliseconds: number, signal: AbortSignal) => Promise<void> = realWait,
): (bytes: number, signal: AbortSignal) => Promise<void> {
  let due = 0;
  return async (bytes, signal) => {
    const limit = rate();
    if (limit === null) return;
    const now = clock();
    due = Math.max(due, now) + (bytes / limit) * 1000;
    if (due - now >= SHORTEST_WAIT) await wait(due - now, signal);
  };
}

function realWait(milliseconds: number, signal: AbortSignal): Promise<void> {
  return delay(milliseconds, undefined, { signal });
}
