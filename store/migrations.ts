import type Database from 'better-sqlite3';
import { MillpondError } from '../core/errors.js';

/** Each entry is applied once, in order, in a transaction; `user_version` counts them. Never edit one that shipped. */
const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE mirrors (
    mirror TEXT PRIMARY KEY,
    paused_at INTEGER,
    pause_reason TEXT,
    next_due_at INTEGER,
    -- the generation that the staging slot was last made equal to (0: none was published), and what came since
    staging_base INTEGER,
    staging_state TEXT
  ) STRICT;

  CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    mirror TEXT NOT NULL,
    trigger TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    force INTEGER NOT NULL,
    phase TEXT NOT NULL,
    outcome TEXT,
    failure TEXT,
    message TEXT,
    queued_at INTEGER NOT NULL,
    started_at INTEGER,
    ended_at INTEGER,
    retry_at INTEGER,
    upstream TEXT,
    exit_code INTEGER,
    marker_value TEXT,
    marker_time INTEGER,
    generation INTEGER,
    transferred_files INTEGER NOT NULL DEFAULT 0,
    transferred_bytes INTEGER NOT NULL DEFAULT 0,
    received_bytes INTEGER NOT NULL DEFAULT 0,
    added_files INTEGER NOT NULL DEFAULT 0,
    added_bytes INTEGER NOT NULL DEFAULT 0,
    deleted_files INTEGER NOT NULL DEFAULT 0,
    deleted_bytes INTEGER NOT NULL DEFAULT 0,
    total_files INTEGER NOT NULL DEFAULT 0,
    total_bytes INTEGER NOT NULL DEFAULT 0,
    speedup REAL NOT NULL DEFAULT 0
  ) STRICT;
  CREATE INDEX runs_by_mirror ON runs (mirror, id DESC);
  CREATE INDEX runs_unfinished ON runs (phase) WHERE phase <> 'ended';

  CREATE TABLE run_stages (
    run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    pass INTEGER NOT NULL,
    name TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at INTEGER,
    exit_code INTEGER,
    transferred_files INTEGER NOT NULL DEFAULT 0,
    transferred_bytes INTEGER NOT NULL DEFAULT 0,
    received_bytes INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE INDEX run_stages_by_run ON run_stages (run_id);

  CREATE TABLE generations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    mirror TEXT NOT NULL,
    run_id INTEGER,
    slot TEXT NOT NULL,
    state TEXT NOT NULL,
    files INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    marker_value TEXT,
    marker_time INTEGER,
    published_at INTEGER NOT NULL,
    confirmed_at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX generations_by_mirror ON generations (mirror, id DESC);
  CREATE UNIQUE INDEX generations_one_live ON generations (mirror) WHERE state = 'live';
  `,
];

/** @throws MillpondError conflict when the database was written by a newer Millpond */
export function migrate(db: Database.Database): void {
  const version = db.pragma('user_version', { simple: true }) as number;
  if (version > MIGRATIONS.length)
    throw new MillpondError(
      'conflict',
      `the database "${db.name}" was written by a newer Millpond (schema ${version})`,
      {
        hint: `This program knows schemas up to ${MIGRATIONS.length}. Start the newer program, or restore a backup.`,
      },
    );
  for (let next = version; next < MIGRATIONS.length; next++)
    db.transaction(() => {
      db.exec(MIGRATIONS[next] ?? '');
      db.pragma(`user_version = ${next + 1}`);
    }).immediate();
}
