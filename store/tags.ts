import type Database from 'better-sqlite3';
import type { Digest } from '../core/oci/digest.js';
import type { FormerTag, Tag } from '../core/oci/repository.js';

interface Row {
  repository: string;
  tag: string;
  digest: string;
  moved_at: number;
  checked_at: number | null;
  stale_since: number | null;
  pulled_at: number | null;
  pulls: number;
}

interface HistoryRow {
  id: number;
  tag: string;
  digest: string;
  moved_at: number;
  replaced_at: number;
}

export class TagStore {
  readonly #set: Database.Statement;
  readonly #get: Database.Statement<[string, string], Row>;
  readonly #page: Database.Statement<[string, string, number], Row>;
  readonly #names: Database.Statement<[string, string, number], string>;
  readonly #ofDigest: Database.Statement<[string, string], Row>;
  readonly #count: Database.Statement<[string], { count: number }>;
  readonly #remove: Database.Statement<[string, string]>;
  readonly #setChecked: Database.Statement<[number, string, string]>;
  readonly #setStale: Database.Statement<[number, string, string]>;
  readonly #setUncheckedStale: Database.Statement;
  readonly #addPulls: Database.Statement;
  readonly #addHistory: Database.Statement;
  readonly #touch: Database.Statement;
  readonly #history: Database.Statement<[string, string, number], HistoryRow>;
  readonly #trimHistory: Database.Statement;

  constructor(db: Database.Database) {
    this.#set = db.prepare(`
      INSERT INTO tags (repository, tag, digest, moved_at, pushed_at, checked_at)
      VALUES (@repository, @tag, @digest, @at, @at, @checkedAt)
      ON CONFLICT (repository, tag) DO UPDATE SET
        moved_at = CASE WHEN digest = @digest THEN moved_at ELSE @at END,
        pushed_at = @at,
        digest = @digest,
        checked_at = coalesce(@checkedAt, checked_at),
        stale_since = CASE WHEN @checkedAt IS NULL THEN stale_since END`);
    this.#get = db.prepare('SELECT * FROM tags WHERE repository = ? AND tag = ?');
    this.#page = db.prepare('SELECT * FROM tags WHERE repository = ? AND tag > ? ORDER BY tag LIMIT ?');
    this.#names = db
      .prepare<[string, string, number], string>(
        'SELECT tag FROM tags WHERE repository = ? AND tag > ? ORDER BY tag LIMIT ?',
      )
      .pluck();
    this.#ofDigest = db.prepare('SELECT * FROM tags WHERE repository = ? AND digest = ? ORDER BY tag');
    this.#count = db.prepare('SELECT count(*) AS count FROM tags WHERE repository = ?');
    this.#remove = db.prepare('DELETE FROM tags WHERE repository = ? AND tag = ?');
    this.#setChecked = db.prepare(
      'UPDATE tags SET checked_at = ?, stale_since = NULL WHERE repository = ? AND tag = ?',
    );
    this.#setStale = db.prepare(
      'UPDATE tags SET stale_since = ? WHERE repository = ? AND tag = ? AND stale_since IS NULL',
    );
    this.#setUncheckedStale = db.prepare(`
      UPDATE tags SET stale_since = @at
      WHERE repository = @repository AND stale_since IS NULL AND coalesce(checked_at, 0) < @since`);
    this.#addPulls = db.prepare(`
      UPDATE tags SET pulls = pulls + @pulls, pulled_at = @at WHERE repository = @repository AND tag = @tag`);
    this.#addHistory = db.prepare(`
      INSERT INTO tag_history (repository, tag, digest, moved_at, replaced_at)
      VALUES (@repository, @tag, @digest, @movedAt, @at)`);
    this.#touch = db.prepare(`
      UPDATE repository_content SET touched_at = max(touched_at, @at) WHERE repository = @repository AND digest = @digest`);
    this.#history = db.prepare(`
      SELECT id, tag, digest, moved_at, replaced_at FROM tag_history
      WHERE repository = ? AND tag = ? ORDER BY id DESC LIMIT ?`);
    this.#trimHistory = db.prepare(`
      DELETE FROM tag_history WHERE repository = @repository AND tag = @tag AND id NOT IN (
        SELECT id FROM tag_history WHERE repository = @repository AND tag = @tag ORDER BY id DESC LIMIT @keep)`);
  }

  get(repository: string, tag: string): Tag | undefined {
    const row = this.#get.get(repository, tag);
    return row && toTag(row);
  }

  /**
   * Lets the tag point to `digest`, whose manifest must be recorded, and keeps what it pointed to. `checkedAt` is when
   * upstream was seen to have it so; null leaves that as it was. Whether it moved. To be called in a transaction.
   */
  move(
    { repository, tag, digest }: Pick<Tag, 'repository' | 'tag' | 'digest'>,
    { at, checkedAt, keepHistory }: { at: number; checkedAt: number | null; keepHistory: number },
  ): boolean {
    const before = this.get(repository, tag);
    this.#set.run({ repository, tag, digest, at, checkedAt });
    if (before === undefined || before.digest === digest) return before === undefined;
    this.#addToHistory(before, at);
    this.#trimHistory.run({ repository, tag, keep: keepHistory });
    return true;
  }

  /** What it pointed to stays in its history. To be called in a transaction. */
  remove(repository: string, tag: string, at: number): boolean {
    const before = this.get(repository, tag);
    if (!before) return false;
    this.#addToHistory(before, at);
    this.#remove.run(repository, tag);
    return true;
  }

  /** In the bytewise order of the tags, behind `after`. */
  page(repository: string, after: string, limit: number): Tag[] {
    return this.#page.all(repository, after, limit).map(toTag);
  }

  /** Their names alone, in the same order: a page of many. */
  names(repository: string, after: string, limit: number): string[] {
    return this.#names.all(repository, after, limit);
  }

  /** Those that point to `digest`. */
  ofDigest(repository: string, digest: Digest): Tag[] {
    return this.#ofDigest.all(repository, digest).map(toTag);
  }

  count(repository: string): number {
    return this.#count.get(repository)?.count ?? 0;
  }

  /** Upstream was seen to have the tag as it is here. */
  setChecked(repository: string, tag: string, at: number): void {
    this.#setChecked.run(at, repository, tag);
  }

  /** It could not be compared with upstream or brought in step; the first such time is kept. */
  setStale(repository: string, tag: string, at: number): void {
    this.#setStale.run(at, repository, tag);
  }

  /** The same of all tags that upstream was not seen to have so, `since` then. */
  setUncheckedStale(repository: string, { since, at }: { since: number; at: number }): void {
    this.#setUncheckedStale.run({ repository, since, at });
  }

  addPulls(repository: string, tag: string, { pulls, at }: { pulls: number; at: number }): void {
    this.#addPulls.run({ repository, tag, pulls, at });
  }

  /** What it pointed to before, newest first. */
  history(repository: string, tag: string, limit: number): FormerTag[] {
    return this.#history.all(repository, tag, limit).map((row) => ({
      id: row.id,
      tag: row.tag,
      digest: row.digest,
      movedAt: row.moved_at,
      replacedAt: row.replaced_at,
    }));
  }

  /** Whoever has just resolved the tag still gets what it pointed to: it counts as wanted until now. */
  #addToHistory({ repository, tag, digest, movedAt }: Tag, at: number): void {
    this.#addHistory.run({ repository, tag, digest, movedAt, at });
    this.#touch.run({ repository, digest, at });
  }
}

function toTag(row: Row): Tag {
  return {
    repository: row.repository,
    tag: row.tag,
    digest: row.digest,
    movedAt: row.moved_at,
    checkedAt: row.checked_at,
    staleSince: row.stale_since,
    pulledAt: row.pulled_at,
    pulls: row.pulls,
  };
}
