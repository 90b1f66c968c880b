import type Database from 'better-sqlite3';
import type { Digest } from '../core/oci/digest.js';

/** A manifest that was fetched on demand and that no other manifest in its repository names. */
export interface CachedImage {
  readonly repository: string;
  readonly digest: Digest;
  /** When it came or was pulled last, or something that it names was. Milliseconds since the epoch, UTC. */
  readonly usedAt: number;
}

/** What was fetched on demand from one registry: all cached repositories whose names begin with its name and a slash. */
export class CachedImages {
  readonly #repositories: Database.Statement<[string, string], { name: string }>;
  readonly #bytes: Database.Statement;
  readonly #leastRecentlyUsed: Database.Statement;
  readonly #forgetTags: Database.Statement;
  readonly #forgetHistory: Database.Statement;
  readonly #isNamed: Database.Statement;

  constructor(db: Database.Database) {
    this.#repositories = db.prepare(
      "SELECT name FROM repositories WHERE origin = 'cached' AND name > ? AND name < ? ORDER BY name",
    );
    // what a mirrored or hosted repository has as well would stay; what several have counts with the first
    this.#bytes = db
      .prepare(
        `
      SELECT coalesce(sum(b.size), 0) FROM repository_content c JOIN blobs b USING (digest)
      WHERE c.repository = @repository AND NOT EXISTS (
        SELECT 1 FROM repository_content o JOIN repositories r ON r.name = o.repository
        WHERE o.digest = c.digest
          AND (r.origin <> 'cached' OR (o.repository > @first AND o.repository < @repository)))`,
      )
      .pluck();
    this.#leastRecentlyUsed = db.prepare(`
      SELECT * FROM (
        SELECT c.repository, c.digest, max(
          c.touched_at,
          coalesce(c.pulled_at, 0),
          coalesce((SELECT max(t.pulled_at) FROM tags t WHERE t.digest = c.digest AND t.repository = c.repository), 0),
          coalesce((
            SELECT max(o.pulled_at) FROM manifest_parts p
            JOIN repository_content o ON o.repository = c.repository AND o.digest = p.digest
            WHERE p.manifest = c.digest), 0)
        ) AS used_at
        FROM repositories r
        JOIN repository_content c ON c.repository = r.name
        JOIN manifests m ON m.digest = c.digest
        WHERE r.origin = 'cached' AND r.name > @first AND r.name < @behind
          AND NOT EXISTS (
            SELECT 1 FROM manifest_parts p
            JOIN repository_content o ON o.repository = c.repository AND o.digest = p.manifest
            WHERE p.digest = c.digest)
      ) WHERE used_at < @before ORDER BY used_at, digest LIMIT @limit`);
    this.#forgetTags = db.prepare('DELETE FROM tags WHERE repository = @repository AND digest = @digest');
    this.#forgetHistory = db.prepare('DELETE FROM tag_history WHERE repository = @repository AND digest = @digest');
    this.#isNamed = db.prepare(`
      SELECT 1 FROM manifest_parts p
      JOIN repository_content o ON o.repository = @repository AND o.digest = p.manifest
      WHERE p.digest = @digest
      UNION ALL SELECT 1 FROM tags WHERE repository = @repository AND digest = @digest
      LIMIT 1`);
  }

  /** Names of the cached repositories of a registry. */
  repositories(registry: string): string[] {
    const { first, behind } = bounds(registry);
    return this.#repositories.all(first, behind).map(({ name }) => name);
  }

  /** Bytes that are on the disk only for this cached repository, or for it and others of its registry that come later. */
  bytes(registry: string, repository: string): number {
    return this.#bytes.get({ repository, first: bounds(registry).first }) as number;
  }

  /** Those not used since `before`, the longest unused first. */
  leastRecentlyUsed(registry: string, { before, limit }: { before: number; limit: number }): CachedImage[] {
    const rows = this.#leastRecentlyUsed.all({ ...bounds(registry), before, limit }) as {
      repository: string;
      digest: string;
      used_at: number;
    }[];
    return rows.map(({ repository, digest, used_at: usedAt }) => ({ repository, digest, usedAt }));
  }

  /** Forgets the tags that point to a digest, and that they ever did. */
  forgetTags(repository: string, digest: Digest): void {
    this.#forgetTags.run({ repository, digest });
    this.#forgetHistory.run({ repository, digest });
  }

  /** Whether a tag or a manifest in the repository names the digest. */
  isNamed(repository: string, digest: Digest): boolean {
    return this.#isNamed.get({ repository, digest }) !== undefined;
  }
}

/** All names that begin with the registry and a slash lie between these; "0" comes right behind "/". */
function bounds(registry: string): { first: string; behind: string } {
  return { first: `${registry}/`, behind: `${registry}0` };
}
