import type Database from 'better-sqlite3';
import type { Digest } from '../core/oci/digest.js';

/** A recorded blob whose bytes on the disk are not those of its digest. Times are milliseconds since the epoch, UTC. */
export interface BadBlob {
  readonly digest: Digest;
  /** Bytes, as they should be. */
  readonly size: number;
  /** What was found, in words. */
  readonly reason: string;
  readonly foundAt: number;
  /** When it was last asked for again; null is not yet. */
  readonly triedAt: number | null;
}

interface Row {
  digest: string;
  size: number;
  reason: string;
  found_at: number;
  tried_at: number | null;
}

/** Blobs that were set aside. What refers to them stays; storing them again (`BlobRecords.add`) takes them out. */
export class BadBlobs {
  readonly #add: Database.Statement;
  readonly #get: Database.Statement<[string], Row>;
  readonly #list: Database.Statement<[number], Row>;
  readonly #due: Database.Statement<[number, number], Row>;
  readonly #setTried: Database.Statement<[number, string]>;
  readonly #remove: Database.Statement<[string]>;
  readonly #count: Database.Statement<[], { count: number }>;

  constructor(db: Database.Database) {
    this.#add = db.prepare(`
      INSERT INTO bad_blobs (digest, reason, found_at) VALUES (@digest, @reason, @at) ON CONFLICT (digest) DO NOTHING`);
    this.#get = db.prepare('SELECT x.*, b.size FROM bad_blobs x JOIN blobs b USING (digest) WHERE x.digest = ?');
    this.#list = db.prepare(`
      SELECT x.*, b.size FROM bad_blobs x JOIN blobs b USING (digest) ORDER BY x.found_at, x.digest LIMIT ?`);
    this.#due = db.prepare(`
      SELECT x.*, b.size FROM bad_blobs x JOIN blobs b USING (digest)
      WHERE x.tried_at IS NULL OR x.tried_at < ? ORDER BY x.tried_at, x.digest LIMIT ?`);
    this.#setTried = db.prepare('UPDATE bad_blobs SET tried_at = ? WHERE digest = ?');
    this.#remove = db.prepare('DELETE FROM bad_blobs WHERE digest = ?');
    this.#count = db.prepare('SELECT count(*) AS count FROM bad_blobs');
  }

  /** The blob must be recorded; one that is known as bad stays as it was found first. */
  add(digest: Digest, reason: string, at: number): void {
    this.#add.run({ digest, reason, at });
  }

  get(digest: Digest): BadBlob | undefined {
    const row = this.#get.get(digest);
    return row && toBadBlob(row);
  }

  /** The longest known first. */
  list(limit: number): BadBlob[] {
    return this.#list.all(limit).map(toBadBlob);
  }

  /** Those that were not asked for again since `before`. */
  due(before: number, limit: number): BadBlob[] {
    return this.#due.all(before, limit).map(toBadBlob);
  }

  setTried(digest: Digest, at: number): void {
    this.#setTried.run(at, digest);
  }

  /** Its bytes turned out to be right. */
  remove(digest: Digest): void {
    this.#remove.run(digest);
  }

  count(): number {
    return this.#count.get()?.count ?? 0;
  }
}

function toBadBlob(row: Row): BadBlob {
  return { digest: row.digest, size: row.size, reason: row.reason, foundAt: row.found_at, triedAt: row.tried_at };
}
