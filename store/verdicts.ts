import type Database from 'better-sqlite3';
import type { VerdictWord } from '../core/verdict-words.js';

/** A state that a mirror came into. The sentence is fit for the public; the time is milliseconds since the epoch, UTC. */
export interface RecordedVerdict {
  readonly id: number;
  readonly mirror: string;
  readonly at: number;
  readonly word: VerdictWord;
  readonly sentence: string;
}

/** What is kept of each mirror at the most. */
const KEPT_ROWS = 500;
const KEPT_MS = 400 * 24 * 3600 * 1000;

interface Row {
  id: number;
  mirror: string;
  at: number;
  word: string;
  sentence: string;
}

/** The states of all mirrors through time. */
export class VerdictStore {
  readonly #insert: Database.Statement;
  readonly #forgetOld: Database.Statement<[string, number]>;
  readonly #forgetMost: Database.Statement<[string, string, number]>;
  readonly #list: Database.Statement<[string, number, number], Row>;
  readonly #newest: Database.Statement<[number], Row>;
  readonly #lastId: Database.Statement<[], { id: number | null }>;

  constructor(db: Database.Database) {
    this.#insert = db.prepare(
      'INSERT INTO verdicts (mirror, at, word, sentence) VALUES (@mirror, @at, @word, @sentence)',
    );
    this.#forgetOld = db.prepare('DELETE FROM verdicts WHERE mirror = ? AND at < ?');
    this.#forgetMost = db.prepare(`
      DELETE FROM verdicts WHERE mirror = ? AND id <= (
        SELECT id FROM verdicts WHERE mirror = ? ORDER BY id DESC LIMIT 1 OFFSET ?
      )`);
    this.#list = db.prepare('SELECT * FROM verdicts WHERE mirror = ? AND id < ? ORDER BY id DESC LIMIT ?');
    this.#newest = db.prepare('SELECT * FROM verdicts ORDER BY id DESC LIMIT ?');
    this.#lastId = db.prepare('SELECT max(id) AS id FROM verdicts');
  }

  /** Records a state, and forgets those of the mirror that are too many or over a year old. */
  add(verdict: Omit<RecordedVerdict, 'id'>): RecordedVerdict {
    const { lastInsertRowid } = this.#insert.run(verdict);
    this.#forgetOld.run(verdict.mirror, verdict.at - KEPT_MS);
    this.#forgetMost.run(verdict.mirror, verdict.mirror, KEPT_ROWS);
    return { id: Number(lastInsertRowid), ...verdict };
  }

  /** Of one mirror, newest first, those with an id under `before` when it is given. */
  list(mirror: string, limit: number, before: number = Number.MAX_SAFE_INTEGER): RecordedVerdict[] {
    return this.#list.all(mirror, before, limit).map(toVerdict);
  }

  /** Of all mirrors, newest first. */
  newest(limit: number): RecordedVerdict[] {
    return this.#newest.all(limit).map(toVerdict);
  }

  /** Grows with each state that is recorded; 0 before the first. */
  lastId(): number {
    return this.#lastId.get()?.id ?? 0;
  }
}

function toVerdict(row: Row): RecordedVerdict {
  return { ...row, word: row.word as VerdictWord };
}
