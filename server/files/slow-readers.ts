import type { Socket } from 'node:net';
import { queuedInKernel } from '../../platform/socket-queue.js';

/** A reader that takes fewer bytes a second, over a window, is cut; the first window is its grace. */
export interface SlowReaders {
  /** Bytes a second. */
  readonly minimumRate: number;
  readonly windowMs: number;
}

export const SLOW_READERS: SlowReaders = { minimumRate: 1024, windowMs: 60_000 };

/** How far a reader is: so many bytes were handed on, of which so many have not reached it; undefined where nobody knows. */
export interface ReaderProgress {
  passed(): number;
  queued(): number | Promise<number | undefined>;
}

/**
 * Calls `cut` once for a reader that is too slow though bytes were waiting for it: what the client has acknowledged
 * counts, since a full buffer of the kernel takes nothing for minutes. Returns what ends the watch.
 */
export function watchReader(progress: ReaderProgress, cut: () => void, rules: SlowReaders): () => void {
  const least = (rules.minimumRate * rules.windowMs) / 1000;
  let before: { taken: number; queued: number } | undefined;
  const look = async (): Promise<void> => {
    const queued = await progress.queued();
    const now = queued === undefined ? undefined : { taken: progress.passed() - queued, queued };
    const isSlow =
      before && now && before.queued > 0 && now.queued > 0 && now.taken - before.taken < Math.min(least, before.queued);
    before = now;
    if (!isSlow || !isWatching) return;
    stop();
    cut();
  };
  let isWatching = true;
  const timer = setInterval(() => void look(), rules.windowMs);
  timer.unref();
  const stop = (): void => {
    isWatching = false;
    clearInterval(timer);
  };
  return stop;
}

/** Of a connection that is written to: what waits in this process counts with what waits in the kernel. */
export function progressOf(socket: Socket): ReaderProgress {
  return {
    passed: () => socket.bytesWritten,
    queued: async () => {
      const queued = await queuedInKernel(socket);
      return queued === undefined ? undefined : queued + socket.writableLength;
    },
  };
}
