import type Database from 'better-sqlite3';

/** What came of trying out the instructions of a mirror. */
export interface HelpCheck {
  readonly mirror: string;
  /** Form of the instructions (`id` of a help block). */
  readonly form: string;
  /** `untested`: this machine lacks what is needed for it; the sentence says what. */
  readonly result: 'worked' | 'failed' | 'untested';
  /** One sentence of what was done, or why it failed. */
  readonly sentence: string;
  /** What was chosen, in words: `trixie, main`; empty where there was nothing to choose. */
  readonly choices: string;
  /** Milliseconds since the epoch. */
  readonly checkedAt: number;
}

/** The newest check of each form of each mirror; older ones are not kept. */
export class HelpCheckStore {
  readonly #set: Database.Statement<[HelpCheck]>;
  readonly #of: Database.Statement<[string], HelpCheck>;
  readonly #all: Database.Statement<[], HelpCheck>;
  readonly #remove: Database.Statement<[string, string]>;

  constructor(db: Database.Database) {
    const columns = 'mirror, form, result, sentence, choices, checked_at AS checkedAt';
    this.#set = db.prepare(`
      INSERT OR REPLACE INTO help_checks (mirror, form, result, sentence, choices, checked_at)
      VALUES (@mirror, @form, @result, @sentence, @choices, @checkedAt)`);
    this.#of = db.prepare(`SELECT ${columns} FROM help_checks WHERE mirror = ? ORDER BY form`);
    this.#all = db.prepare(`SELECT ${columns} FROM help_checks ORDER BY mirror, form`);
    this.#remove = db.prepare('DELETE FROM help_checks WHERE mirror = ? AND form = ?');
  }

  /** Replaces what is known of the same form. */
  set(check: HelpCheck): void {
    this.#set.run(check);
  }

  of(mirror: string): HelpCheck[] {
    return this.#of.all(mirror);
  }

  all(): HelpCheck[] {
    return this.#all.all();
  }

  remove({ mirror, form }: Pick<HelpCheck, 'mirror' | 'form'>): void {
    this.#remove.run(mirror, form);
  }
}
