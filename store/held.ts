import type Database from 'better-sqlite3';
import type { SlotName } from '../core/generation.js';
import type { HeldReport, HeldTree } from '../core/held.js';
import type { RunNumbers } from '../core/run.js';
import type { MirrorRevisions } from './mirror-revisions.js';

interface Row {
  mirror: string;
  run_id: number;
  base: number;
  slot: string;
  held_at: number;
  approved_at: number | null;
  report: string;
  numbers: string;
  marker_value: string | null;
  marker_time: number | null;
}

/** Trees that wait for a person, one a mirror. */
export class HeldStore {
  readonly #get: Database.Statement<[string], Row>;
  readonly #put: Database.Statement;
  readonly #approve: Database.Statement;
  readonly #remove: Database.Statement<[string]>;

  constructor(
    db: Database.Database,
    private readonly revisions: MirrorRevisions,
  ) {
    // a tree that is no longer the next one after the live tree can be published no more
    this.#get = db.prepare(`
      SELECT * FROM held_trees
      WHERE mirror = ?
        AND base = (SELECT id FROM generations WHERE mirror = held_trees.mirror AND state = 'live' ORDER BY id DESC LIMIT 1)`);
    this.#put = db.prepare(`
      INSERT OR REPLACE INTO held_trees
        (mirror, run_id, base, slot, held_at, approved_at, report, numbers, marker_value, marker_time)
      VALUES
        (@mirror, @runId, @base, @slot, @heldAt, @approvedAt, @report, @numbers, @markerValue, @markerTime)`);
    this.#approve = db.prepare('UPDATE held_trees SET approved_at = @at WHERE mirror = @mirror');
    this.#remove = db.prepare('DELETE FROM held_trees WHERE mirror = ?');
  }

  get(mirror: string): HeldTree | null {
    const row = this.#get.get(mirror);
    return row ? toHeld(row) : null;
  }

  put({ marker, report, numbers, ...held }: HeldTree): void {
    const texts = { report: JSON.stringify(report), numbers: JSON.stringify(numbers) };
    this.#put.run({ ...held, ...texts, markerValue: marker?.value ?? null, markerTime: marker?.time ?? null });
    this.revisions.bump(held.mirror);
  }

  approve(mirror: string, at: number): void {
    this.#approve.run({ mirror, at });
    this.revisions.bump(mirror);
  }

  remove(mirror: string): void {
    this.#remove.run(mirror);
    this.revisions.bump(mirror);
  }
}

function toHeld(row: Row): HeldTree {
  return {
    mirror: row.mirror,
    runId: row.run_id,
    base: row.base,
    slot: row.slot as SlotName,
    heldAt: row.held_at,
    approvedAt: row.approved_at,
    report: JSON.parse(row.report) as HeldReport,
    numbers: JSON.parse(row.numbers) as RunNumbers,
    marker: row.marker_value === null ? null : { value: row.marker_value, time: row.marker_time },
  };
}
