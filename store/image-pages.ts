import type Database from 'better-sqlite3';
import type { Digest } from '../core/oci/digest.js';
import type { Part } from '../core/oci/manifest.js';
import { parsePlatform } from '../core/oci/platform.js';
import type { Repository, RepositoryOrigin, Tag } from '../core/oci/repository.js';

/** Which repositories are looked for; all words must be in the name. */
export interface RepositorySearch {
  readonly words: readonly string[];
  /** Names that are found whatever the words are. */
  readonly also: readonly string[];
}

/** All that a repository holds. Bytes; milliseconds since the epoch, UTC. */
export interface ContentSummary {
  /** Blobs and manifests. */
  readonly contents: number;
  readonly logical: number;
  /** Of what no other repository holds. */
  readonly own: number;
  readonly pulledAt: number | null;
}

/** All tags of a repository. Milliseconds since the epoch, UTC; null where there is none. */
export interface TagSummary {
  readonly tags: number;
  /** Of these, how many are names that tools have made of digests, for signatures and the like. */
  readonly made: number;
  readonly pulls: number;
  readonly pulledAt: number | null;
  readonly movedAt: number | null;
  /** Of the tag that was compared with upstream the longest time ago. */
  readonly checkedAt: number | null;
  /** Tags that have moved and were not compared with upstream at that time. */
  readonly movedHere: number;
}

/** A part of a manifest, and whether it may be asked for in the repository. */
export interface PlacedPart extends Part {
  readonly isHere: boolean;
}

interface PartRow {
  digest: string;
  role: string;
  mediaType: string;
  size: number;
  platform: string | null;
  isForeign: number;
  isHere: number;
}

/** Names that are made of a digest: referrers of the old tag scheme, signatures of cosign. */
const MADE_TAG = `(tag GLOB 'sha[0-9][0-9][0-9]-[0-9a-f]*' AND length(tag) >= 71)`;
/** A fetch compares a tag a moment before it moves it. Milliseconds. */
const SAME_FETCH = 60_000;
/** Manifests within manifests that are followed, and how many rows that may come to. */
const DEEPEST = 4;
const MOST_BELOW = 5_000;

/** What the pages of images ask beyond what serving them needs. All of it is bounded or paged. */
export class ImagePageStore {
  readonly #search: Database.Statement<
    { words: string; also: string; after: string; limit: number },
    { name: string; origin: string; createdAt: number }
  >;
  readonly #count: Database.Statement<{ words: string; also: string }, { count: number }>;
  readonly #origins: Database.Statement<[], { origin: string; count: number }>;
  readonly #contents: Database.Statement<
    { repository: string; after: string; limit: number },
    ContentSummary & { last: Digest | null }
  >;
  readonly #tags: Database.Statement<{ repository: string; sameFetch: number }, TagSummary>;
  readonly #searchTags: Database.Statement<{ repository: string; after: string; text: string; limit: number }, Tag>;
  readonly #parts: Database.Statement<{ repository: string; digest: string; limit: number }, PartRow>;
  readonly #below: Database.Statement<
    { repository: string; digest: string; deepest: number; most: number },
    { bytes: number }
  >;

  constructor(db: Database.Database) {
    const found = `
      NOT EXISTS (SELECT 1 FROM json_each(@words) w WHERE instr(name, w.value) = 0)
      OR name IN (SELECT value FROM json_each(@also))`;
    this.#search = db.prepare(`
      SELECT name, origin, created_at AS createdAt FROM repositories
      WHERE name > @after AND (${found}) ORDER BY name LIMIT @limit`);
    this.#count = db.prepare(`SELECT count(*) AS count FROM repositories WHERE ${found}`);
    this.#origins = db.prepare('SELECT origin, count(*) AS count FROM repositories GROUP BY origin');
    this.#contents = db.prepare(`
      SELECT
        count(*) AS contents,
        coalesce(sum(b.size), 0) AS logical,
        coalesce(sum(CASE WHEN EXISTS (
          SELECT 1 FROM repository_content o WHERE o.digest = c.digest AND o.repository <> c.repository
        ) THEN 0 ELSE b.size END), 0) AS own,
        max(c.pulled_at) AS pulledAt,
        max(c.digest) AS last
      FROM (
        SELECT repository, digest, pulled_at FROM repository_content
        WHERE repository = @repository AND digest > @after ORDER BY digest LIMIT @limit
      ) c CROSS JOIN blobs b ON b.digest = c.digest`);
    this.#tags = db.prepare(`
      SELECT
        count(*) AS tags,
        coalesce(sum(${MADE_TAG}), 0) AS made,
        coalesce(sum(pulls), 0) AS pulls,
        max(pulled_at) AS pulledAt,
        max(moved_at) AS movedAt,
        min(checked_at) AS checkedAt,
        coalesce(sum(moved_at > coalesce(checked_at, 0) + @sameFetch), 0) AS movedHere
      FROM tags WHERE repository = @repository`);
    this.#searchTags = db.prepare(`
      SELECT repository, tag, digest, moved_at AS movedAt, checked_at AS checkedAt,
        stale_since AS staleSince, pulled_at AS pulledAt, pulls
      FROM tags
      WHERE repository = @repository AND tag > @after
        AND CASE @text WHEN '' THEN NOT ${MADE_TAG} ELSE instr(lower(tag), @text) > 0 END
      ORDER BY tag LIMIT @limit`);
    this.#parts = db.prepare(`
      SELECT
        p.digest, p.role, p.media_type AS mediaType, p.size, p.platform, p.is_foreign AS isForeign,
        c.digest IS NOT NULL AND NOT EXISTS (SELECT 1 FROM bad_blobs x WHERE x.digest = p.digest) AS isHere
      FROM manifest_parts p
      LEFT JOIN repository_content c ON c.repository = @repository AND c.digest = p.digest
      WHERE p.manifest = @digest ORDER BY p.position LIMIT @limit`);
    this.#below = db.prepare(`
      WITH RECURSIVE below (digest, depth) AS (
        SELECT @digest, 0
        UNION
        SELECT p.digest, b.depth + 1 FROM below b JOIN manifest_parts p ON p.manifest = b.digest
        WHERE b.depth < @deepest
        LIMIT @most
      )
      SELECT coalesce(sum(x.size), 0) AS bytes
      FROM (SELECT DISTINCT digest FROM below) d
      -- in this order: SQLite would read the whole repository
      CROSS JOIN repository_content c ON c.repository = @repository AND c.digest = d.digest
      CROSS JOIN blobs x ON x.digest = d.digest`);
  }

  /** In the order of their names, behind `after`. */
  repositories({ words, also }: RepositorySearch, page: { after: string; limit: number }): Repository[] {
    const rows = this.#search.all({ words: JSON.stringify(words), also: JSON.stringify(also), ...page });
    return rows.map((row) => ({ ...row, origin: row.origin as RepositoryOrigin }));
  }

  countRepositories({ words, also }: RepositorySearch): number {
    return this.#count.get({ words: JSON.stringify(words), also: JSON.stringify(also) })?.count ?? 0;
  }

  /** How many repositories there are of each origin; none of an origin that has none. */
  origins(): { origin: RepositoryOrigin; count: number }[] {
    return this.#origins.all().map(({ origin, count }) => ({ origin: origin as RepositoryOrigin, count }));
  }

  /** Of at most `limit` of what it holds, in the order of digests behind `after`; and the last of these, if any. */
  contents(repository: string, page: { after: string; limit: number }): ContentSummary & { last: Digest | null } {
    return (
      this.#contents.get({ repository, ...page }) ?? { contents: 0, logical: 0, own: 0, pulledAt: null, last: null }
    );
  }

  tagSummary(repository: string): TagSummary {
    const none = { tags: 0, made: 0, pulls: 0, pulledAt: null, movedAt: null, checkedAt: null, movedHere: 0 };
    return this.#tags.get({ repository, sameFetch: SAME_FETCH }) ?? none;
  }

  /**
   * Tags that hold `text` (small letters), in their bytewise order, behind `after`. An empty text finds all but those that
   * are made of digests.
   */
  tags(repository: string, search: { text: string; after: string; limit: number }): Tag[] {
    return this.#searchTags.all({ repository, ...search });
  }

  /** What a manifest names, in its own order, at most `limit`. */
  parts(repository: string, digest: Digest, limit: number): PlacedPart[] {
    return this.#parts.all({ repository, digest, limit }).map((row) => ({
      digest: row.digest,
      role: row.role as Part['role'],
      mediaType: row.mediaType,
      size: row.size,
      platform: row.platform === null ? null : (parsePlatform(row.platform) ?? null),
      foreign: row.isForeign === 1,
      isHere: row.isHere === 1,
    }));
  }

  /** Bytes of a manifest and of all below it that the repository has, each digest once. */
  bytesBelow(repository: string, digest: Digest): number {
    return this.#below.get({ repository, digest, deepest: DEEPEST, most: MOST_BELOW })?.bytes ?? 0;
  }
}
