import { TRIGGER_PRIORITY, type Run } from '../../core/run.js';

export interface QueuedRun {
  readonly run: Run;
  /** Runs with the same key share the limit for one host; empty for no host. */
  readonly hostKey: string;
}

export interface QueueLimits {
  readonly concurrency: number;
  readonly perHost: number;
}

/** Runs that wait: at most one a mirror, so that it is bounded by the configuration. */
export class RunQueue {
  #waiting: QueuedRun[] = [];

  get(mirror: string): Run | null {
    return this.#waiting.find(({ run }) => run.mirror === mirror)?.run ?? null;
  }

  /** Puts a run in its place, instead of the one that the mirror may already have here. */
  put(queued: QueuedRun): void {
    this.remove(queued.run.mirror);
    this.#waiting.push(queued);
    this.#waiting.sort(
      (a, b) => TRIGGER_PRIORITY[a.run.trigger] - TRIGGER_PRIORITY[b.run.trigger] || a.run.id - b.run.id,
    );
  }

  remove(mirror: string): Run | null {
    const run = this.get(mirror);
    this.#waiting = this.#waiting.filter((queued) => queued.run.mirror !== mirror);
    return run;
  }

  /** Place in the queue from 1, or null. */
  place(mirror: string): number | null {
    const index = this.#waiting.findIndex(({ run }) => run.mirror === mirror);
    return index < 0 ? null : index + 1;
  }

  /** Takes out the first run that may start beside those that are running; null when none may. */
  takeNext(running: readonly QueuedRun[], limits: QueueLimits, mayStart: (run: Run) => boolean): QueuedRun | null {
    if (running.length >= limits.concurrency) return null;
    const next = this.#waiting.find(({ run, hostKey }) => {
      if (!mayStart(run)) return false;
      if (running.some((other) => other.run.mirror === run.mirror)) return false;
      return hostKey === '' || running.filter((other) => other.hostKey === hostKey).length < limits.perHost;
    });
    if (!next) return null;
    this.remove(next.run.mirror);
    return next;
  }
}
