import Database from 'better-sqlite3';
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { MillpondError, messageOf } from '../core/errors.js';

export interface DataFolderLock {
  release(): void;
}

/**
 * Takes the data folder for this process. The lock is the operating system's (SQLite's exclusive file lock), so it
 * ends with the process, however that ends.
 * @throws MillpondError locked (another program has it), unavailable (the folder cannot be written)
 */
export function lockDataFolder(file: string, dataFolder: string): DataFolderLock {
  let db: Database.Database | undefined;
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    db = new Database(file, { timeout: 0 });
    db.pragma('locking_mode = EXCLUSIVE');
    db.pragma('journal_mode = MEMORY'); // nothing in it is worth keeping, and nothing is left beside it
    db.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    db?.close();
    if (error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY'))
      throw new MillpondError('locked', `another Millpond is using the data folder "${dataFolder}"`, {
        hint: 'Stop it first (`millpond status` talks to it), or give this one a data folder of its own.',
      });
    throw new MillpondError('unavailable', `the data folder "${dataFolder}" cannot be used: ${messageOf(error)}`, {
      hint: 'It must exist or be creatable, and be writable by the user that runs Millpond.',
      cause: error,
    });
  }
  const held = db;
  return { release: () => held.close() };
}
