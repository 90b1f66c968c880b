import type Database from 'better-sqlite3';
import type { FailureClass } from '../core/failure.js';
import type { FailureStreak, Run, RunNumbers, RunOutcome, RunPhase, RunStage, RunTrigger } from '../core/run.js';
import type { MirrorRevisions } from './mirror-revisions.js';

interface Row {
  id: number;
  mirror: string;
  trigger: string;
  attempt: number;
  force: number;
  phase: string;
  outcome: string | null;
  failure: string | null;
  message: string | null;
  queued_at: number;
  started_at: number | null;
  ended_at: number | null;
  retry_at: number | null;
  upstream: string | null;
  exit_code: number | null;
  marker_value: string | null;
  marker_time: number | null;
  generation: number | null;
  transferred_files: number;
  transferred_bytes: number;
  received_bytes: number;
  added_files: number;
  added_bytes: number;
  deleted_files: number;
  deleted_bytes: number;
  total_files: number;
  total_bytes: number;
  speedup: number;
}

interface StageRow {
  pass: number;
  name: string;
  started_at: number;
  ended_at: number | null;
  exit_code: number | null;
  transferred_files: number;
  transferred_bytes: number;
  received_bytes: number;
}

const ADD_STAGE = 'INSERT INTO run_stages (run_id, pass, name, started_at) VALUES (@runId, @pass, @name, @startedAt)';
/** With the condition of the index runs_good word for word: it is not used otherwise. */
const LAST_GOOD =
  "SELECT * FROM runs WHERE mirror = ? AND outcome IN ('updated', 'unchanged') ORDER BY id DESC LIMIT 1";
const FETCHES = `
  SELECT started_at FROM runs WHERE mirror = ? AND started_at > ?
    AND EXISTS (SELECT 1 FROM run_stages WHERE run_id = runs.id)`;
const NOT_FAILED = "outcome NOT IN ('failed', 'cancelled', 'interrupted')";
const REACHABLE = "outcome = 'failed' AND coalesce(failure, '') NOT IN ('connect', 'dns')";

export class RunStore {
  readonly #insert: Database.Statement;
  readonly #get: Database.Statement<[number], Row>;
  readonly #list: Database.Statement<[string, number, number], Row>;
  readonly #unfinished: Database.Statement<[], Row>;
  readonly #lastEnded: Database.Statement<[string, number], Row>;
  readonly #lastGood: Database.Statement<[string], Row>;
  readonly #failed: Database.Statement<[string, string], { count: number; since: number | null }>;
  readonly #unreachable: Database.Statement<[string, string], { since: number | null }>;
  readonly #update: Database.Statement;
  readonly #old: Database.Statement<{ mirror: string; runs: number; before: number }, { id: number }>;
  readonly #delete: Database.Statement<[number]>;
  readonly #fetches: Database.Statement<[string, number], { started_at: number }>;
  readonly #stages: Database.Statement<[number], StageRow>;
  readonly #addStage: Database.Statement;
  readonly #endStage: Database.Statement;

  constructor(
    db: Database.Database,
    private readonly revisions: MirrorRevisions,
  ) {
    this.#insert = db.prepare(`
      INSERT INTO runs (mirror, trigger, attempt, force, phase, queued_at)
      VALUES (@mirror, @trigger, @attempt, @force, 'queued', @queuedAt)`);
    this.#get = db.prepare('SELECT * FROM runs WHERE id = ?');
    this.#list = db.prepare('SELECT * FROM runs WHERE mirror = ? AND id < ? ORDER BY id DESC LIMIT ?');
    this.#unfinished = db.prepare("SELECT * FROM runs WHERE phase <> 'ended' ORDER BY id");
    this.#lastEnded = db.prepare("SELECT * FROM runs WHERE mirror = ? AND phase = 'ended' ORDER BY id DESC LIMIT ?");
    this.#lastGood = db.prepare(LAST_GOOD);
    this.#failed = db.prepare(failedSince(NOT_FAILED));
    this.#unreachable = db.prepare(failedSince(`${NOT_FAILED} OR ${REACHABLE}`));
    this.#update = db.prepare(`
      UPDATE runs SET
        trigger = @trigger,
        attempt = @attempt,
        force = @force,
        phase = @phase,
        outcome = @outcome,
        failure = @failure,
        message = @message,
        started_at = @startedAt,
        ended_at = @endedAt,
        retry_at = @retryAt,
        upstream = @upstream,
        exit_code = @exitCode,
        marker_value = @markerValue,
        marker_time = @markerTime,
        generation = @generation,
        transferred_files = @transferredFiles,
        transferred_bytes = @transferredBytes,
        received_bytes = @receivedBytes,
        added_files = @addedFiles,
        added_bytes = @addedBytes,
        deleted_files = @deletedFiles,
        deleted_bytes = @deletedBytes,
        total_files = @totalFiles,
        total_bytes = @totalBytes,
        speedup = @speedup
      WHERE id = @id`);
    this.#old = db.prepare(`
      SELECT id FROM runs
      WHERE mirror = @mirror AND phase = 'ended' AND ended_at < @before
        AND id NOT IN (SELECT id FROM runs WHERE mirror = @mirror ORDER BY id DESC LIMIT @runs)`);
    this.#delete = db.prepare('DELETE FROM runs WHERE id = ?');
    this.#fetches = db.prepare(FETCHES);
    this.#stages = db.prepare('SELECT * FROM run_stages WHERE run_id = ? ORDER BY rowid');
    this.#addStage = db.prepare(ADD_STAGE);
    this.#endStage = db.prepare(`
      UPDATE run_stages SET
        ended_at = @endedAt,
        exit_code = @exitCode,
        transferred_files = @transferredFiles,
        transferred_bytes = @transferredBytes,
        received_bytes = @receivedBytes
      WHERE rowid = @stageId`);
  }

  /** Records a run in phase `queued`. */
  add(run: { mirror: string; trigger: RunTrigger; attempt: number; force: boolean; queuedAt: number }): Run {
    const { lastInsertRowid } = this.#insert.run({ ...run, force: run.force ? 1 : 0 });
    this.revisions.bump(run.mirror);
    return this.mustGet(Number(lastInsertRowid));
  }

  get(id: number): Run | undefined {
    const row = this.#get.get(id);
    return row && toRun(row);
  }

  mustGet(id: number): Run {
    const run = this.get(id);
    if (!run) throw new Error(`run ${id} is not in the database`);
    return run;
  }

  /** Newest first, those with an id under `before` when it is given. */
  list(mirror: string, limit: number, before: number = Number.MAX_SAFE_INTEGER): Run[] {
    return this.#list.all(mirror, before, limit).map(toRun);
  }

  /** All runs that are queued or running, oldest first. */
  unfinished(): Run[] {
    return this.#unfinished.all().map(toRun);
  }

  /** The newest ended runs. */
  ended(mirror: string, limit: number): Run[] {
    return this.#lastEnded.all(mirror, limit).map(toRun);
  }

  /** The newest run that brought the mirror into step with its upstream. */
  lastGood(mirror: string): Run | undefined {
    const row = this.#lastGood.get(mirror);
    return row && toRun(row);
  }

  /** All failed runs since the last that ended otherwise; what was cancelled or interrupted says nothing. */
  failures(mirror: string): FailureStreak | null {
    const { count = 0, since = null } = this.#failed.get(mirror, mirror) ?? {};
    const unreachableSince = this.#unreachable.get(mirror, mirror)?.since ?? null;
    return since === null ? null : { count, since, unreachableSince };
  }

  /** Writes the given fields of a run and returns it whole. */
  update(id: number, fields: Partial<Omit<Run, 'id' | 'mirror' | 'queuedAt'>>): Run {
    const { numbers, ...run } = { ...this.mustGet(id), ...fields };
    this.#update.run({ ...run, ...numbers, force: run.force ? 1 : 0 });
    this.revisions.bump(run.mirror);
    return { ...run, numbers };
  }

  /** Ids of ended runs that are neither among the newest `runs` nor ended after `before` (ms UTC). */
  outdated(mirror: string, keep: { runs: number; before: number }): number[] {
    return this.#old.all({ mirror, ...keep }).map((row) => row.id);
  }

  remove(id: number): void {
    const run = this.get(id);
    this.#delete.run(id);
    if (run) this.revisions.bump(run.mirror);
  }

  /** When the runs since `after` started that asked upstream for more than its marker. */
  fetches(mirror: string, after: number): number[] {
    return this.#fetches.all(mirror, after).map((row) => row.started_at);
  }

  stages(runId: number): RunStage[] {
    return this.#stages.all(runId).map((row) => ({
      pass: row.pass,
      name: row.name,
      startedAt: row.started_at,
      endedAt: row.ended_at,
      exitCode: row.exit_code,
      transferredFiles: row.transferred_files,
      transferredBytes: row.transferred_bytes,
      receivedBytes: row.received_bytes,
    }));
  }

  /** Returns a handle for `endStage`. */
  startStage(stage: { runId: number; pass: number; name: string; startedAt: number }): number {
    return Number(this.#addStage.run(stage).lastInsertRowid);
  }

  endStage(
    stageId: number,
    end: { endedAt: number; exitCode: number | null } & Pick<
      RunNumbers,
      'transferredFiles' | 'transferredBytes' | 'receivedBytes'
    >,
  ): void {
    this.#endStage.run({ stageId, ...end });
  }
}

/** How many runs of a mirror failed since the last one that is as `end` says, and when the first of them ended. */
function failedSince(end: string): string {
  return `
    SELECT count(*) AS count, min(coalesce(ended_at, queued_at)) AS since FROM runs
    WHERE mirror = ? AND outcome = 'failed'
      AND id > (SELECT coalesce(max(id), 0) FROM runs WHERE mirror = ? AND (${end}))`;
}

function toRun(row: Row): Run {
  return {
    id: row.id,
    mirror: row.mirror,
    trigger: row.trigger as RunTrigger,
    attempt: row.attempt,
    force: row.force === 1,
    phase: row.phase as RunPhase,
    outcome: row.outcome as RunOutcome | null,
    failure: row.failure as FailureClass | null,
    message: row.message,
    queuedAt: row.queued_at,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    retryAt: row.retry_at,
    upstream: row.upstream,
    exitCode: row.exit_code,
    markerValue: row.marker_value,
    markerTime: row.marker_time,
    generation: row.generation,
    numbers: {
      transferredFiles: row.transferred_files,
      transferredBytes: row.transferred_bytes,
      receivedBytes: row.received_bytes,
      addedFiles: row.added_files,
      addedBytes: row.added_bytes,
      deletedFiles: row.deleted_files,
      deletedBytes: row.deleted_bytes,
      totalFiles: row.total_files,
      totalBytes: row.total_bytes,
      speedup: row.speedup,
    },
  };
}
