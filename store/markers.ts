import type Database from 'better-sqlite3';
import type { MarkerSource, NewerMarkers, UpstreamReading } from '../core/freshness.js';
import type { Marker } from '../core/marker.js';
import type { MirrorRevisions } from './mirror-revisions.js';

interface Row {
  source: string;
  value: string | null;
  time: number | null;
  seen_at: number | null;
  read_at: number | null;
  failed_since: number | null;
  message: string | null;
}

/** Values that are kept of each marker. */
const MOST_CHANGES = 400;

/** What is known of the markers of upstreams. Times are milliseconds since the epoch. */
export class MarkerStore {
  readonly #get: Database.Statement<[string], Row>;
  readonly #setRead: Database.Statement;
  readonly #setAbsent: Database.Statement;
  readonly #setFailed: Database.Statement;
  readonly #addChange: Database.Statement;
  readonly #prune: Database.Statement;
  readonly #newer: Database.Statement<
    { mirror: string; source: MarkerSource; value: string },
    { value: string; time: number | null; seen_at: number }
  >;

  constructor(
    db: Database.Database,
    private readonly revisions: MirrorRevisions,
  ) {
    this.#get = db.prepare('SELECT * FROM upstream_markers WHERE mirror = ?');
    this.#setRead = db.prepare(`
      INSERT INTO upstream_markers (mirror, source, value, time, seen_at, read_at)
      VALUES (@mirror, @source, @value, @time, @at, @at)
      ON CONFLICT (mirror, source) DO UPDATE SET
        seen_at = CASE WHEN value IS @value THEN seen_at ELSE @at END,
        value = @value,
        time = @time,
        read_at = @at,
        failed_since = NULL,
        message = NULL`);
    this.#setAbsent = db.prepare(`
      INSERT INTO upstream_markers (mirror, source, seen_at, read_at, message)
      VALUES (@mirror, @source, @at, @at, @message)
      ON CONFLICT (mirror, source) DO UPDATE SET
        seen_at = CASE WHEN value IS NULL THEN coalesce(seen_at, @at) ELSE @at END,
        value = NULL,
        time = NULL,
        read_at = @at,
        failed_since = NULL,
        message = @message`);
    this.#setFailed = db.prepare(`
      INSERT INTO upstream_markers (mirror, source, failed_since, message)
      VALUES (@mirror, @source, @at, @message)
      ON CONFLICT (mirror, source) DO UPDATE SET
        failed_since = coalesce(failed_since, @at),
        message = @message`);
    this.#addChange = db.prepare(`
      INSERT INTO marker_changes (mirror, source, value, time, seen_at)
      SELECT @mirror, @source, @value, @time, @at
      WHERE @value IS NOT (
        SELECT value FROM marker_changes WHERE mirror = @mirror AND source = @source ORDER BY id DESC LIMIT 1)`);
    this.#prune = db.prepare(`
      DELETE FROM marker_changes WHERE mirror = @mirror AND source = @source AND id <= (
        SELECT id FROM marker_changes WHERE mirror = @mirror AND source = @source
        ORDER BY id DESC LIMIT 1 OFFSET ${MOST_CHANGES})`);
    this.#newer = db.prepare(`
      SELECT value, time, seen_at FROM marker_changes
      WHERE mirror = @mirror AND source = @source AND id > (
        SELECT max(id) FROM marker_changes WHERE mirror = @mirror AND source = @source AND value = @value)
      ORDER BY id`);
  }

  /** What was last read of the markers of a mirror's upstreams. */
  of(mirror: string): Partial<Record<MarkerSource, UpstreamReading>> {
    const rows = this.#get.all(mirror).map((row) => [row.source, toReading(row)] as const);
    return Object.fromEntries(rows);
  }

  /** To be called in a transaction. */
  read(mirror: string, source: MarkerSource, marker: Marker, at: number): void {
    const { value, time } = marker;
    this.#setRead.run({ mirror, source, value, time, at });
    if (this.#addChange.run({ mirror, source, value, time, at }).changes > 0) this.#prune.run({ mirror, source });
    this.revisions.bump(mirror);
  }

  /** Upstream was asked, and has no marker; `message` says so in one sentence. */
  absent(mirror: string, source: MarkerSource, message: string, at: number): void {
    this.#setAbsent.run({ mirror, source, message, at });
    this.revisions.bump(mirror);
  }

  /** The marker could not be read; `message` is one sentence. */
  failed(mirror: string, source: MarkerSource, message: string, at: number): void {
    this.#setFailed.run({ mirror, source, message, at });
    this.revisions.bump(mirror);
  }

  /** What upstream has had since it had `value`; null when that is not known (any more). */
  newerThan(mirror: string, source: MarkerSource, value: string): NewerMarkers | null {
    const rows = this.#newer.all({ mirror, source, value });
    const [first] = rows;
    if (!first) return null;
    const values = new Set(rows.map((row) => row.value));
    values.delete(value);
    return { count: values.size, firstTime: first.time, firstSeenAt: first.seen_at };
  }
}

function toReading(row: Row): UpstreamReading {
  return {
    value: row.value,
    time: row.time,
    seenAt: row.seen_at,
    readAt: row.read_at,
    failedSince: row.failed_since,
    message: row.message,
  };
}
