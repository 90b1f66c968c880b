import type Database from 'better-sqlite3';
import type { Digest } from '../core/oci/digest.js';

/** Something in a cached repository that no manifest there names. */
export interface CachedImage {
  readonly digest: Digest;
  /** False of a blob: nothing here needs it. */
  readonly isManifest: boolean;
  /** When it came or was pulled last, or something that it names was. Milliseconds since the epoch, UTC. */
  readonly usedAt: number;
}

/** Where a look through what a repository has goes on. */
export interface CachedPage {
  /** Empty is from the begin. */
  readonly after: string;
  /** Manifests and blobs that are looked at. */
  readonly limit: number;
}

interface Row {
  digest: string;
  is_manifest: number;
  used_at: number | null;
}

/** The joins keep this order: SQLite would read the whole repository for each manifest. */
const IS_NAMED = (digest: string): string => `
  EXISTS (
    SELECT 1 FROM manifest_parts p
    CROSS JOIN repository_content o ON o.repository = @repository AND o.digest = p.manifest
    WHERE p.digest = ${digest})`;

/** The plus sign lets SQLite look for the digest, not through all tags of the repository. */
const USED_AT = `
  max(
    c.touched_at,
    coalesce(c.pulled_at, 0),
    coalesce((SELECT max(t.pulled_at) FROM tags t WHERE t.digest = c.digest AND +t.repository = @repository), 0),
    coalesce((
      SELECT max(o.pulled_at) FROM manifest_parts p
      CROSS JOIN repository_content o ON o.repository = @repository AND o.digest = p.digest
      WHERE p.manifest = c.digest), 0))`;

/** What was fetched on demand from one registry: all cached repositories whose names begin with its name and a slash. */
export class CachedImages {
  readonly #repositories: Database.Statement<[string, string], { name: string }>;
  readonly #bytes: Database.Statement;
  readonly #unnamed: Database.Statement;
  readonly #usedAt: Database.Statement;
  readonly #forgetTags: Database.Statement;
  readonly #forgetHistory: Database.Statement;
  readonly #isNamed: Database.Statement;

  constructor(db: Database.Database) {
    this.#repositories = db.prepare(
      "SELECT name FROM repositories WHERE origin = 'cached' AND name > ? AND name < ? ORDER BY name",
    );
    // what a mirrored or hosted repository has as well would stay; what several have counts with the first
    this.#bytes = db.prepare(`
      SELECT count(*) AS looked_at, max(c.digest) AS last, coalesce(sum(
        CASE WHEN EXISTS (
          SELECT 1 FROM repository_content o CROSS JOIN repositories r ON r.name = o.repository
          WHERE o.digest = c.digest
            AND (r.origin <> 'cached' OR (o.repository > @first AND o.repository < @repository))
        ) THEN 0 ELSE b.size END), 0) AS bytes
      FROM (
        SELECT digest FROM repository_content
        WHERE repository = @repository AND digest > @after ORDER BY digest LIMIT @limit
      ) c CROSS JOIN blobs b ON b.digest = c.digest`);
    this.#unnamed = db.prepare(`
      SELECT
        c.digest,
        EXISTS (SELECT 1 FROM manifests m WHERE m.digest = c.digest) AS is_manifest,
        CASE WHEN ${IS_NAMED('c.digest')} THEN NULL ELSE ${USED_AT} END AS used_at
      FROM repository_content c
      WHERE c.repository = @repository AND c.digest > @after ORDER BY c.digest LIMIT @limit`);
    this.#usedAt = db
      .prepare(
        `SELECT ${USED_AT} FROM repository_content c
         WHERE c.repository = @repository AND c.digest = @digest AND NOT ${IS_NAMED('c.digest')}`,
      )
      .pluck();
    this.#forgetTags = db.prepare('DELETE FROM tags WHERE digest = @digest AND +repository = @repository');
    this.#forgetHistory = db.prepare('DELETE FROM tag_history WHERE digest = @digest AND +repository = @repository');
    this.#isNamed = db.prepare(`
      SELECT 1 WHERE ${IS_NAMED('@digest')}
        OR EXISTS (SELECT 1 FROM tags WHERE digest = @digest AND +repository = @repository)`);
  }

  /** Names of the cached repositories of a registry. */
  repositories(registry: string): string[] {
    return this.#repositories.all(begin(registry), `${registry}0`).map(({ name }) => name); // "0" comes behind "/"
  }

  /**
   * Bytes of what is looked at that are on the disk only for this cached repository, or for it and others of its registry
   * that come later; and the last that was looked at, null when nothing comes behind it.
   */
  bytes(registry: string, repository: string, page: CachedPage): { bytes: number; last: Digest | null } {
    const row = this.#bytes.get({ repository, first: begin(registry), ...page }) as {
      looked_at: number;
      last: string | null;
      bytes: number;
    };
    return { bytes: row.bytes, last: row.looked_at < page.limit ? null : row.last };
  }

  /** Of what is looked at, what no manifest in the repository names; and the last, null when nothing comes behind it. */
  unnamed(repository: string, page: CachedPage): { unnamed: CachedImage[]; last: Digest | null } {
    const rows = this.#unnamed.all({ repository, ...page }) as Row[];
    const unnamed = rows.flatMap(({ digest, is_manifest, used_at: usedAt }) =>
      usedAt === null ? [] : [{ digest, isManifest: is_manifest === 1, usedAt }],
    );
    return { unnamed, last: rows.length < page.limit ? null : (rows.at(-1)?.digest ?? null) };
  }

  /** When something was used last that no manifest in the repository names; undefined of all else. */
  usedAt(repository: string, digest: Digest): number | undefined {
    return this.#usedAt.get({ repository, digest }) as number | undefined;
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

/** All names that begin with the registry and a slash come behind this. */
function begin(registry: string): string {
  return `${registry}/`;
}
