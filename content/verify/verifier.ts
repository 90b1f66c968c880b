import type { HashRule } from '../../core/verify.js';
import type { Change } from '../change-list.js';

/** What is wrong with one path of a tree. */
export interface Finding {
  /** Below the root, bytes in latin1. Empty for the tree as a whole. */
  readonly path: string;
  /** The end of a sentence that begins with the path. */
  readonly problem: string;
  /** Files (bytes in latin1) that may be right when they are fetched again; none where that cannot help. */
  readonly fetchAgain: readonly string[];
}

export interface VerifyRequest {
  /** Absolute folder of the tree that is about to be published. */
  readonly root: string;
  /** Absolute folder of the tree that is published, or null where there is none, or it is the one at `root`. */
  readonly published: string | null;
  /**
   * All that may differ between the generation `base` and the tree at `root`, as often as it is asked for; null when
   * that is not known, and all must be looked at.
   */
  readonly changes: (() => AsyncIterable<Change>) | null;
  /** Number of the generation that `changes` begin with. */
  readonly base: number | null;
  /** What the mirror leaves out of its upstream, as any text: another text is another selection. */
  readonly selection: string;
  /** Absolute paths of files of OpenPGP keys, binary or armoured. */
  readonly keyrings: readonly string[];
  readonly hashes: HashRule;
  /** By which files are chosen where not all are hashed: another seed, other files. */
  readonly seed: string;
  /** Absolute folder for what is kept of this mirror and kind from one verification to the next; it may be missing. */
  readonly records: string;
  /** Added to the environment of child processes. */
  readonly env: Readonly<Record<string, string>>;
  /** Milliseconds since the epoch, UTC. */
  readonly clock: () => number;
  /** Ends the verification early; it then throws the signal's reason. */
  readonly signal: AbortSignal;
}

export interface Verified {
  /** At most `MAX_FINDINGS`; none means that the tree may be published. */
  readonly findings: readonly Finding[];
  /**
   * To be called when the tree, in which nothing was found, is published as this generation: what is kept of it makes
   * the next verification cost O(changes). When it is not called, or fails, the next one looks at everything.
   */
  readonly accept: (generation: number) => Promise<void>;
}

/**
 * Checks a tree before anybody sees it; whatever upstream has put into it is a finding and never an error.
 * @throws MillpondError unavailable (a program is missing), the signal's reason, system errors
 */
export type Verifier = (request: VerifyRequest) => Promise<Verified>;

export const MAX_FINDINGS = 100;

/** Where nothing is kept from one verification to the next. */
export function withoutRecords(findings: readonly Finding[]): Verified {
  return { findings, accept: () => Promise.resolve() };
}
