/** Ways to look at a new tree before it is published; `tree` is always done. */
export const VERIFIER_KINDS = ['tree', 'apt', 'rpm', 'pacman', 'apk', 'checksums'] as const;
export type VerifierKind = (typeof VERIFIER_KINDS)[number];

/** `enforce`: a tree with a fault is not published. `warn`: it is, and the fault is told. `off`: nothing is looked at. */
export const VERIFY_MODES = ['enforce', 'warn', 'off'] as const;
export type VerifyMode = (typeof VERIFY_MODES)[number];

/** How much of what the indexes name anew is hashed: a part by chance, or all. */
export const HASH_RULES = ['sampled', 'full'] as const;
export type HashRule = (typeof HASH_RULES)[number];

/** What is looked at in a new tree of a mirror, beyond what is looked at in every tree. */
export interface VerifyRule {
  readonly kinds: readonly Exclude<VerifierKind, 'tree'>[];
  readonly mode: VerifyMode;
  readonly keyrings: readonly Keyring[];
  readonly hashes: HashRule;
}

/** A file of OpenPGP keys; never one of the tree that it is to verify. */
export interface Keyring {
  /** As the operator wrote it. */
  readonly name: string;
  /** Absolute paths, of which the first that is there counts. */
  readonly candidates: readonly string[];
}

export const NO_VERIFY_RULE: VerifyRule = { kinds: [], mode: 'enforce', keyrings: [], hashes: 'sampled' };
