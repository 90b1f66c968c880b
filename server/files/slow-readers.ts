/** A reader that takes fewer bytes a second, over a window, is cut; the first window is its grace. */
export interface SlowReaders {
  /** Bytes a second. */
  readonly minimumRate: number;
  readonly windowMs: number;
}

export const SLOW_READERS: SlowReaders = { minimumRate: 1024, windowMs: 60_000 };

/** How far a reader is: so many bytes were given to the kernel, which still holds some of them. */
export interface ReaderProgress {
  passed(): number;
  queued(): number;
}

/**
 * Calls `cut` once for a reader that is too slow though bytes were waiting for it: what the client has acknowledged
 * counts, since a full buffer of the kernel takes nothing for minutes. Returns what ends the watch.
 */
export function watchReader(progress: ReaderProgress, cut: () => void, rules: SlowReaders): () => void {
  const least = (rules.minimumRate * rules.windowMs) / 1000;
  let before: { taken: number; queued: number } | undefined;
  const timer = setInterval(() => {
    const queued = progress.queued();
    const now = { taken: progress.passed() - queued, queued };
    const wasWaitedFor = before !== undefined && before.queued > 0 && queued > 0;
    if (wasWaitedFor && before && now.taken - before.taken < Math.min(least, before.queued)) {
      clearInterval(timer);
      cut();
    }
    before = now;
  }, rules.windowMs);
  timer.unref();
  return () => clearInterval(timer);
}
