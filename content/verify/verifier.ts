/** What is wrong with one path of a tree. */
export interface Finding {
  /** As a person reads it; bytes that are not UTF-8 are replaced. Empty for the tree as a whole. */
  readonly path: string;
  /** The end of a sentence that begins with the path. */
  readonly problem: string;
}

export interface VerifyRequest {
  /** Absolute folder of the tree that is about to be published. */
  readonly root: string;
  /** Paths (bytes in latin1) that may differ from the published tree, or null when all must be looked at. */
  readonly changed: AsyncIterable<string> | null;
  /** Ends the verification early; it then throws the signal's reason. */
  readonly signal: AbortSignal;
}

/** Checks a tree before anybody sees it. Returns at most `MAX_FINDINGS`; none means that it may be published. */
export type Verifier = (request: VerifyRequest) => Promise<Finding[]>;

export const MAX_FINDINGS = 100;
