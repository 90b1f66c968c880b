import type Database from 'better-sqlite3';
import type { Digest } from '../core/oci/digest.js';
import type { Repository, RepositoryOrigin } from '../core/oci/repository.js';

interface Row {
  name: string;
  origin: string;
  created_at: number;
}

/** One row of what a repository holds. Times are milliseconds since the epoch, UTC. */
export interface ContentRecord {
  readonly digest: Digest;
  /** When it was put there, or a client that may push asked whether it is there: it is kept a while from then on. */
  readonly touchedAt: number;
  readonly pulledAt: number | null;
}

/** Repositories, and which blobs and manifests may be asked for in each. */
export class RepositoryStore {
  readonly #add: Database.Statement;
  readonly #get: Database.Statement<[string], Row>;
  readonly #page: Database.Statement<[string, number], Row>;
  readonly #remove: Database.Statement<[string]>;
  readonly #setOrigin: Database.Statement<[string, string]>;
  readonly #link: Database.Statement;
  readonly #unlink: Database.Statement<[string, string]>;
  readonly #content: Database.Statement<
    [string, string],
    { digest: string; touched_at: number; pulled_at: number | null }
  >;
  readonly #pulled: Database.Statement<[number, string, string]>;
  readonly #holders: Database.Statement<[string], { repository: string }>;
  readonly #sizes: Database.Statement<[string], { logical: number; own: number }>;
  readonly #contentCount: Database.Statement<[string], { count: number }>;

  constructor(db: Database.Database) {
    this.#add = db.prepare(`
      INSERT INTO repositories (name, origin, created_at) VALUES (@name, @origin, @at) ON CONFLICT (name) DO NOTHING`);
    this.#get = db.prepare('SELECT * FROM repositories WHERE name = ?');
    this.#page = db.prepare('SELECT * FROM repositories WHERE name > ? ORDER BY name LIMIT ?');
    this.#remove = db.prepare('DELETE FROM repositories WHERE name = ?');
    this.#setOrigin = db.prepare('UPDATE repositories SET origin = ? WHERE name = ?');
    this.#link = db.prepare(`
      INSERT INTO repository_content (repository, digest, touched_at) VALUES (@repository, @digest, @at)
      ON CONFLICT (repository, digest) DO UPDATE SET touched_at = max(touched_at, @at)`);
    this.#unlink = db.prepare('DELETE FROM repository_content WHERE repository = ? AND digest = ?');
    this.#content = db.prepare(`
      SELECT digest, touched_at, pulled_at FROM repository_content WHERE repository = ? AND digest = ?`);
    this.#pulled = db.prepare('UPDATE repository_content SET pulled_at = ? WHERE repository = ? AND digest = ?');
    this.#holders = db.prepare('SELECT repository FROM repository_content WHERE digest = ? ORDER BY repository');
    this.#contentCount = db.prepare('SELECT count(*) AS count FROM repository_content WHERE repository = ?');
    // "own" is what no other repository has: the bytes that its removal would set free
    this.#sizes = db.prepare(`
      SELECT
        coalesce(sum(b.size), 0) AS logical,
        coalesce(sum(CASE WHEN EXISTS (
          SELECT 1 FROM repository_content o WHERE o.digest = c.digest AND o.repository <> c.repository
        ) THEN 0 ELSE b.size END), 0) AS own
      FROM repository_content c JOIN blobs b USING (digest) WHERE c.repository = ?`);
  }

  /** Makes the repository where there is none of that name yet. */
  ensure(name: string, origin: RepositoryOrigin, at: number): Repository {
    this.#add.run({ name, origin, at });
    const row = this.#get.get(name);
    if (!row) throw new Error(`the repository ${name} was not recorded`);
    return toRepository(row);
  }

  get(name: string): Repository | undefined {
    const row = this.#get.get(name);
    return row && toRepository(row);
  }

  setOrigin(name: string, origin: RepositoryOrigin): void {
    this.#setOrigin.run(origin, name);
  }

  /** In the order of their names, behind `after`. */
  page(after: string, limit: number): Repository[] {
    return this.#page.all(after, limit).map(toRepository);
  }

  /** With its tags, their history and its claims on blobs. */
  remove(name: string): void {
    this.#remove.run(name);
  }

  /** From now on the digest, whose blob must be recorded, may be asked for in the repository; or it still is wanted. */
  link(repository: string, digest: Digest, at: number): void {
    this.#link.run({ repository, digest, at });
  }

  unlink(repository: string, digest: Digest): void {
    this.#unlink.run(repository, digest);
  }

  content(repository: string, digest: Digest): ContentRecord | undefined {
    const row = this.#content.get(repository, digest);
    return row && { digest: row.digest, touchedAt: row.touched_at, pulledAt: row.pulled_at };
  }

  holds(repository: string, digest: Digest): boolean {
    return this.#content.get(repository, digest) !== undefined;
  }

  setPulled(repository: string, digest: Digest, at: number): void {
    this.#pulled.run(at, repository, digest);
  }

  /** Names of all repositories in which the digest may be asked for. */
  holders(digest: Digest): string[] {
    return this.#holders.all(digest).map(({ repository }) => repository);
  }

  /** Blobs and manifests that it holds. */
  contentCount(name: string): number {
    return this.#contentCount.get(name)?.count ?? 0;
  }

  /** Bytes of all that it holds, and of what no other repository holds. */
  sizes(name: string): { logical: number; own: number } {
    return this.#sizes.get(name) ?? { logical: 0, own: 0 };
  }
}

function toRepository(row: Row): Repository {
  return { name: row.name, origin: row.origin as RepositoryOrigin, createdAt: row.created_at };
}
