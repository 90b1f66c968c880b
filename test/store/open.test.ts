import Database from 'better-sqlite3';
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { PACKAGE_ROOT } from '../../platform/package-root.js';
import { openStore } from '../../store/open.js';
import { tempFolder } from '../fixtures/temp-folder.js';

async function databaseFile(): Promise<string> {
  return join(await tempFolder(), 'data', 'state.db');
}

/** A database with enough runs that it has many pages, closed as a program does. */
function fill(file: string): void {
  const store = openStore(file);
  store.transaction(() => {
    for (let n = 0; n < 2_000; n++)
      store.runs.add({ mirror: `pond-${n % 7}`, trigger: 'manual', attempt: 1, force: false, queuedAt: n });
  });
  store.close();
}

function failure(file: string): { code: string; message: string; hint: string } {
  try {
    openStore(file).close();
  } catch (error) {
    return error as { code: string; message: string; hint: string };
  }
  throw new Error('it was opened');
}

describe('openStore', () => {
  test('makes the folder and the schema, and finds both again', async () => {
    const file = await databaseFile();
    fill(file);
    const store = openStore(file);
    expect(store.runs.list('pond-3', 3).map(({ id }) => id)).toEqual([1999, 1992, 1985]);
    store.close();
    const db = new Database(file, { readonly: true });
    expect(db.pragma('journal_mode', { simple: true })).toBe('wal');
    expect(db.pragma('user_version', { simple: true })).toBeGreaterThan(0);
    db.close();
  });

  test('takes a database of an older program as it is: a tag was last pushed when it moved', async () => {
    const file = await databaseFile();
    openStore(file).close();
    const db = new Database(file);
    db.exec(`
      DROP TABLE upstream_troubles;
      DROP TABLE file_hashes;
      DROP TABLE files_hashed_ahead;
      DROP TABLE traffic;
      DROP TABLE top_items;
      DROP TABLE top_lists;
      DROP TABLE held_trees;
      DROP TABLE kept_generations;
      DROP TABLE kept_bytes;
      DROP TABLE disk_samples;
      DROP TABLE upstream_markers;
      DROP TABLE marker_changes;
      ALTER TABLE mirrors DROP COLUMN made_with;
      DROP TABLE help_checks;
      ALTER TABLE generations DROP COLUMN verification;
      DROP TABLE verdicts;
      DROP INDEX runs_good;
      ALTER TABLE tags DROP COLUMN pushed_at;
      ALTER TABLE tags DROP COLUMN stale_since;
      INSERT INTO repositories (name, origin, created_at) VALUES ('lab/app', 'hosted', 1);
      PRAGMA foreign_keys = OFF;
      INSERT INTO tags (repository, tag, digest, moved_at) VALUES ('lab/app', 'old', 'sha256:1', 4711)`);
    db.pragma('user_version = 2');
    db.close();
    const store = openStore(file);
    expect(store.retention.page('lab/app', '', 9)).toEqual([
      { tag: 'old', digest: 'sha256:1', pushedAt: 4711, pulledAt: null },
    ]);
    store.close();
  });

  test.each(['transaction', 'lightTransaction'] as const)(
    'undoes a %s that throws, and refuses work that is not done at once',
    async (kind) => {
      const store = openStore(await databaseFile());
      const add = () => store.runs.add({ mirror: 'pond', trigger: 'manual', attempt: 1, force: false, queuedAt: 1 });
      expect(() =>
        store[kind](() => {
          add();
          throw new Error('half-way');
        }),
      ).toThrow('half-way');
      expect(() => store[kind](() => Promise.resolve(add()))).toThrow('promise');
      expect(store.runs.list('pond', 10)).toEqual([]);
      expect(store[kind](add).mirror).toBe('pond');
      store.close();
    },
  );

  test('refuses a database of a newer program and leaves it as it is', async () => {
    const file = await databaseFile();
    fill(file);
    const db = new Database(file);
    db.pragma('user_version = 99');
    db.close();
    const before = readFileSync(file);
    expect(failure(file)).toMatchObject({
      code: 'conflict',
      message: `the database "${file}" was written by a newer Millpond (schema 99)`,
      hint: expect.stringContaining('restore a backup') as string,
    });
    expect(readFileSync(file).equals(before)).toBe(true);
  });

  const damage: Record<string, (file: string) => void> = {
    'is no database at all': (file) => writeFileSync(file, 'this is not a database, '.repeat(1000)),
    'was cut in the middle of a page': (file) => truncateSync(file, 4096 * 20 + 100),
    'lost its end': (file) => truncateSync(file, 4096 * 12),
    'has a damaged page': (file) => overwrite(file, 4096 * 8, Buffer.alloc(4096 * 10, 0xa5)),
    'has a damaged header': (file) => overwrite(file, 0, Buffer.alloc(100, 0x5a)),
  };
  test.each(Object.entries(damage))(
    'calls a database corrupt that %s, says what to do, and leaves it',
    async (_, harm) => {
      const file = await databaseFile();
      fill(file);
      harm(file);
      const before = readFileSync(file);
      expect(failure(file)).toMatchObject({
        code: 'corrupt',
        message: expect.stringContaining(`the database "${file}" is damaged: `) as string,
        hint: expect.stringMatching(/Move the file .* away, or put a backup/) as string,
      });
      expect(readFileSync(file).equals(before)).toBe(true);
    },
  );

  test('says that the file cannot be made where its folder is a file', async () => {
    const folder = await tempFolder();
    writeFileSync(join(folder, 'data'), 'a file');
    expect(failure(join(folder, 'data/state.db'))).toMatchObject({
      code: 'unavailable',
      hint: expect.stringContaining('writable') as string,
    });
  });

  test('says that a file system without write access cannot be written, to root as well', () => {
    expect(failure('/sys/millpond/state.db')).toMatchObject({ code: 'unavailable' });
    expect(existsSync('/sys/millpond')).toBe(false);
  });

  test('loses nothing of what was recorded when its process is killed', async () => {
    const file = await databaseFile();
    fill(file);
    const script = `
      const db = new (require(${JSON.stringify(join(PACKAGE_ROOT, 'node_modules/better-sqlite3'))}))(process.argv[1]);
      db.pragma('synchronous = FULL');
      db.exec("UPDATE runs SET mirror = 'killed' WHERE id = 5");
      db.pragma('synchronous = NORMAL'); // as light transactions are
      db.exec("UPDATE runs SET mirror = 'killed' WHERE id = 6");
      process.kill(process.pid, 'SIGKILL');`;
    expect(spawnSync(process.execPath, ['-e', script, file]).signal).toBe('SIGKILL');
    expect(existsSync(`${file}-wal`)).toBe(true);
    const store = openStore(file);
    expect([5, 6].map((id) => store.runs.get(id)?.mirror)).toEqual(['killed', 'killed']);
    store.close();
  });
});

function overwrite(file: string, at: number, bytes: Buffer): void {
  const handle = openSync(file, 'r+');
  writeSync(handle, bytes, 0, bytes.length, at);
  closeSync(handle);
}
