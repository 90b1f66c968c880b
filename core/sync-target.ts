import type { Schedule } from './schedule.js';

export interface RetryRule {
  /** Tries in all, the first one included. */
  readonly attempts: number;
  /** Seconds before the second try. */
  readonly firstBackoff: number;
  /** Seconds that a back-off never exceeds. */
  readonly maxBackoff: number;
}

/** What the engine needs to know of anything that it keeps in step with an upstream. */
export interface SyncTarget {
  /** Unique among trees and images. */
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly schedule: Schedule;
  /** Seconds that a run may last in all. */
  readonly timeout: number;
  /** Seconds without a byte after which a pull is ended. */
  readonly stall: number;
  readonly retry: RetryRule;
}
