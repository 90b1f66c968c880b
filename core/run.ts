import type { FailureClass } from './failure.js';

/** What asked for a run. `approval`: a person has let the held tree through, which is published as it is. */
export type RunTrigger = 'schedule' | 'manual' | 'retry' | 'catch-up' | 'approval';

/** Where a run is in its life; `queued` before it starts, `ended` when it has an outcome. */
export type RunPhase =
  'queued' | 'probe' | 'wait' | 'admit' | 'prepare' | 'pull' | 'verify' | 'guard' | 'publish' | 'account' | 'ended';

export type RunOutcome = 'updated' | 'unchanged' | 'held' | 'quarantined' | 'failed' | 'cancelled' | 'interrupted';

/** The order in which due runs are started: a person who waits comes before the clock. Lower is sooner. */
export const TRIGGER_PRIORITY: Readonly<Record<RunTrigger, number>> = {
  // of two that a person has asked for, the one that fetches nothing is what a waiting run becomes
  approval: 0,
  manual: 1,
  retry: 2,
  'catch-up': 3,
  schedule: 3,
};

/** One attempt to bring a mirror up to date. Times are milliseconds since the epoch, UTC; sizes are bytes. */
export interface Run {
  readonly id: number;
  readonly mirror: string;
  readonly trigger: RunTrigger;
  /** 1 for the first try; grows with each retry in a row. */
  readonly attempt: number;
  /** Asked to ignore the marker and the guard. */
  readonly force: boolean;
  readonly phase: RunPhase;
  readonly outcome: RunOutcome | null;
  readonly failure: FailureClass | null;
  /** The outcome in one sentence, without secrets. */
  readonly message: string | null;
  readonly queuedAt: number;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  /** When the next try is planned, if this one failed and is to be tried again. */
  readonly retryAt: number | null;
  /** The upstream that was used, without user or password. */
  readonly upstream: string | null;
  /** Exit code of the last rsync. */
  readonly exitCode: number | null;
  readonly markerValue: string | null;
  readonly markerTime: number | null;
  /** Generation that this run published. */
  readonly generation: number | null;
  readonly numbers: RunNumbers;
}

/** Failed runs, one after the other; times are milliseconds since the epoch, UTC. */
export interface FailureStreak {
  readonly count: number;
  /** When the first of them ended. */
  readonly since: number;
  /** The same of those since which upstream could never be reached; null when the last failed otherwise. */
  readonly unreachableSince: number | null;
}

/** What a run moved, from rsync's own statistics and its itemised list; never from walking the tree. */
export interface RunNumbers {
  readonly transferredFiles: number;
  /** Sizes of the transferred files. */
  readonly transferredBytes: number;
  /** Bytes that came over the wire. */
  readonly receivedBytes: number;
  readonly addedFiles: number;
  readonly addedBytes: number;
  readonly deletedFiles: number;
  readonly deletedBytes: number;
  /** Regular files of the whole tree. */
  readonly totalFiles: number;
  readonly totalBytes: number;
  /** Size of the tree divided by the bytes that came over the wire. */
  readonly speedup: number;
}

export const NO_NUMBERS: RunNumbers = {
  transferredFiles: 0,
  transferredBytes: 0,
  receivedBytes: 0,
  addedFiles: 0,
  addedBytes: 0,
  deletedFiles: 0,
  deletedBytes: 0,
  totalFiles: 0,
  totalBytes: 0,
  speedup: 0,
};

/** One rsync process of a run. `pass` counts from 1 and grows when upstream moved during the pull. */
export interface RunStage {
  readonly pass: number;
  readonly name: string;
  readonly startedAt: number;
  readonly endedAt: number | null;
  readonly exitCode: number | null;
  readonly transferredFiles: number;
  readonly transferredBytes: number;
  readonly receivedBytes: number;
}

/** What `action` may be done to a run in `phase`. */
export const RUN_ACTIONS: Readonly<Record<RunPhase, { cancel: boolean }>> = {
  queued: { cancel: true },
  probe: { cancel: true },
  wait: { cancel: true },
  admit: { cancel: true },
  prepare: { cancel: true },
  pull: { cancel: true },
  verify: { cancel: true },
  guard: { cancel: true },
  // from here the switch is being made: it takes a moment and is never torn
  publish: { cancel: false },
  account: { cancel: false },
  ended: { cancel: false },
};

/** So many in a row are a matter for a person. */
export const ALARMING_QUARANTINES = 3;

/** How many of the newest runs ended in quarantine one after the other; `ended` is newest first. */
export function quarantinesInARow(ended: readonly Pick<Run, 'outcome'>[]): number {
  const telling = ended.filter(({ outcome }) => outcome !== 'cancelled' && outcome !== 'interrupted');
  const other = telling.findIndex(({ outcome }) => outcome !== 'quarantined');
  return other < 0 ? telling.length : other;
}

/** Live progress of a pull, at most four times a second. */
export interface RunProgress {
  readonly stage: string;
  /** Number of the stage from 1, and how many there are. */
  readonly stageIndex: number;
  readonly stageCount: number;
  readonly pass: number;
  /** Files transferred in this stage. */
  readonly files: number;
  /** Bytes gone through in this stage, and bytes a second. */
  readonly bytes: number;
  readonly rate: number;
  /** 0 to 100, of what rsync has listed so far. */
  readonly percent: number;
  /** Files still to be checked, of how many known. */
  readonly toCheck: number;
  readonly known: number;
  /** Seconds to the end as rsync guesses it, or null. */
  readonly eta: number | null;
}
