import type Database from 'better-sqlite3';
import type { DiskSample } from '../core/disk-forecast.js';

const HOUR_MS = 3600 * 1000;
const KEPT_MS = 400 * 24 * HOUR_MS;

/** Space of the file system of the data folder, one sample an hour, for 400 days. */
export class DiskSampleStore {
  readonly #put: Database.Statement;
  readonly #since: Database.Statement<[number], DiskSample>;
  readonly #forget: Database.Statement<[number]>;
  #writes = 0;

  constructor(db: Database.Database) {
    this.#put = db.prepare(`
      INSERT INTO disk_samples (at, total, free) VALUES (@at, @total, @free)
      ON CONFLICT (at) DO UPDATE SET total = @total, free = @free`);
    this.#since = db.prepare('SELECT at, total, free FROM disk_samples WHERE at >= ? ORDER BY at');
    this.#forget = db.prepare('DELETE FROM disk_samples WHERE at < ?');
  }

  /** The last sample of an hour is the one that counts. */
  put({ at, total, free }: DiskSample): void {
    this.#put.run({ at: Math.floor(at / HOUR_MS) * HOUR_MS, total, free });
    this.#forget.run(at - KEPT_MS);
    this.#writes++;
  }

  /** How often this process has written one. */
  get writes(): number {
    return this.#writes;
  }

  /** In order of time. */
  since(at: number): DiskSample[] {
    return this.#since.all(at);
  }
}
