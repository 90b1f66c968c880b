import type Database from 'better-sqlite3';
import type { Digest } from '../core/oci/digest.js';

/** Bytes that are whole on the disk under the name of their digest. Times are milliseconds since the epoch, UTC. */
export interface BlobRecord {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  readonly storedAt: number;
  /** When its bytes were last hashed. */
  readonly checkedAt: number;
}

interface Row {
  digest: string;
  size: number;
  stored_at: number;
  checked_at: number;
}

export class BlobRecords {
  readonly #add: Database.Statement;
  readonly #isGood: Database.Statement<[string]>;
  readonly #get: Database.Statement<[string], Row>;
  readonly #remove: Database.Statement<[string]>;
  readonly #setChecked: Database.Statement<[number, string]>;
  readonly #leastRecentlyChecked: Database.Statement<[number, number], Row>;
  readonly #page: Database.Statement<[string, number], Row>;
  readonly #total: Database.Statement<[], { count: number; bytes: number }>;

  constructor(db: Database.Database) {
    this.#add = db.prepare(`
      INSERT INTO blobs (digest, size, stored_at, checked_at) VALUES (@digest, @size, @at, @at)
      ON CONFLICT (digest) DO UPDATE SET checked_at = @at`);
    this.#isGood = db.prepare('DELETE FROM bad_blobs WHERE digest = ?');
    this.#get = db.prepare(`
      SELECT * FROM blobs b
      WHERE b.digest = ? AND NOT EXISTS (SELECT 1 FROM bad_blobs x WHERE x.digest = b.digest)`);
    this.#remove = db.prepare('DELETE FROM blobs WHERE digest = ?');
    this.#setChecked = db.prepare('UPDATE blobs SET checked_at = ? WHERE digest = ?');
    this.#leastRecentlyChecked = db.prepare(`
      SELECT * FROM blobs b
      WHERE b.checked_at < ?
        AND NOT EXISTS (SELECT 1 FROM bad_blobs x WHERE x.digest = b.digest)
        AND EXISTS (SELECT 1 FROM repository_content c WHERE c.digest = b.digest)
      ORDER BY b.checked_at LIMIT ?`);
    this.#page = db.prepare('SELECT * FROM blobs WHERE digest > ? ORDER BY digest LIMIT ?');
    this.#total = db.prepare('SELECT count(*) AS count, coalesce(sum(size), 0) AS bytes FROM blobs');
  }

  /** Its bytes have just been hashed and are what the digest says. */
  add(digest: Digest, size: number, at: number): void {
    this.#add.run({ digest, size, at });
    this.#isGood.run(digest);
  }

  /** Undefined also for one whose bytes were found to be wrong or gone: whoever has it may store it again. */
  get(digest: Digest): BlobRecord | undefined {
    const row = this.#get.get(digest);
    return row && toRecord(row);
  }

  /** Nothing may refer to it any more. */
  remove(digest: Digest): void {
    this.#remove.run(digest);
  }

  setChecked(digest: Digest, at: number): void {
    this.#setChecked.run(at, digest);
  }

  /** Those that a repository has and that were not hashed since `before`, the longest first; none that is known as bad. */
  leastRecentlyChecked(before: number, limit: number): BlobRecord[] {
    return this.#leastRecentlyChecked.all(before, limit).map(toRecord);
  }

  /** In the order of their digests, behind `after`. */
  page(after: Digest, limit: number): BlobRecord[] {
    return this.#page.all(after, limit).map(toRecord);
  }

  /** All blobs together; bytes. */
  total(): { count: number; bytes: number } {
    return this.#total.get() ?? { count: 0, bytes: 0 };
  }
}

function toRecord(row: Row): BlobRecord {
  return { digest: row.digest, size: row.size, storedAt: row.stored_at, checkedAt: row.checked_at };
}
