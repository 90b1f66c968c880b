import type Database from 'better-sqlite3';

/** What is known of the limits of an upstream registry for an account, as text that only its writer reads. */
export class RegistryLimitStore {
  readonly #get: Database.Statement<[string, string], { state: string }>;
  readonly #set: Database.Statement;

  constructor(db: Database.Database) {
    this.#get = db.prepare('SELECT state FROM registry_limits WHERE registry = ? AND account = ?');
    this.#set = db.prepare(`
      INSERT INTO registry_limits (registry, account, state) VALUES (@registry, @account, @state)
      ON CONFLICT (registry, account) DO UPDATE SET state = @state`);
  }

  get(registry: string, account: string): string | undefined {
    return this.#get.get(registry, account)?.state;
  }

  set(registry: string, account: string, state: string): void {
    this.#set.run({ registry, account, state });
  }
}
