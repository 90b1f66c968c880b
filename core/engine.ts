import type { Run, RunProgress, RunTrigger } from './run.js';

/** What is kept of a mirror between runs. */
export interface MirrorState {
  readonly mirror: string;
  readonly pausedAt: number | null;
  readonly pauseReason: string | null;
  /** When the next scheduled (or retried) run is due; null when none is planned. */
  readonly nextDueAt: number | null;
}

export interface MirrorActivity {
  readonly running: Run | null;
  readonly progress: RunProgress | null;
  /** When the last byte was seen to move, milliseconds since the epoch. */
  readonly lastByteAt: number | null;
  readonly queued: Run | null;
  /** Place in the queue from 1, when queued. */
  readonly place: number | null;
}

export type EngineEvent =
  | {
      readonly type: 'run.queued' | 'run.started' | 'run.phase' | 'run.ended';
      readonly mirror: string;
      readonly run: Run;
    }
  | { readonly type: 'run.progress'; readonly mirror: string; readonly runId: number; readonly progress: RunProgress }
  | { readonly type: 'mirror.changed'; readonly mirror: string };

/** What may be seen of the engine: all that pages and the public API need. */
export interface EngineView {
  activity(mirror: string): MirrorActivity;
  /** Calls `listener` for each event until the returned function is called. Listeners must not throw. */
  subscribe(listener: (event: EngineEvent) => void): () => void;
}

/** The port through which runs are started, cancelled and followed. All methods throw MillpondError. */
export interface Engine extends EngineView {
  /**
   * Asks for a run. While one is running or queued, at most one more waits: the answer is then that one.
   * @throws not-found, conflict (paused, or the pace of the mirror is used up, and not forced)
   */
  trigger(mirror: string, trigger: RunTrigger, options?: { force?: boolean }): Run;
  /** Ends the running run (TERM, then KILL) and drops the queued one; resolves when they have ended. */
  cancel(mirror: string): Promise<{ cancelled: number[] }>;
  /** No run is started until `resume`; a running one goes on. */
  pause(mirror: string, reason: string): void;
  resume(mirror: string): void;
  /**
   * Lets the tree through that run `heldRun` brought and the guard holds back: asks for a run that publishes just that.
   * @throws conflict when it is not (or no longer) what waits, or the mirror is being synced
   */
  approve(mirror: string, heldRun: number): Run;
  /** Drops that tree; the next run fetches anew. @throws conflict as `approve` */
  reject(mirror: string, heldRun: number): Promise<void>;
  /**
   * Serves the previous generation again, if its tree is still whole, or the kept one of that stamp; the mirror is paused.
   * @throws conflict
   */
  rollback(mirror: string, stamp?: string | null): Promise<{ generation: number }>;
}
