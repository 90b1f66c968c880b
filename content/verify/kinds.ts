import { verify as tree } from './tree/verify.js';
import type { Verifier } from './verifier.js';

/** One line a kind; a test compares the table with the folders. */
export const VERIFIERS = { tree } satisfies Record<string, Verifier>;
