import Database from 'better-sqlite3';
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { MillpondError, messageOf } from '../core/errors.js';
import { BadBlobs } from './bad-blobs.js';
import { BlobRecords } from './blobs.js';
import { CachedImages } from './cached-images.js';
import { DiskSampleStore } from './disk-samples.js';
import { FileHashStore } from './file-hashes.js';
import { GarbageStore } from './garbage.js';
import { GenerationStore } from './generations.js';
import { HeldStore } from './held.js';
import { HelpCheckStore } from './help-checks.js';
import { ImagePageStore } from './image-pages.js';
import { KeptStore } from './kept.js';
import { ManifestStore } from './manifests.js';
import { MarkerStore } from './markers.js';
import { migrate } from './migrations.js';
import { MirrorRevisions } from './mirror-revisions.js';
import { MirrorStore } from './mirrors.js';
import { RegistryLimitStore } from './registry-limits.js';
import { RepositoryStore } from './repositories.js';
import { RetentionStore } from './retention.js';
import { RunStore } from './runs.js';
import { TagStore } from './tags.js';
import { TokenStore } from './tokens.js';
import { TrafficStore } from './traffic.js';
import { UploadStore } from './uploads.js';
import { UpstreamTroubleStore } from './upstream-troubles.js';
import { VerdictStore } from './verdicts.js';

/** All that the program keeps in SQLite. Statements are synchronous and short. */
export interface Store {
  readonly runs: RunStore;
  readonly generations: GenerationStore;
  readonly held: HeldStore;
  readonly kept: KeptStore;
  readonly diskSamples: DiskSampleStore;
  readonly mirrors: MirrorStore;
  readonly markers: MarkerStore;
  readonly blobs: BlobRecords;
  readonly badBlobs: BadBlobs;
  readonly fileHashes: FileHashStore;
  readonly helpChecks: HelpCheckStore;
  readonly garbage: GarbageStore;
  readonly retention: RetentionStore;
  readonly cachedImages: CachedImages;
  readonly manifests: ManifestStore;
  readonly repositories: RepositoryStore;
  readonly tags: TagStore;
  readonly imagePages: ImagePageStore;
  readonly uploads: UploadStore;
  readonly tokens: TokenStore;
  readonly traffic: TrafficStore;
  readonly registryLimits: RegistryLimitStore;
  readonly upstreamTroubles: UpstreamTroubleStore;
  readonly verdicts: VerdictStore;
  readonly revisions: MirrorRevisions;
  /** Runs `work` in one transaction. `work` must be synchronous. */
  transaction<T>(work: () => T): T;
  /**
   * The same without a wait for the disk: a power cut may undo it, with all such since the last `transaction`; the end
   * of the program does not. For what the next run finds out again.
   */
  lightTransaction<T>(work: () => T): T;
  close(): void;
}

/**
 * Opens (and creates) the database, checks it and brings its schema up to date.
 * @throws MillpondError corrupt (damaged, or not SQLite), conflict (written by a newer Millpond), unavailable
 */
export function openStore(file: string): Store {
  return storeOf(open(file));
}

/** Opens the database of a program that runs, for another process of it: what would write throws an error of SQLite. */
export function openStoreToRead(file: string): Store {
  const db = new Database(file, { readonly: true, fileMustExist: true });
  db.pragma('busy_timeout = 5000');
  return storeOf(db);
}

function storeOf(db: Database.Database): Store {
  const revisions = new MirrorRevisions();
  return {
    runs: new RunStore(db, revisions),
    generations: new GenerationStore(db, revisions),
    mirrors: new MirrorStore(db, revisions),
    held: new HeldStore(db, revisions),
    kept: new KeptStore(db),
    diskSamples: new DiskSampleStore(db),
    markers: new MarkerStore(db, revisions),
    blobs: new BlobRecords(db),
    badBlobs: new BadBlobs(db),
    fileHashes: new FileHashStore(db),
    helpChecks: new HelpCheckStore(db),
    garbage: new GarbageStore(db),
    retention: new RetentionStore(db),
    cachedImages: new CachedImages(db),
    manifests: new ManifestStore(db),
    repositories: new RepositoryStore(db),
    tags: new TagStore(db),
    imagePages: new ImagePageStore(db),
    uploads: new UploadStore(db),
    tokens: new TokenStore(db),
    traffic: new TrafficStore(db),
    registryLimits: new RegistryLimitStore(db),
    upstreamTroubles: new UpstreamTroubleStore(db),
    verdicts: new VerdictStore(db),
    revisions,
    transaction: (work) => db.transaction(work).immediate(),
    lightTransaction: (work) => {
      db.pragma('synchronous = NORMAL'); // in WAL mode: written in order, flushed with the next that is (SQLite manual)
      try {
        return db.transaction(work).immediate();
      } finally {
        db.pragma('synchronous = FULL');
      }
    },
    close: () => db.close(),
  };
}

function open(file: string): Database.Database {
  let db: Database.Database | undefined;
  try {
    mkdirSync(dirname(file), { recursive: true });
    db = new Database(file);
    db.pragma('journal_mode = WAL');
    db.pragma('synchronous = FULL'); // what is recorded before it is done must survive a power cut
    db.pragma('foreign_keys = ON');
    db.pragma('busy_timeout = 5000');
    const verdict = db.pragma('quick_check(1)', { simple: true });
    if (verdict !== 'ok') throw damaged(file, String(verdict));
    migrate(db);
    return db;
  } catch (error) {
    db?.close();
    if (error instanceof MillpondError) throw error;
    if (error instanceof Database.SqliteError && /^SQLITE_(CORRUPT|NOTADB)/.test(error.code))
      throw damaged(file, error.message);
    throw new MillpondError('unavailable', `the database "${file}" cannot be opened: ${messageOf(error)}`, {
      hint: 'Check that the data folder exists, is writable by this user and that its disk is not full.',
      cause: error,
    });
  }
}

function damaged(file: string, detail: string): MillpondError {
  return new MillpondError('corrupt', `the database "${file}" is damaged: ${detail}`, {
    hint:
      'The trees on disk are not touched by this. Move the file (with -wal and -shm beside it) away, or put a backup ' +
      'in its place, and start again: published trees are found again on the disk, only the history of runs is lost.',
  });
}
