import type Database from 'better-sqlite3';
import type { KeptGeneration, RemovalReason, RemovedGeneration } from '../core/kept.js';

interface Row {
  mirror: string;
  stamp: string;
  generation: number | null;
  run_id: number | null;
  files: number | null;
  bytes: number | null;
  marker_value: string | null;
  marker_time: number | null;
  published_at: number;
  kept_at: number;
  removed_at: number | null;
  removed_because: string | null;
}

interface BytesRow {
  newest: string;
  oldest: string;
  bytes: number;
}

/** Removals that are remembered of each mirror. */
const REMEMBERED = 10;

/**
 * Kept generations, and the bytes that only they hold. A file is in kept generations that follow each other: those bytes
 * are counted under the newest and the oldest of them, and are free when none from the one to the other is left.
 */
export class KeptStore {
  readonly #list: Database.Statement<[string], Row>;
  readonly #all: Database.Statement<[], Row>;
  readonly #removed: Database.Statement<[string, number], Row>;
  readonly #add: Database.Statement;
  readonly #setRemoved: Database.Statement;
  readonly #forget: Database.Statement;
  readonly #bytes: Database.Statement<[string], BytesRow>;
  readonly #addBytes: Database.Statement;
  readonly #clearBytes: Database.Statement<[string]>;

  constructor(db: Database.Database) {
    this.#list = db.prepare(
      'SELECT * FROM kept_generations WHERE mirror = ? AND removed_at IS NULL ORDER BY published_at DESC',
    );
    this.#all = db.prepare('SELECT * FROM kept_generations WHERE removed_at IS NULL ORDER BY published_at');
    this.#removed = db.prepare(`
      SELECT * FROM kept_generations WHERE mirror = ? AND removed_at IS NOT NULL
      ORDER BY removed_at DESC, published_at DESC LIMIT ?`);
    this.#add = db.prepare(`
      INSERT OR REPLACE INTO kept_generations
        (mirror, stamp, generation, run_id, files, bytes, marker_value, marker_time, published_at, kept_at)
      VALUES
        (@mirror, @stamp, @generation, @runId, @files, @bytes, @markerValue, @markerTime, @publishedAt, @keptAt)`);
    this.#setRemoved = db.prepare(`
      UPDATE kept_generations SET removed_at = @at, removed_because = @because WHERE mirror = @mirror AND stamp = @stamp`);
    this.#forget = db.prepare(`
      DELETE FROM kept_generations
      WHERE mirror = @mirror AND removed_at IS NOT NULL
        AND stamp NOT IN (
          SELECT stamp FROM kept_generations
          WHERE mirror = @mirror AND removed_at IS NOT NULL ORDER BY removed_at DESC LIMIT @most)`);
    this.#bytes = db.prepare('SELECT newest, oldest, bytes FROM kept_bytes WHERE mirror = ?');
    this.#addBytes = db.prepare(`
      INSERT INTO kept_bytes (mirror, newest, oldest, bytes) VALUES (@mirror, @newest, @oldest, @bytes)
      ON CONFLICT (mirror, newest, oldest) DO UPDATE SET bytes = bytes + @bytes`);
    this.#clearBytes = db.prepare('DELETE FROM kept_bytes WHERE mirror = ?');
  }

  /** Newest first. */
  list(mirror: string): KeptGeneration[] {
    return this.#list.all(mirror).map(toKept);
  }

  /** Of all mirrors, oldest first. */
  all(): KeptGeneration[] {
    return this.#all.all().map(toKept);
  }

  /** The last ones, newest removal first. */
  removed(mirror: string): RemovedGeneration[] {
    return this.#removed.all(mirror, REMEMBERED).map((row) => ({
      ...{ stamp: row.stamp, publishedAt: row.published_at, removedAt: row.removed_at ?? 0 },
      because: (row.removed_because ?? 'rule') as RemovalReason,
    }));
  }

  add(kept: KeptGeneration): void {
    this.#add.run(kept);
  }

  /** To be called in a transaction. Bytes that others hold as well are theirs from now on. */
  remove(mirror: string, stamp: string, { at, because }: { at: number; because: RemovalReason }): void {
    const stamps = this.list(mirror).map((each) => each.stamp);
    const bytes = this.#bytes.all(mirror);
    this.#clearBytes.run(mirror);
    for (const row of bytes) {
      const holders = stamps.slice(stamps.indexOf(row.newest), stamps.indexOf(row.oldest) + 1);
      const [newest, oldest] = [holders.find((each) => each !== stamp), holders.findLast((each) => each !== stamp)];
      if (newest !== undefined && oldest !== undefined)
        this.#addBytes.run({ mirror, newest, oldest, bytes: row.bytes });
    }
    this.#setRemoved.run({ mirror, stamp, at, because });
    this.#forget.run({ mirror, most: REMEMBERED });
  }

  /**
   * Files have gone from the live tree: `byHolders` has their bytes by the number of kept generations that still hold
   * them. These are the newest ones, since whatever was live until now is in all that were made from it.
   */
  lose(mirror: string, byHolders: ReadonlyMap<number, number>): void {
    const stamps = this.list(mirror).map(({ stamp }) => stamp);
    const newest = stamps[0];
    if (newest === undefined) return;
    for (const [holders, bytes] of byHolders) {
      const oldest = stamps[Math.min(holders, stamps.length) - 1];
      if (oldest !== undefined && bytes > 0) this.#addBytes.run({ mirror, newest, oldest, bytes });
    }
  }

  /** Bytes that only kept generations hold, in all; `own` has those that each holds alone, by its stamp. */
  extraBytes(mirror: string): { total: number; own: ReadonlyMap<string, number> } {
    const rows = this.#bytes.all(mirror);
    const own = rows.filter(({ newest, oldest }) => newest === oldest);
    return {
      total: rows.reduce((sum, { bytes }) => sum + bytes, 0),
      own: new Map(own.map(({ newest, bytes }) => [newest, bytes])),
    };
  }
}

function toKept(row: Row): KeptGeneration {
  return {
    mirror: row.mirror,
    stamp: row.stamp,
    generation: row.generation,
    runId: row.run_id,
    files: row.files,
    bytes: row.bytes,
    markerValue: row.marker_value,
    markerTime: row.marker_time,
    publishedAt: row.published_at,
    keptAt: row.kept_at,
  };
}
