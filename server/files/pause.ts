import type { ServerResponse } from 'node:http';
import { onceGone } from '../client-gone.js';

/** Waits for `duration` milliseconds, or until the client has gone. */
export function pause(response: ServerResponse, duration: number): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      stopWaiting();
      resolve();
    };
    const timer = setTimeout(end, duration);
    const stopWaiting = onceGone(response, end);
  });
}
