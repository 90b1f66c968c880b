import type { TokenRecord } from '../../store/tokens.js';
import type { Grant } from './access-tokens.js';

/** Who asks. */
export interface Caller {
  /** The token of the store that he has shown; null of anybody. */
  readonly token: TokenRecord | null;
  /** What his access token was issued for; null where he has shown no such, but the secret itself or nothing. */
  readonly grants: readonly Grant[] | null;
}

export const ANYBODY: Caller = { token: null, grants: null };
