import type Database from 'better-sqlite3';

/** A push of one blob that has begun. How much is here, the file itself tells. Milliseconds since the epoch, UTC. */
export interface UploadRecord {
  readonly id: string;
  readonly repository: string;
  readonly algorithm: string;
  readonly startedAt: number;
  readonly touchedAt: number;
}

interface Row {
  id: string;
  repository: string;
  algorithm: string;
  started_at: number;
  touched_at: number;
}

export class UploadStore {
  readonly #add: Database.Statement;
  readonly #get: Database.Statement<[string], Row>;
  readonly #touch: Database.Statement<[number, string]>;
  readonly #remove: Database.Statement<[string]>;
  readonly #untouched: Database.Statement<[number], Row>;
  readonly #count: Database.Statement<[], { count: number }>;
  readonly #countOf: Database.Statement<[string], { count: number }>;

  constructor(db: Database.Database) {
    this.#add = db.prepare(`
      INSERT INTO uploads (id, repository, algorithm, started_at, touched_at)
      VALUES (@id, @repository, @algorithm, @at, @at)`);
    this.#get = db.prepare('SELECT * FROM uploads WHERE id = ?');
    this.#touch = db.prepare('UPDATE uploads SET touched_at = ? WHERE id = ?');
    this.#remove = db.prepare('DELETE FROM uploads WHERE id = ?');
    this.#untouched = db.prepare('SELECT * FROM uploads WHERE touched_at < ? ORDER BY touched_at');
    this.#count = db.prepare('SELECT count(*) AS count FROM uploads');
    this.#countOf = db.prepare('SELECT count(*) AS count FROM uploads WHERE repository = ?');
  }

  add(upload: { id: string; repository: string; algorithm: string; at: number }): void {
    this.#add.run(upload);
  }

  get(id: string): UploadRecord | undefined {
    const row = this.#get.get(id);
    return row && toUpload(row);
  }

  touch(id: string, at: number): void {
    this.#touch.run(at, id);
  }

  remove(id: string): void {
    this.#remove.run(id);
  }

  /** Those on which nothing has happened since `before`. */
  untouchedSince(before: number): UploadRecord[] {
    return this.#untouched.all(before).map(toUpload);
  }

  count(): number {
    return this.#count.get()?.count ?? 0;
  }

  countOf(repository: string): number {
    return this.#countOf.get(repository)?.count ?? 0;
  }
}

function toUpload(row: Row): UploadRecord {
  return {
    id: row.id,
    repository: row.repository,
    algorithm: row.algorithm,
    startedAt: row.started_at,
    touchedAt: row.touched_at,
  };
}
