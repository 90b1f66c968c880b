import type Database from 'better-sqlite3';
import type { Digest } from '../core/oci/digest.js';

/** What is kept although nothing needs it. The times are milliseconds since the epoch, UTC. */
export interface KeepLimits {
  /** What was put into a repository, or lost its last tag, after this stays. */
  readonly graceBefore: number;
  /** Pushed manifests that lost their last tag, and the history of tags that are gone, stay when that was after this. */
  readonly untaggedBefore: number;
  /** Former digests of each tag. */
  readonly history: number;
}

export interface HeldContent {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  /** False when it was seen at once that it is needed, or was touched lately. */
  readonly isSuspect: boolean;
}

export interface Orphan {
  readonly digest: Digest;
  readonly size: number;
  readonly storedAt: number;
  readonly checkedAt: number;
}

/** What tells why something in a repository is not needed. */
export interface UnneededFacts {
  readonly isManifest: boolean;
  readonly touchedAt: number;
  /** A manifest in the same repository that names it. */
  readonly namedBy: Digest | null;
  readonly subject: Digest | null;
  readonly isSubjectHeld: boolean;
}

interface Place {
  readonly repository: string;
  readonly digest: Digest;
}

const IS_TAGGED = (digest: string): string =>
  `EXISTS (SELECT 1 FROM tags t WHERE t.digest = ${digest} AND t.repository = @repository)`;

const IS_HELD = (digest: string): string =>
  `EXISTS (SELECT 1 FROM repository_content o WHERE o.digest = ${digest} AND o.repository = @repository)`;

/** A former digest counts while its tag is there, or was until lately, and while it is among the newest ones. */
const HISTORY_COUNTS = `
  (h.replaced_at > @untaggedBefore
    OR EXISTS (SELECT 1 FROM tags t WHERE t.repository = h.repository AND t.tag = h.tag))
  AND @history > (
    SELECT count(*) FROM tag_history n WHERE n.repository = h.repository AND n.tag = h.tag AND n.id > h.id)`;

/** What is fetched on demand is kept by being pulled, too. */
const LAST_USE = `
  CASE (SELECT origin FROM repositories WHERE name = c.repository)
    WHEN 'cached' THEN max(c.touched_at, coalesce(c.pulled_at, 0)) ELSE c.touched_at END`;

/** The digest, and all in the repository that would be broken or without a meaning if it stayed and the digest went. */
const WITH_ALL_ABOVE = `
  WITH RECURSIVE up (digest) AS (
    SELECT @digest
    UNION
    SELECT p.manifest FROM up
      CROSS JOIN manifest_parts p ON p.digest = up.digest
      CROSS JOIN repository_content c ON c.repository = @repository AND c.digest = p.manifest
    UNION
    SELECT m.subject FROM up
      CROSS JOIN manifests m ON m.digest = up.digest
      CROSS JOIN repository_content c ON c.repository = @repository AND c.digest = m.subject
  )`;

/** What tags reach in at most two steps is passed over at the first path that is found: layers may have thousands. */
const CONTENT_PAGE = `
  SELECT c.digest, b.size, NOT (
    ${LAST_USE} > @graceBefore
    OR ${IS_TAGGED('c.digest')}
    OR EXISTS (
      SELECT 1 FROM manifest_parts p
      WHERE p.digest = c.digest AND ${IS_HELD('p.manifest')} AND (
        ${IS_TAGGED('p.manifest')}
        OR EXISTS (
          SELECT 1 FROM manifest_parts q
          WHERE q.digest = p.manifest AND ${IS_HELD('q.manifest')} AND ${IS_TAGGED('q.manifest')})))
  ) AS is_suspect
  FROM repository_content c JOIN blobs b USING (digest)
  WHERE c.repository = @repository AND c.digest > @after
    AND @manifests = EXISTS (SELECT 1 FROM manifests m WHERE m.digest = c.digest)
  ORDER BY c.digest LIMIT @limit`;

const IS_NEEDED = `
  ${WITH_ALL_ABOVE}
  SELECT 1 FROM up WHERE
    ${IS_TAGGED('up.digest')}
    OR EXISTS (
      SELECT 1 FROM tag_history h
      WHERE h.digest = up.digest AND h.repository = @repository AND ${HISTORY_COUNTS})
    OR EXISTS (
      SELECT 1 FROM repository_content c
      WHERE c.repository = @repository AND c.digest = up.digest AND (
        ${LAST_USE} > @graceBefore
        OR (c.touched_at > @untaggedBefore
          AND EXISTS (SELECT 1 FROM manifests m WHERE m.digest = c.digest)
          AND EXISTS (SELECT 1 FROM repositories r WHERE r.name = c.repository AND r.origin = 'hosted'))))
  LIMIT 1`;

/**
 * The questions of garbage collection. Something is needed in a repository when a path leads to it from a tag, a former
 * digest of a tag, or what was touched lately: from an index to its manifests, from a manifest to its configuration and
 * layers, from a subject to what refers to it.
 */
export class GarbageStore {
  readonly #content: Database.Statement;
  readonly #isNeeded: Database.Statement;
  readonly #above: Database.Statement<Place, { digest: string }>;
  readonly #facts: Database.Statement;
  readonly #unlink: Database.Statement;
  readonly #forgetHistory: Database.Statement;
  readonly #page: Database.Statement;
  readonly #mayGo: Database.Statement;
  readonly #forgetAllHistory: Database.Statement<[string]>;
  readonly #history: Database.Statement;
  readonly #forgetEntry: Database.Statement<[number]>;
  readonly #removeEmpty: Database.Statement;

  constructor(db: Database.Database) {
    this.#content = db.prepare(CONTENT_PAGE);
    this.#isNeeded = db.prepare(IS_NEEDED);
    this.#above = db.prepare(`${WITH_ALL_ABOVE} SELECT digest FROM up`);
    this.#facts = db.prepare(`
      SELECT c.touched_at, m.digest IS NOT NULL AS is_manifest, m.subject,
        EXISTS (SELECT 1 FROM repository_content s WHERE s.repository = @repository AND s.digest = m.subject)
          AS is_subject_held,
        (SELECT p.manifest FROM manifest_parts p
          JOIN repository_content o ON o.repository = @repository AND o.digest = p.manifest
          WHERE p.digest = c.digest LIMIT 1) AS named_by
      FROM repository_content c LEFT JOIN manifests m USING (digest)
      WHERE c.repository = @repository AND c.digest = @digest`);
    this.#unlink = db.prepare('DELETE FROM repository_content WHERE repository = @repository AND digest = @digest');
    this.#forgetHistory = db.prepare('DELETE FROM tag_history WHERE repository = @repository AND digest = @digest');
    this.#page = db.prepare(`
      SELECT b.*, NOT EXISTS (SELECT 1 FROM repository_content c WHERE c.digest = b.digest) AS is_orphan
      FROM blobs b WHERE b.digest > @after ORDER BY b.digest LIMIT @limit`);
    this.#mayGo = db.prepare(`
      SELECT 1 FROM blobs b
      WHERE b.digest = @digest AND b.stored_at <= @before AND b.checked_at <= @before
        AND NOT EXISTS (SELECT 1 FROM repository_content c WHERE c.digest = b.digest)
        AND NOT EXISTS (SELECT 1 FROM tags t WHERE t.digest = b.digest)`);
    this.#forgetAllHistory = db.prepare('DELETE FROM tag_history WHERE digest = ?');
    this.#history = db.prepare(`
      SELECT h.id, NOT (${HISTORY_COUNTS}) AS is_over FROM tag_history h
      WHERE h.id > @after ORDER BY h.id LIMIT @limit`);
    this.#forgetEntry = db.prepare('DELETE FROM tag_history WHERE id = ?');
    this.#removeEmpty = db.prepare(`
      DELETE FROM repositories WHERE name = @repository AND origin = 'cached' AND created_at <= @before
        AND NOT EXISTS (SELECT 1 FROM repository_content c WHERE c.repository = name)
        AND NOT EXISTS (SELECT 1 FROM tags t WHERE t.repository = name)`);
  }

  /** What a repository holds, manifests or all else, in the order of the digests, behind `after`. */
  content(
    repository: string,
    page: { manifests: boolean; after: Digest; limit: number },
    limits: KeepLimits,
  ): HeldContent[] {
    const rows = this.#content.all({ repository, ...page, ...limits, manifests: page.manifests ? 1 : 0 }) as {
      digest: string;
      size: number;
      is_suspect: number;
    }[];
    return rows.map(({ digest, size, is_suspect }) => ({ digest, size, isSuspect: is_suspect === 1 }));
  }

  isNeeded(repository: string, digest: Digest, limits: KeepLimits): boolean {
    return this.#isNeeded.get({ repository, digest, ...limits }) !== undefined;
  }

  /** What tells why `digest` is not needed in the repository that holds it. */
  facts(repository: string, digest: Digest): UnneededFacts | undefined {
    const row = this.#facts.get({ repository, digest }) as
      | {
          touched_at: number;
          is_manifest: number;
          subject: string | null;
          is_subject_held: number;
          named_by: string | null;
        }
      | undefined;
    if (!row) return undefined;
    const { touched_at: touchedAt, subject, named_by: namedBy } = row;
    return { touchedAt, subject, namedBy, isManifest: row.is_manifest === 1, isSubjectHeld: row.is_subject_held === 1 };
  }

  /**
   * Takes a digest out of a repository that does not need it, with all that names it there (that is not needed either,
   * and would be broken): so no moment shows a manifest without its parts. Returns what was taken out, none when it is
   * needed after all. To be called in a transaction.
   */
  takeOut(repository: string, digest: Digest, limits: KeepLimits): Digest[] {
    if (this.isNeeded(repository, digest, limits)) return [];
    const gone: Digest[] = [];
    for (const above of this.#above.all({ repository, digest })) {
      const place = { repository, digest: above.digest };
      this.#forgetHistory.run(place);
      if (this.#unlink.run(place).changes > 0) gone.push(above.digest);
    }
    return gone;
  }

  /** All blobs in the order of their digests, behind `after`: the last one that was looked at, and those nobody has. */
  orphans(after: Digest, limit: number): { last: Digest | undefined; orphans: Orphan[] } {
    const rows = this.#page.all({ after, limit }) as {
      digest: string;
      size: number;
      stored_at: number;
      checked_at: number;
      is_orphan: number;
    }[];
    const orphans = rows
      .filter((row) => row.is_orphan === 1)
      .map((row) => ({ digest: row.digest, size: row.size, storedAt: row.stored_at, checkedAt: row.checked_at }));
    return { last: rows.at(-1)?.digest, orphans };
  }

  /** Whether no repository has the blob, no tag points to it, and it was stored and checked not later than `before`. */
  mayGo(digest: Digest, before: number): boolean {
    return this.#mayGo.get({ digest, before }) !== undefined;
  }

  /** Forgets that tags pointed to it, for one that no repository has. To be called in the transaction of its removal. */
  forgetHistory(digest: Digest): void {
    this.#forgetAllHistory.run(digest);
  }

  /** Looks through so many entries of the history behind `after` and forgets those over the limits; the last one's id. */
  trimHistory(page: { after: number; limit: number }, limits: KeepLimits): number | undefined {
    const rows = this.#history.all({ ...page, ...limits }) as { id: number; is_over: number }[];
    for (const row of rows) if (row.is_over === 1) this.#forgetEntry.run(row.id);
    return rows.at(-1)?.id;
  }

  /** Removes a repository of images fetched on demand when it has nothing and was made before. */
  removeEmpty(repository: string, before: number): boolean {
    return this.#removeEmpty.run({ repository, before }).changes > 0;
  }
}
