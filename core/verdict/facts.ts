import type { MirrorActivity, MirrorState } from '../engine.js';
import type { Generation } from '../generation.js';
import type { MarkerRule } from '../mirror.js';
import type { FailureStreak, Run } from '../run.js';
import type { Sentence } from '../sentence.js';
import type { SyncTarget } from '../sync-target.js';
import type { VerdictWord } from '../verdict-words.js';

/** The state of a mirror: one word, one sentence, since when, on what grounds, and what happens next. */
export interface Verdict {
  readonly word: VerdictWord;
  readonly sentence: Sentence;
  /** When the state began, milliseconds since the epoch; null when that is not known. */
  readonly since: number | null;
  readonly evidence: readonly { readonly label: string; readonly text: Sentence }[];
  readonly next: Sentence;
  /** When the next run or try is due, if one is. */
  readonly nextAt: number | null;
}

/** How sentences speak of what is mirrored, where that is no tree which is switched as a whole. */
export interface VerdictTerms {
  /** What is served now. */
  readonly serving: Sentence;
  /** When what a running fetch brings is served. */
  readonly publishing: Sentence;
  /** What is said before any fetch has come to a good end. */
  readonly incomplete: Sentence;
}

/** What was read of an upstream's marker without a run. Times are milliseconds since the epoch. */
export interface MarkerReading {
  readonly value: string | null;
  /** The time in it; null where it tells none. */
  readonly time: number | null;
  /** When it was last read; null where it never was. */
  readonly readAt: number | null;
  /** Since when it cannot be read; null while it can. */
  readonly failedSince: number | null;
}

/** What is known of the upstream beside the runs; whatever is not known is left out. */
export interface UpstreamFacts {
  /** The upstream that is fetched from. */
  readonly direct?: MarkerReading | null;
  /** Where that has it from. */
  readonly origin?: MarkerReading | null;
  /** Updates of the upstream that the published tree lacks. */
  readonly updatesBehind?: number | null;
  /** For how long upstream has had something that the published tree lacks, seconds. */
  readonly lagSeconds?: number | null;
}

/** What is kept in step in another way than by runs on a schedule. */
export type StandingKind = 'frozen' | 'cache' | 'proxy';

/** All that a verdict may rest on. Times are milliseconds since the epoch. */
export interface VerdictFacts {
  readonly now: number;
  readonly mirror: Pick<SyncTarget, 'name' | 'stall' | 'retry'> & {
    readonly marker: MarkerRule | null;
    /** How a tree is published; images always are in one transaction. */
    readonly publish: 'slots' | 'in-place';
    /** Only of what is no ordinary mirror. */
    readonly standing?: StandingKind | null;
  };
  /** Seconds between scheduled runs at the most; null when runs are only asked for. */
  readonly period: number | null;
  /** The most that is added to a scheduled time, seconds. */
  readonly jitter: number;
  /** Whether as many fetches as upstream allows in a day have been made. */
  readonly isPaceUsedUp?: boolean;
  readonly state: MirrorState;
  readonly activity: MirrorActivity;
  /** Ended runs, newest first. Thirty are enough. */
  readonly ended: readonly Run[];
  readonly lastGood: Run | null;
  /** Needed only where all of `ended` failed, so that there may be more of them. */
  readonly failures?: FailureStreak | null;
  readonly live: Generation | null;
  /** The tree that the guard holds back; null is none, left out where it is no tree that is published as a whole. */
  readonly held?: { readonly runId: number; readonly heldAt: number; readonly sentence: string } | null;
  /** Only where it is no tree. */
  readonly terms?: VerdictTerms;
  /** Times that the upstream's marker is known to have had, in any order. */
  readonly markerTimes: readonly number[];
  /** Only where the upstream is read beside the runs. */
  readonly upstream?: UpstreamFacts | null;
}
