import type { ServerResponse } from 'node:http';

/** Waits for `duration` milliseconds, or until the client has gone. */
export function pause(response: ServerResponse, duration: number): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      response.off('close', end);
      resolve();
    };
    const timer = setTimeout(end, duration);
    response.once('close', end);
  });
}
