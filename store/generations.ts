import type Database from 'better-sqlite3';
import type { Generation, GenerationState, SlotName } from '../core/generation.js';
import type { MirrorRevisions } from './mirror-revisions.js';

interface Row {
  id: number;
  mirror: string;
  run_id: number | null;
  slot: string;
  state: string;
  files: number;
  bytes: number;
  marker_value: string | null;
  marker_time: number | null;
  verification: string | null;
  published_at: number;
  confirmed_at: number;
}

export class GenerationStore {
  readonly #insert: Database.Statement;
  readonly #get: Database.Statement<[number], Row>;
  readonly #byState: Database.Statement<[string, string], Row>;
  readonly #list: Database.Statement<[string, number], Row>;
  readonly #newest: Database.Statement<[number], Row>;
  readonly #setState: Database.Statement;
  readonly #revive: Database.Statement;
  readonly #confirm: Database.Statement;
  readonly #delete: Database.Statement;

  constructor(
    db: Database.Database,
    private readonly revisions: MirrorRevisions,
  ) {
    this.#insert = db.prepare(`
      INSERT INTO generations
        (mirror, run_id, slot, state, files, bytes, marker_value, marker_time, verification,
         published_at, confirmed_at)
      VALUES
        (@mirror, @runId, @slot, @state, @files, @bytes, @markerValue, @markerTime, @verification,
         @publishedAt, @confirmedAt)`);
    this.#get = db.prepare('SELECT * FROM generations WHERE id = ?');
    this.#byState = db.prepare('SELECT * FROM generations WHERE mirror = ? AND state = ? ORDER BY id DESC LIMIT 1');
    this.#list = db.prepare('SELECT * FROM generations WHERE mirror = ? ORDER BY id DESC LIMIT ?');
    this.#newest = db.prepare('SELECT * FROM generations ORDER BY id DESC LIMIT ?');
    this.#setState = db.prepare('UPDATE generations SET state = @state WHERE id = @id');
    this.#revive = db.prepare('UPDATE generations SET slot = @slot, state = @state WHERE id = @id');
    this.#confirm = db.prepare(`
      UPDATE generations
      SET confirmed_at = @at, marker_value = @markerValue, marker_time = @markerTime
      WHERE id = @id`);
    this.#delete = db.prepare('DELETE FROM generations WHERE id = ?');
  }

  /** Returns the new generation with its id. */
  add(generation: Omit<Generation, 'id'>): Generation {
    const { lastInsertRowid } = this.#insert.run(generation);
    this.revisions.bump(generation.mirror);
    return { ...generation, id: Number(lastInsertRowid) };
  }

  get(id: number): Generation | undefined {
    const row = this.#get.get(id);
    return row && toGeneration(row);
  }

  /** The newest generation of a mirror that is in `state`. */
  inState(mirror: string, state: GenerationState): Generation | undefined {
    const row = this.#byState.get(mirror, state);
    return row && toGeneration(row);
  }

  live(mirror: string): Generation | undefined {
    return this.inState(mirror, 'live');
  }

  /** Newest first. */
  list(mirror: string, limit: number): Generation[] {
    return this.#list.all(mirror, limit).map(toGeneration);
  }

  /** Of all mirrors, newest first. */
  newest(limit: number): Generation[] {
    return this.#newest.all(limit).map(toGeneration);
  }

  setState(id: number, state: GenerationState): void {
    this.#setState.run({ id, state });
    this.#bump(this.get(id));
  }

  /** Makes a former generation `id` as told again, or, where none is known, a new one. */
  revive(id: number | null, generation: Omit<Generation, 'id'>): Generation {
    if (id === null || !this.get(id)) return this.add(generation);
    this.#revive.run({ id, slot: generation.slot, state: generation.state });
    return { ...generation, ...this.get(id), id };
  }

  /** Upstream was seen to be equal to this generation at `at`. */
  confirm(id: number, at: number, marker: { value: string; time: number | null } | null): void {
    const known = this.get(id);
    this.#confirm.run({
      id,
      at,
      markerValue: marker ? marker.value : (known?.markerValue ?? null),
      markerTime: marker ? marker.time : (known?.markerTime ?? null),
    });
    this.#bump(known);
  }

  remove(id: number): void {
    const known = this.get(id);
    this.#delete.run(id);
    this.#bump(known);
  }

  #bump(generation: Generation | undefined): void {
    if (generation) this.revisions.bump(generation.mirror);
  }
}

function toGeneration(row: Row): Generation {
  return {
    id: row.id,
    mirror: row.mirror,
    runId: row.run_id,
    slot: row.slot as SlotName,
    state: row.state as GenerationState,
    files: row.files,
    bytes: row.bytes,
    markerValue: row.marker_value,
    markerTime: row.marker_time,
    verification: row.verification,
    publishedAt: row.published_at,
    confirmedAt: row.confirmed_at,
  };
}
