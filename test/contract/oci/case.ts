import type { ContractClient } from './client.js';

/** What one case works with: a client that may push and delete, and names that no other case has. */
export interface Scene {
  readonly client: ContractClient;
  /** A repository of this case alone; the same `name` is the same repository. */
  repository(name?: string): string;
}

export interface ContractCase {
  /** Stable: `row-<row of the checklist>-<what>`. */
  readonly id: string;
  readonly title: string;
  run(scene: Scene): Promise<void>;
}

export function contractCase(id: string, title: string, run: (scene: Scene) => Promise<void>): ContractCase {
  return { id, title, run };
}
