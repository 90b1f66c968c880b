import type { RunContext } from '../runs/run-context.js';
import type { RunResult } from '../runs/run-result.js';

/** A way to bring something up to date: one folder a kind, all with a `kind.ts` that exports this. */
export interface UpstreamKind {
  /**
   * One run, from the first look at the upstream to what it published.
   * @throws RunFailure when it failed, RunStop when it was ended, anything else for a fault of this program
   */
  perform(context: RunContext): Promise<RunResult>;
}
