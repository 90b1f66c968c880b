import { makeCase, type Case } from '../cases.js';
import type { ContractClient } from './client.js';

/** What one case works with: a client that may push and delete, and names that no other case has. */
export interface Scene {
  readonly client: ContractClient;
  /** A repository of this case alone; the same `name` is the same repository. */
  repository(name?: string): string;
}

/** Its id is `row-<row of the checklist>-<what>`. */
export type ContractCase = Case<Scene>;

export const contractCase = makeCase<Scene>;
