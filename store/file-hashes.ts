import type Database from 'better-sqlite3';
import type { FileHash } from '../core/file-hash.js';
import type { RawName } from '../core/tree-path.js';

/** Which bytes a hash is of: a file that is replaced has another inode, also where size and time are equal. */
export interface FileIdentity {
  readonly mirror: string;
  /** Below the root of the tree, bytes in latin1. */
  readonly path: RawName;
  /** Bytes. */
  readonly size: number;
  /** Milliseconds since the epoch, with a fraction. */
  readonly mtimeMs: number;
  readonly ino: number;
}

/** What is known ahead of a mirror's files. */
export interface HashedAhead {
  /** Generation whose files were all looked at. */
  readonly generation: number;
  /** Those larger than so many bytes were hashed. */
  readonly over: number;
}

interface Row {
  size: number;
  sha256: Buffer;
  piece_length: number;
  sha1_pieces: Buffer;
  sha256_pieces: Buffer;
  piece_layer: Buffer;
  pieces_root: Buffer;
}

type Key = [string, string, number, number, number];

/** Versions of a file whose hashes are kept: of the live tree and of the one before. */
const KEPT_VERSIONS = 2;

/** Hashes of files in published trees. What is lost here is computed again. */
export class FileHashStore {
  readonly #get: Database.Statement<Key, Row>;
  readonly #sha256: Database.Statement<Key, { sha256: Buffer }>;
  readonly #add: Database.Statement;
  readonly #forgetOlder: Database.Statement<[string, string, string, string, number]>;
  readonly #pathsAfter: Database.Statement<[string, string, number], { path: string }>;
  readonly #removePath: Database.Statement<[string, string]>;
  readonly #forgetOldest: Database.Statement<[number]>;
  readonly #mirrors: Database.Statement<[], { mirror: string }>;
  readonly #removeMirror: Database.Statement<[string]>;
  readonly #ahead: Database.Statement<[string], { generation: number; over: number }>;
  readonly #setAhead: Database.Statement<[string, number, number]>;
  readonly #forgetAhead: Database.Statement<[string]>;

  constructor(db: Database.Database) {
    const where = 'WHERE mirror = ? AND path = ? AND size = ? AND mtime = ? AND inode = ?';
    this.#get = db.prepare(`SELECT * FROM file_hashes ${where}`);
    this.#sha256 = db.prepare(`SELECT sha256 FROM file_hashes ${where}`);
    this.#add = db.prepare(`
      INSERT OR REPLACE INTO file_hashes (
        mirror,
        path,
        size,
        mtime,
        inode,
        sha256,
        piece_length,
        sha1_pieces,
        sha256_pieces,
        piece_layer,
        pieces_root
      ) VALUES (@mirror, @path, @size, @mtimeMs, @ino, @sha256, @pieceLength, @sha1Pieces, @sha256Pieces, @pieceLayer,
        @piecesRoot)`);
    this.#forgetOlder = db.prepare(`
      DELETE FROM file_hashes WHERE mirror = ? AND path = ? AND id NOT IN (
        SELECT id FROM file_hashes WHERE mirror = ? AND path = ? ORDER BY id DESC LIMIT ?)`);
    this.#pathsAfter = db.prepare(`
      SELECT DISTINCT path FROM file_hashes WHERE mirror = ? AND path > ? ORDER BY path LIMIT ?`);
    this.#removePath = db.prepare('DELETE FROM file_hashes WHERE mirror = ? AND path = ?');
    this.#forgetOldest = db.prepare(`
      DELETE FROM file_hashes WHERE id <= (SELECT id FROM file_hashes ORDER BY id DESC LIMIT 1 OFFSET ?)`);
    this.#mirrors = db.prepare('SELECT DISTINCT mirror FROM file_hashes UNION SELECT mirror FROM files_hashed_ahead');
    this.#removeMirror = db.prepare('DELETE FROM file_hashes WHERE mirror = ?');
    this.#ahead = db.prepare('SELECT generation, over FROM files_hashed_ahead WHERE mirror = ?');
    this.#setAhead = db.prepare(
      'INSERT OR REPLACE INTO files_hashed_ahead (mirror, generation, over) VALUES (?, ?, ?)',
    );
    this.#forgetAhead = db.prepare('DELETE FROM files_hashed_ahead WHERE mirror = ?');
  }

  get(file: FileIdentity): FileHash | undefined {
    const row = this.#get.get(...keyOf(file));
    return (
      row && {
        size: row.size,
        sha256: row.sha256,
        pieceLength: row.piece_length,
        sha1Pieces: row.sha1_pieces,
        sha256Pieces: row.sha256_pieces,
        pieceLayer: row.piece_layer,
        piecesRoot: row.pieces_root,
      }
    );
  }

  /** The SHA-256 alone: pieces of a large file are some 100 KB. */
  sha256(file: FileIdentity): Buffer | undefined {
    return this.#sha256.get(...keyOf(file))?.sha256;
  }

  /** Keeps a hash; those of earlier versions of the same file go, but for the one before. */
  add({ mirror, path, size, mtimeMs, ino }: FileIdentity, hash: FileHash): void {
    this.#add.run({ ...hash, mirror, path, size, mtimeMs, ino });
    this.#forgetOlder.run(mirror, path, mirror, path, KEPT_VERSIONS);
  }

  /** Paths of a mirror with a hash, in their order, from the one behind `after` on. */
  pathsAfter(mirror: string, after: RawName, limit: number): RawName[] {
    return this.#pathsAfter.all(mirror, after, limit).map(({ path }) => path);
  }

  removePath(mirror: string, path: RawName): void {
    this.#removePath.run(mirror, path);
  }

  /** Only the `most` that were computed last stay. */
  keepNewest(most: number): void {
    this.#forgetOldest.run(most);
  }

  /** Mirrors of which anything is kept here. */
  mirrors(): string[] {
    return this.#mirrors.all().map(({ mirror }) => mirror);
  }

  removeMirror(mirror: string): void {
    this.#removeMirror.run(mirror);
    this.#forgetAhead.run(mirror);
  }

  ahead(mirror: string): HashedAhead | undefined {
    return this.#ahead.get(mirror);
  }

  setAhead(mirror: string, { generation, over }: HashedAhead): void {
    this.#setAhead.run(mirror, generation, over);
  }
}

function keyOf({ mirror, path, size, mtimeMs, ino }: FileIdentity): Key {
  return [mirror, path, size, mtimeMs, ino];
}
