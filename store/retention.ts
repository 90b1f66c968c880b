import type Database from 'better-sqlite3';
import type { AgingTag } from '../core/oci/retention.js';

interface Row {
  tag: string;
  digest: string;
  pushed_at: number;
  pulled_at: number | null;
}

/** Clients that pin a digest, or the manifest of one platform in an index, keep its tags in use as well. */
const AGES = `
  SELECT t.tag, t.digest, t.pushed_at, nullif(max(
    coalesce(t.pulled_at, 0),
    coalesce((
      SELECT c.pulled_at FROM repository_content c
      WHERE c.repository = t.repository AND c.digest = t.digest), 0),
    coalesce((
      SELECT max(c.pulled_at) FROM manifest_parts p
        CROSS JOIN repository_content c ON c.repository = t.repository AND c.digest = p.digest
      WHERE p.manifest = t.digest AND p.role = 'manifest'), 0)), 0) AS pulled_at
  FROM tags t`;

/** The questions of retention: how old the tags of a repository are, and when they were last of use. */
export class RetentionStore {
  readonly #page: Database.Statement<[string, string, number], Row>;
  readonly #get: Database.Statement<[string, string], Row>;

  constructor(db: Database.Database) {
    this.#page = db.prepare(`${AGES} WHERE t.repository = ? AND t.tag > ? ORDER BY t.tag LIMIT ?`);
    this.#get = db.prepare(`${AGES} WHERE t.repository = ? AND t.tag = ?`);
  }

  /** In the bytewise order of the tags, behind `after`. */
  page(repository: string, after: string, limit: number): AgingTag[] {
    return this.#page.all(repository, after, limit).map(toTag);
  }

  get(repository: string, tag: string): AgingTag | undefined {
    const row = this.#get.get(repository, tag);
    return row && toTag(row);
  }
}

function toTag({ tag, digest, pushed_at: pushedAt, pulled_at: pulledAt }: Row): AgingTag {
  return { tag, digest, pushedAt, pulledAt };
}
