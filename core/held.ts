import type { FolderChange } from './folder-groups.js';
import type { SlotName } from './generation.js';
import type { BrokenLimit, ShrunkIndex, TreeChange } from './guard.js';
import type { RunNumbers } from './run.js';

/**
 * A tree that waits in its staging slot for a person. It is there as long as the slot is as the run left it: the next
 * run that gets past its marker takes the slot, and this with it. Times are milliseconds since the epoch, UTC.
 */
export interface HeldTree {
  readonly mirror: string;
  /** The run that made it: what is approved or rejected is named by it. */
  readonly runId: number;
  /** The generation that was live, and still is. */
  readonly base: number;
  readonly slot: SlotName;
  readonly heldAt: number;
  /** When a person has let it through; null while nobody has. */
  readonly approvedAt: number | null;
  readonly report: HeldReport;
  /** What the generation is recorded with when it is published. */
  readonly numbers: RunNumbers;
  readonly marker: { readonly value: string; readonly time: number | null } | null;
}

/** What would become of the published tree; bounded whatever the change. Paths are bytes in latin1. */
export interface HeldReport {
  readonly limits: readonly BrokenLimit[];
  readonly change: TreeChange;
  /** At most 1,000, those that lose most files first. */
  readonly folders: readonly FolderChange[];
  /** Some of the files that would go. */
  readonly deleted: readonly { readonly path: string; readonly size: number }[];
  /** Indexes that became smaller, the worst first. */
  readonly shrunk: readonly ShrunkIndex[];
  /** Bytes that only kept generations would have, by how many of these. */
  readonly lost: readonly (readonly [holders: number, bytes: number])[];
}
