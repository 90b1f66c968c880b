import type Database from 'better-sqlite3';
import type { MirrorState } from '../core/engine.js';
import type { StagingState } from '../core/generation.js';
import type { MirrorRevisions } from './mirror-revisions.js';

interface Row {
  mirror: string;
  paused_at: number | null;
  pause_reason: string | null;
  next_due_at: number | null;
  staging_base: number | null;
  staging_state: string | null;
  made_with: string | null;
}

/** What is kept of a mirror between runs. A mirror without a row has all fields empty. */
export class MirrorStore {
  readonly #get: Database.Statement<[string], Row>;
  readonly #all: Database.Statement<[], Row>;
  readonly #setPause: Database.Statement;
  readonly #setNextDue: Database.Statement;
  readonly #setStaging: Database.Statement;
  readonly #setMadeWith: Database.Statement;

  constructor(
    db: Database.Database,
    private readonly revisions: MirrorRevisions,
  ) {
    this.#get = db.prepare('SELECT * FROM mirrors WHERE mirror = ?');
    this.#all = db.prepare('SELECT * FROM mirrors ORDER BY mirror');
    this.#setPause = db.prepare(`
      INSERT INTO mirrors (mirror, paused_at, pause_reason) VALUES (@mirror, @at, @reason)
      ON CONFLICT (mirror) DO UPDATE SET paused_at = @at, pause_reason = @reason`);
    this.#setNextDue = db.prepare(`
      INSERT INTO mirrors (mirror, next_due_at) VALUES (@mirror, @at)
      ON CONFLICT (mirror) DO UPDATE SET next_due_at = @at
      -- what stands there already would be flushed to the disk all the same
      WHERE next_due_at IS NOT @at`);
    this.#setStaging = db.prepare(`
      INSERT INTO mirrors (mirror, staging_base, staging_state) VALUES (@mirror, @base, @state)
      ON CONFLICT (mirror) DO UPDATE SET staging_base = @base, staging_state = @state`);
    this.#setMadeWith = db.prepare(`
      INSERT INTO mirrors (mirror, made_with) VALUES (@mirror, @choice)
      ON CONFLICT (mirror) DO UPDATE SET made_with = @choice`);
  }

  /** Which generation was made with which choice of files; null when that is not known. */
  madeWith(mirror: string): string | null {
    return this.#get.get(mirror)?.made_with ?? null;
  }

  setMadeWith(mirror: string, choice: string): void {
    this.#setMadeWith.run({ mirror, choice });
  }

  get(mirror: string): MirrorState {
    const row = this.#get.get(mirror);
    return row ? toState(row) : { mirror, pausedAt: null, pauseReason: null, nextDueAt: null };
  }

  all(): MirrorState[] {
    return this.#all.all().map(toState);
  }

  pause(mirror: string, at: number, reason: string): void {
    this.#setPause.run({ mirror, at, reason });
    this.revisions.bump(mirror);
  }

  resume(mirror: string): void {
    this.#setPause.run({ mirror, at: null, reason: null });
    this.revisions.bump(mirror);
  }

  setNextDue(mirror: string, at: number | null): void {
    this.#setNextDue.run({ mirror, at });
    this.revisions.bump(mirror);
  }

  /** What the staging slot is based on, or null when it must be made equal to the live tree first. */
  staging(mirror: string): { base: number; state: StagingState } | null {
    const row = this.#get.get(mirror);
    if (!row || row.staging_base === null) return null;
    return { base: row.staging_base, state: (row.staging_state ?? 'uncertain') as StagingState };
  }

  setStaging(mirror: string, staging: { base: number; state: StagingState } | null): void {
    this.#setStaging.run({ mirror, base: staging?.base ?? null, state: staging?.state ?? null });
  }
}

function toState(row: Row): MirrorState {
  return {
    mirror: row.mirror,
    pausedAt: row.paused_at,
    pauseReason: row.pause_reason,
    nextDueAt: row.next_due_at,
  };
}
