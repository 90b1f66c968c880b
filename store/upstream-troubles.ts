import type Database from 'better-sqlite3';

/** Which registries could not be asked, and since when: it outlives a restart, during which nobody asked either. */
export class UpstreamTroubleStore {
  readonly #all: Database.Statement<[], { registry: string; since: number }>;
  readonly #add: Database.Statement;
  readonly #remove: Database.Statement<[string]>;

  constructor(db: Database.Database) {
    this.#all = db.prepare('SELECT registry, since FROM upstream_troubles');
    this.#add = db.prepare(
      'INSERT INTO upstream_troubles (registry, since) VALUES (@registry, @since) ON CONFLICT (registry) DO NOTHING',
    );
    this.#remove = db.prepare('DELETE FROM upstream_troubles WHERE registry = ?');
  }

  /** By the name of the registry; milliseconds since the epoch. */
  all(): Map<string, number> {
    return new Map(this.#all.all().map(({ registry, since }) => [registry, since]));
  }

  /** The first time is kept. */
  add(registry: string, since: number): void {
    this.#add.run({ registry, since });
  }

  remove(registry: string): void {
    this.#remove.run(registry);
  }
}
