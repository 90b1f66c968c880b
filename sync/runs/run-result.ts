import type { RunOutcome } from '../../core/run.js';

/** How a run ended that did not fail. */
export interface RunResult {
  readonly outcome: Extract<RunOutcome, 'updated' | 'unchanged' | 'held' | 'quarantined'>;
  /** One sentence. */
  readonly message: string;
  readonly generation: number | null;
}
