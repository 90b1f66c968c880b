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
  `
  -- bytes that are whole on the disk under the name of their digest: layers, configurations and manifests alike
  CREATE TABLE blobs (
    digest TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    stored_at INTEGER NOT NULL,
    checked_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX blobs_by_check ON blobs (checked_at);

  -- those whose bytes on the disk were found to be wrong or gone; the record stays, so that they are fetched again
  CREATE TABLE bad_blobs (
    digest TEXT PRIMARY KEY REFERENCES blobs (digest) ON DELETE CASCADE,
    reason TEXT NOT NULL,
    found_at INTEGER NOT NULL,
    tried_at INTEGER
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE manifests (
    digest TEXT PRIMARY KEY REFERENCES blobs (digest),
    media_type TEXT NOT NULL,
    artifact_type TEXT,
    subject TEXT,
    annotations TEXT
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX manifests_by_subject ON manifests (subject) WHERE subject IS NOT NULL;

  -- what a manifest names; the parts need not be here
  CREATE TABLE manifest_parts (
    manifest TEXT NOT NULL REFERENCES manifests (digest) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    digest TEXT NOT NULL,
    role TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size INTEGER NOT NULL,
    platform TEXT,
    is_foreign INTEGER NOT NULL,
    PRIMARY KEY (manifest, position)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX manifest_parts_by_digest ON manifest_parts (digest);

  CREATE TABLE repositories (
    name TEXT PRIMARY KEY,
    origin TEXT NOT NULL,
    created_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  -- what may be asked for in a repository; a blob without any row here is nobody's
  CREATE TABLE repository_content (
    repository TEXT NOT NULL REFERENCES repositories (name) ON DELETE CASCADE,
    digest TEXT NOT NULL REFERENCES blobs (digest),
    touched_at INTEGER NOT NULL,
    pulled_at INTEGER,
    PRIMARY KEY (repository, digest)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX repository_content_by_digest ON repository_content (digest);

  CREATE TABLE tags (
    repository TEXT NOT NULL REFERENCES repositories (name) ON DELETE CASCADE,
    tag TEXT NOT NULL,
    digest TEXT NOT NULL REFERENCES manifests (digest),
    moved_at INTEGER NOT NULL,
    checked_at INTEGER,
    pulled_at INTEGER,
    pulls INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (repository, tag)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX tags_by_digest ON tags (digest);

  -- the digests that a tag had before
  CREATE TABLE tag_history (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    repository TEXT NOT NULL REFERENCES repositories (name) ON DELETE CASCADE,
    tag TEXT NOT NULL,
    digest TEXT NOT NULL REFERENCES manifests (digest),
    moved_at INTEGER NOT NULL,
    replaced_at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX tag_history_by_tag ON tag_history (repository, tag, id DESC);
  CREATE INDEX tag_history_by_digest ON tag_history (digest);

  CREATE TABLE uploads (
    id TEXT PRIMARY KEY,
    repository TEXT NOT NULL,
    algorithm TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    touched_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE tokens (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    -- sha256 of the secret, which is random: nothing slower is needed
    secret_hash TEXT NOT NULL UNIQUE,
    push TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    used_at INTEGER
  ) STRICT;

  -- what is known of the limits of upstream registries, so that a restart does not forget
  CREATE TABLE registry_limits (
    registry TEXT NOT NULL,
    account TEXT NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (registry, account)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- when the tag was last pushed; moved_at stays when it is pushed again with the image that it has
  ALTER TABLE tags ADD COLUMN pushed_at INTEGER NOT NULL DEFAULT 0;
  UPDATE tags SET pushed_at = moved_at;
  `,
  `
  CREATE TABLE upstream_troubles (
    registry TEXT PRIMARY KEY,
    since INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- hashes of files in published trees, by what tells one version of a file from another
  CREATE TABLE file_hashes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    mirror TEXT NOT NULL,
    path TEXT NOT NULL,
    size INTEGER NOT NULL,
    mtime REAL NOT NULL,
    inode INTEGER NOT NULL,
    sha256 BLOB NOT NULL,
    piece_length INTEGER NOT NULL,
    sha1_pieces BLOB NOT NULL,
    sha256_pieces BLOB NOT NULL,
    piece_layer BLOB NOT NULL,
    pieces_root BLOB NOT NULL,
    UNIQUE (mirror, path, size, mtime, inode)
  ) STRICT;

  -- up to which generation the large files of a mirror were hashed before anybody asked
  CREATE TABLE files_hashed_ahead (
    mirror TEXT PRIMARY KEY,
    generation INTEGER NOT NULL,
    over INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,

  `
  -- since when a tag could not be compared with upstream or brought in step; null where that went well when last tried
  ALTER TABLE tags ADD COLUMN stale_since INTEGER;
  `,
  `
  -- what was served in an hour, a day or a month ("span") that began at "start": the same counts in three sums
  CREATE TABLE traffic (
    span TEXT NOT NULL,
    start INTEGER NOT NULL,
    part TEXT NOT NULL,
    zone TEXT NOT NULL,
    family TEXT NOT NULL,
    protocol TEXT NOT NULL,
    status INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (span, start, part, zone, family, protocol, status)
  ) STRICT, WITHOUT ROWID;

  -- the most frequent files and programs of a day, with what was counted of each at least
  CREATE TABLE top_items (
    day INTEGER NOT NULL,
    kind TEXT NOT NULL,
    item TEXT NOT NULL,
    weight INTEGER NOT NULL,
    PRIMARY KEY (day, kind, item)
  ) STRICT, WITHOUT ROWID;

  -- what may be missing from each weight of such a list, and what anything weighs at most that is not in it
  CREATE TABLE top_lists (
    day INTEGER NOT NULL,
    kind TEXT NOT NULL,
    missing INTEGER NOT NULL,
    unlisted INTEGER NOT NULL,
    PRIMARY KEY (day, kind)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- a tree that the guard holds back in its staging slot until a person decides; "report" and "numbers" are JSON
  CREATE TABLE held_trees (
    mirror TEXT PRIMARY KEY,
    run_id INTEGER NOT NULL,
    base INTEGER NOT NULL,
    slot TEXT NOT NULL,
    held_at INTEGER NOT NULL,
    approved_at INTEGER,
    report TEXT NOT NULL,
    numbers TEXT NOT NULL,
    marker_value TEXT,
    marker_time INTEGER
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- generations that are kept beside the live tree, and the last ones that were removed
  CREATE TABLE kept_generations (
    mirror TEXT NOT NULL,
    stamp TEXT NOT NULL,
    generation INTEGER,
    run_id INTEGER,
    files INTEGER,
    bytes INTEGER,
    marker_value TEXT,
    marker_time INTEGER,
    published_at INTEGER NOT NULL,
    kept_at INTEGER NOT NULL,
    removed_at INTEGER,
    removed_because TEXT,
    PRIMARY KEY (mirror, stamp)
  ) STRICT, WITHOUT ROWID;

  -- bytes that kept generations alone hold, by the newest and the oldest of those that do
  CREATE TABLE kept_bytes (
    mirror TEXT NOT NULL,
    newest TEXT NOT NULL,
    oldest TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (mirror, newest, oldest)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- space of the file system of the data folder, by hour
  CREATE TABLE disk_samples (
    at INTEGER PRIMARY KEY,
    total INTEGER NOT NULL,
    free INTEGER NOT NULL
  ) STRICT;
  `,
  `
  -- the marker of an upstream as last read: of the one that a mirror is fetched from (direct), of the true one (origin)
  CREATE TABLE upstream_markers (
    mirror TEXT NOT NULL,
    source TEXT NOT NULL,
    value TEXT,
    time INTEGER,
    seen_at INTEGER,
    read_at INTEGER,
    failed_since INTEGER,
    message TEXT,
    PRIMARY KEY (mirror, source)
  ) STRICT, WITHOUT ROWID;

  -- the values that it had, each when it was first seen
  CREATE TABLE marker_changes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    mirror TEXT NOT NULL,
    source TEXT NOT NULL,
    value TEXT NOT NULL,
    time INTEGER,
    seen_at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX marker_changes_by_mirror ON marker_changes (mirror, source, id);

  -- the published generation and the choice of files that it was made with, where upstream has a list of them
  ALTER TABLE mirrors ADD COLUMN made_with TEXT;
  `,
  `
  -- what came of trying out the instructions for clients, when that was last done
  CREATE TABLE help_checks (
    mirror TEXT NOT NULL,
    form TEXT NOT NULL,
    result TEXT NOT NULL,
    sentence TEXT NOT NULL,
    choices TEXT NOT NULL,
    checked_at INTEGER NOT NULL,
    PRIMARY KEY (mirror, form)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- what was looked at before a generation was published, and what was found
  ALTER TABLE generations ADD COLUMN verification TEXT;
  `,
  `
  -- the states that a mirror was in: a row when the word changes
  CREATE TABLE verdicts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    mirror TEXT NOT NULL,
    at INTEGER NOT NULL,
    word TEXT NOT NULL,
    sentence TEXT NOT NULL
  ) STRICT;
  CREATE INDEX verdicts_by_mirror ON verdicts (mirror, id DESC);

  -- a mirror that has failed for long is asked for its last good run as often as any other
  CREATE INDEX runs_good ON runs (mirror, id DESC) WHERE outcome IN ('updated', 'unchanged');
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
